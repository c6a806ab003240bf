"""MCP over stdin and stdout: each line is carried to the platform's MCP door, each answer back.

The server is the one at the platform, over HTTP or embedded: this is a pipe and decides nothing.
"""

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from livery.client import LiveryClient
from livery.client.documents import HiredAgent
from livery.manifest.errors import LiveryError

MAX_LINE = 8 * 1024 * 1024
TOKEN_DAYS = 30
"""How long a pipe may stay open: a desktop keeps its servers running for days."""
_PARSE_ERROR, _INVALID_REQUEST, _INTERNAL_ERROR = -32700, -32600, -32603
_CHUNK = 64 * 1024
_WAITING = 64
_TOO_LONG = b"\x00"
"""Stands for a line beyond MAX_LINE; it is no JSON."""

Exchange = Callable[[dict[str, Any], str | None], Awaitable[dict[str, Any] | None]]


@contextmanager
def wires() -> Iterator[tuple[int, int]]:
    """stdin and stdout for the protocol alone: what else prints here prints to stderr."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    try:
        yield source, sink
    finally:
        os.dup2(source, 0)
        os.dup2(sink, 1)
        # Not closed: the reading thread may still wait on its end.


async def serve(client: LiveryClient, agent: HiredAgent, source: int, sink: int) -> None:
    """Serve one MCP client as `agent`, until it closes stdin or ends this process."""
    async with _token(client, agent) as token:

        async def exchange(message: dict[str, Any], version: str | None) -> dict[str, Any] | None:
            return await client.mcp(message, token=token, version=version)

        await _Pipe(exchange, sink).run(source)


@asynccontextmanager
async def _token(client: LiveryClient, agent: HiredAgent) -> AsyncIterator[str | None]:
    """A token of the agent, for as long as the pipe is open; None where the client holds one."""
    if (await client.whoami())["role"] == "agent":
        yield None
        return
    made = await client.create_token(
        "agent",
        workspace=str(agent["workspace"]),
        hired_agent_id=agent["hired_agent_id"],
        name=agent["name"],
        expires_in_days=TOKEN_DAYS,
    )
    try:
        yield made["token"]
    finally:
        with suppress(LiveryError):  # the platform may be gone; then the token expires
            await client.revoke_token(made["token_id"])


class _Pipe:
    def __init__(self, exchange: Exchange, sink: int) -> None:
        self._exchange = exchange
        self._sink = sink
        self._stop = asyncio.Event()
        self._calls: dict[asyncio.Task[None], Any] = {}
        self._version: str | None = None  # what `initialize` agreed on

    async def run(self, source: int) -> None:
        """Carry lines until the source ends (then the calls that are on are answered) or SIGTERM."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        lines: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        reader = threading.Thread(target=_read, args=(source, lines, loop), daemon=True)
        reader.start()
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            while (line := await self._next(lines, stopping)) is not None:
                call = asyncio.create_task(self._carry(line))
                self._calls[call] = None
                call.add_done_callback(lambda done: self._calls.pop(done, None))
            while self._calls and not self._stop.is_set():
                await asyncio.wait({*self._calls, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            for call in self._calls:
                call.cancel()
            loop.remove_signal_handler(signal.SIGTERM)

    async def _next(
        self, lines: "asyncio.Queue[bytes | None]", stopping: "asyncio.Future[Any]"
    ) -> bytes | None:
        getting = asyncio.ensure_future(lines.get())
        await asyncio.wait({getting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if self._stop.is_set():
            getting.cancel()
            return None
        return getting.result()

    async def _carry(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            long = f"a line has at most {MAX_LINE} bytes" if line == _TOO_LONG else "no JSON"
            self._write(_error(None, _PARSE_ERROR, f"Parse error: {long}"))
            return
        if not isinstance(message, dict):
            self._write(_error(None, _INVALID_REQUEST, "One JSON-RPC message a line."))
            return
        if "method" not in message:
            return  # an answer: this server asks nothing
        if message["method"] == "notifications/cancelled":
            self._cancel(message.get("params"))
            return
        call = asyncio.current_task()
        assert call is not None  # we are one
        self._calls[call] = message.get("id")
        answer = await self._answer(message)
        if answer is not None and "id" in message:
            self._write(answer)

    async def _answer(self, message: dict[str, Any]) -> dict[str, Any] | None:
        try:
            answer = await self._exchange(message, self._version)
        except LiveryError as error:
            said = f"{error.code}: {error.message} {error.remedy}"
            return _error(message.get("id"), _INTERNAL_ERROR, said, error.problem(""))
        except Exception as error:
            said = f"{type(error).__name__} in the pipe"
            return _error(message.get("id"), _INTERNAL_ERROR, said)
        if answer is None:
            return None
        if message["method"] == "initialize":
            self._version = (answer.get("result") or {}).get("protocolVersion")
        # Over HTTP an answer needs no id to find its request; here nothing else tells.
        return answer if answer.get("id") is not None else {**answer, "id": message.get("id")}

    def _cancel(self, params: object) -> None:
        wanted = params.get("requestId") if isinstance(params, dict) else None
        for call, message_id in list(self._calls.items()):
            if wanted is not None and message_id == wanted:
                call.cancel()

    def _write(self, answer: dict[str, Any]) -> None:
        line = memoryview(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        try:
            while line:
                line = line[os.write(self._sink, line) :]
        except OSError:
            self._stop.set()  # nobody listens any more


def _error(
    message_id: Any, code: int, said: str, data: dict[str, Any] | None = None
) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": said.strip()}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": message_id, "error": error}


def _read(
    source: int, lines: "asyncio.Queue[bytes | None]", loop: asyncio.AbstractEventLoop
) -> None:
    # A thread, since stdin may be a file or a terminal; os.read, since a buffered reader that is
    # waiting holds a lock that stops the interpreter from ending.
    with suppress(RuntimeError):  # the loop is gone
        for line in split(source):
            asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
        asyncio.run_coroutine_threadsafe(lines.put(None), loop).result()


def split(source: int) -> Iterator[bytes]:
    """The lines of a file descriptor without their ends; blank ones are left out."""
    held, dropping = bytearray(), False
    while chunk := _chunk(source):
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = _TOO_LONG if dropping else bytes(held) + end
            held, dropping = bytearray(), False
            if line.strip():
                yield line if len(line) <= MAX_LINE else _TOO_LONG
        held += rest
        if len(held) > MAX_LINE:
            held, dropping = bytearray(), True
    if held.strip() or dropping:
        yield _TOO_LONG if dropping else bytes(held)


def _chunk(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError:
        return b""
