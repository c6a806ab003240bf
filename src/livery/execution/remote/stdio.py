"""An MCP server as a process of its own: exactly the listed variables, bounded output, gone in the end.

The SDK's own transport hands on HOME, PATH and more, and reads lines of any length.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import structlog
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from livery.manifest.denylist import redact_text

MAX_LINE = 4 * 1024 * 1024
MAX_BURST = 16 * 1024 * 1024
"""Bytes that a server may say between two messages of ours."""
_GRACE_S = 1.0
_KEPT = 2000
_log = structlog.get_logger("livery.mcp")


class Wire:
    """What became of the process: `fault` says in words why it is over."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.over = asyncio.Event()
        self.burst = 0

    def end(self, fault: str) -> None:
        """It is over; the first reason counts."""
        self.fault = self.fault or fault
        self.over.set()


@asynccontextmanager
async def stdio(
    name: str, command: tuple[str, ...], env: Mapping[str, str], cwd: str, wire: Wire
) -> AsyncIterator[Any]:
    """Start it and carry its messages; raises OSError where it cannot be started."""
    program = shutil.which(command[0], path=os.environ.get("PATH", os.defpath)) or command[0]
    process = await asyncio.create_subprocess_exec(
        program,
        *command[1:],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        cwd=cwd,
        start_new_session=True,
        limit=MAX_LINE,
    )
    to_us, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, to_it = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = [
        asyncio.create_task(_hear(process, to_us, wire)),
        asyncio.create_task(_say(process, to_it, wire)),
        asyncio.create_task(_complaints(name, process, wire)),
    ]
    try:
        yield read, write
    finally:
        wire.end("it was stopped")
        for task in tasks[:2]:
            task.cancel()
        await asyncio.shield(_stop(process))
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in (to_us, read, write, to_it):
            stream.close()


async def _hear(process: asyncio.subprocess.Process, to_us: Any, wire: Wire) -> None:
    assert process.stdout is not None
    try:
        while line := await process.stdout.readline():
            wire.burst += len(line)
            if wire.burst > MAX_BURST:
                wire.end(f"it said more than {MAX_BURST} bytes unasked")
                return
            try:
                message = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValueError:
                continue  # a print that went astray is no message
            await to_us.send(message)
        wire.end("it ended")
    except ValueError:
        wire.end(f"it sent a line of more than {MAX_LINE} bytes")
    except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        wire.end("its connection broke")
    finally:
        to_us.close()


async def _say(process: asyncio.subprocess.Process, to_it: Any, wire: Wire) -> None:
    assert process.stdin is not None
    try:
        async for item in to_it:
            wire.burst = 0
            text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()
    except OSError:
        wire.end("it does not listen any more")


async def _complaints(name: str, process: asyncio.subprocess.Process, wire: Wire) -> None:
    """Read stderr, so that nothing blocks, and log its end where the server ended by itself."""
    assert process.stderr is not None
    kept = b""
    while chunk := await process.stderr.read(65536):
        kept = (kept + chunk)[-_KEPT:]
    if kept and not wire.over.is_set():
        said = redact_text(kept.decode(errors="replace"))
        _log.warning("mcp_server_ended", server=name, said=said)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Close its stdin, then end it and whatever it started."""
    if process.stdin is not None:
        process.stdin.close()
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
            break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # what it left behind has its group
    # Output that nobody read holds the pipes open: asyncio has no public way to close them.
    transport: Any = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
