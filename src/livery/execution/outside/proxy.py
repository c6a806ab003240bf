"""The way out of a container: a proxy on a unix socket, mounted into it, that lets declared hosts pass.

The container has no network. It speaks HTTP proxy (CONNECT, or an absolute http URL) over the socket; the platform
resolves the name once, checks every address, connects to one of those, and logs the connection, refused ones too.
Inside of TLS it sees nothing: which virtual host of an address is asked is between the plugin and that address.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from livery.execution.outside.dial import DialPolicy
from livery.execution.outside.scrub import Scrubber
from livery.manifest.errors import LiveryError

SOCKET = "proxy.sock"
MAX_HEAD = 64 * 1024
MAX_CONNECTIONS = 16
MAX_BYTES = 64 * 1024 * 1024
CONNECT_S = 10.0
IDLE_S = 60.0
_log = structlog.get_logger("livery.egress")
Before = Callable[[str], Awaitable[bool]]


class Egress(Protocol):
    """Makes the way out for one run."""

    def __call__(
        self, hosts: Sequence[str], run_id: str, before: Before, secrets: Scrubber | None = None
    ) -> AbstractAsyncContextManager[Path]:
        """`async with egress(…) as folder`; see `opener`."""


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True)
class _Allowance:
    """What one run may still use."""

    hosts: frozenset[str]
    run_id: str
    policy: DialPolicy
    before: Before
    secrets: Scrubber
    bytes_left: int = MAX_BYTES
    open: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


def opener(policy: DialPolicy) -> Egress:
    """Makes the way out for one run: `async with egress(hosts, run_id, before) as folder`.

    `before(host)` is asked before a connection is made; False refuses it. `secrets` are kept out of the log: a
    plugin may ask for a host that is called as its credential.
    """

    @asynccontextmanager
    async def egress(
        hosts: Sequence[str], run_id: str, before: Before, secrets: Scrubber | None = None
    ) -> AsyncIterator[Path]:
        folder = _folder()
        known = secrets if secrets is not None else Scrubber()
        allowance = _Allowance(frozenset(hosts), run_id, policy, before, known)
        server = await asyncio.start_unix_server(
            lambda reader, writer: _accept(reader, writer, allowance),
            folder / SOCKET,
            limit=MAX_HEAD,
        )
        _open_to_all(folder / SOCKET)
        try:
            yield folder
        finally:
            server.close()
            for task in list(allowance.tasks):
                task.cancel()
            await asyncio.gather(*allowance.tasks, return_exceptions=True)
            await asyncio.to_thread(shutil.rmtree, folder.parent, True)

    return egress


def _folder() -> Path:
    # The outer folder keeps the other users of this machine out; the inner one is mounted, and the
    # container's user, who is another one, may pass through it.
    folder = Path(tempfile.mkdtemp(prefix="livery-egress-")) / "out"
    folder.mkdir()
    folder.chmod(0o711)
    return folder


def _open_to_all(path: Path) -> None:
    path.chmod(0o666)


async def nobody_asks(host: str) -> bool:  # noqa: ARG001
    """A run without effects: a connection to a declared host needs no further leave."""
    return True


async def _accept(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, allowance: _Allowance
) -> None:
    task = asyncio.current_task()
    assert task is not None
    allowance.tasks.add(task)
    try:
        allowance.open += 1
        await _serve(reader, writer, allowance)
    except _Refused as refused:
        text = f"HTTP/1.1 {refused.status} Refused\r\nContent-Type: text/plain\r\n"
        body = f"{refused}\n".encode()
        with suppress(OSError):
            writer.write(
                f"{text}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
            )
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        pass
    except asyncio.CancelledError:
        pass  # the run is over; asyncio of Python 3.11 reports a task that ends cancelled as a broken callback
    finally:
        allowance.open -= 1
        allowance.tasks.discard(task)
        writer.close()


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, allowance: _Allowance
) -> None:
    if allowance.open > MAX_CONNECTIONS:
        raise _Refused(429, f"At most {MAX_CONNECTIONS} connections at once.")
    host, port, head = await _target(reader)
    upstream_reader, upstream = await _connect(host, port, allowance)
    try:
        if head is None:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            upstream.write(head)
        await asyncio.gather(
            _pump(reader, upstream, allowance), _pump(upstream_reader, writer, allowance)
        )
    finally:
        upstream.close()


async def _target(reader: asyncio.StreamReader) -> tuple[str, int, bytes | None]:
    """Host, port, and the request's head as it goes to the origin (None for a tunnel)."""
    try:
        async with asyncio.timeout(IDLE_S):
            raw = await reader.readuntil(b"\r\n\r\n")
        lines = raw.decode("latin-1").split("\r\n")
        method, target, version = lines[0].split(" ")
    except (asyncio.LimitOverrunError, ValueError):
        raise _Refused(400, "This is no proxy request.") from None
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise _Refused(505, "HTTP/1.1 only.")
    try:
        if method == "CONNECT":
            parts = urlsplit(f"//{target}")
            return _host(parts.hostname), parts.port or 443, None
        parts = urlsplit(target)
        if parts.scheme != "http" or parts.username or parts.password:
            raise _Refused(400, "An absolute http URL, or CONNECT.")
        host, port = _host(parts.hostname), parts.port or 80
    except ValueError:
        raise _Refused(400, "The target is none.") from None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    dropped = ("proxy-", "connection:", "keep-alive:", "host:")
    kept = [line for line in lines[1:] if line and not line.lower().startswith(dropped)]
    head = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", *kept, "Connection: close"]
    return host, port, "\r\n".join([*head, "", ""]).encode("latin-1")


def _host(name: str | None) -> str:
    if not name:
        raise ValueError("no host")
    return name.lower().rstrip(".")


async def _connect(
    host: str, port: int, allowance: _Allowance
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    log = _log.bind(run_id=allowance.run_id, host=allowance.secrets.name(host), port=port)
    usual = host if port in (80, 443) else None
    if f"{host}:{port}" not in allowance.hosts and usual not in allowance.hosts:
        log.warning("egress_refused", reason="not declared")
        raise _Refused(403, f"This skill did not declare network {host}:{port}.")
    try:
        addresses = await asyncio.to_thread(allowance.policy.addresses, host, port)
    except LiveryError as error:
        log.warning("egress_refused", reason=error.message)
        raise _Refused(403, error.message) from None
    if not await allowance.before(f"{host}:{port}"):
        log.warning("egress_refused", reason="the run is over")
        raise _Refused(403, "The run is over; nothing leaves.")
    for address in addresses:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                pair = await asyncio.open_connection(address, port)
            log.info("egress", address=address)
            return pair
    log.warning("egress_refused", reason="no answer")
    raise _Refused(502, f"{host} does not answer.")


async def _pump(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, allowance: _Allowance
) -> None:
    with suppress(OSError):
        while True:
            async with asyncio.timeout(IDLE_S):
                data = await source.read(64 * 1024)
            if not data:
                break
            allowance.bytes_left -= len(data)
            if allowance.bytes_left < 0:
                _log.warning("egress_cut", run_id=allowance.run_id, limit=MAX_BYTES)
                break
            sink.write(data)
            await sink.drain()
    with suppress(OSError, RuntimeError):
        if sink.can_write_eof():
            sink.write_eof()
