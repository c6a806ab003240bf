"""The load of the `http` benchmark, a process of its own: keep-alive connections that each wait for their answer.

`python -m benchmarks.http_load PORT CONNECTIONS COUNT` with the request as JSON on standard input:
{path, headers, bodies}. Plain sockets on uvloop, so that the client takes as little of the machine as it can.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import uvloop

from benchmarks.harness import percentile


class _Connection(asyncio.Protocol):
    """Sends a request, reads its answer, sends the next one."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = self._load.take()
        if request is None:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lowered = self._buffer[:head].lower()
        at = lowered.index(b"content-length:") + 15
        length = int(lowered[at : lowered.find(b"\r", at) if b"\r" in lowered[at:] else head])
        if len(self._buffer) < head + 4 + length:
            return
        self._load.answered(self._buffer[9:12], time.perf_counter() - self._sent)
        self._buffer = b""
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.lost(error)


class _Load:
    def __init__(self, port: int, request: dict[str, Any], connections: int, count: int) -> None:
        self._left, self._open = count, connections
        self._head = "".join(
            f"{line}\r\n"
            for line in (
                f"POST {request['path']} HTTP/1.1",
                f"Host: 127.0.0.1:{port}",
                "Content-Type: application/json",
                *(f"{name}: {value}" for name, value in request["headers"].items()),
            )
        )
        self._bodies = request["bodies"]
        self._mark = f"{os.getpid()}-{time.time_ns()}"
        self.statuses: dict[str, int] = {}
        self.taken: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self) -> bytes | None:
        """The next request, None when all are sent."""
        if self._left == 0:
            return None
        self._left -= 1
        body = self._bodies[self._left % len(self._bodies)]
        tail = f"Idempotency-Key: {self._mark}-{self._left}\r\nContent-Length: {len(body)}\r\n\r\n"
        return f"{self._head}{tail}{body}".encode()

    def answered(self, status: bytes, seconds: float) -> None:
        """Count."""
        self.statuses[status.decode()] = self.statuses.get(status.decode(), 0) + 1
        self.taken.append(seconds)

    def lost(self, error: Exception | None) -> None:
        """One connection less."""
        self._open -= 1
        if error is not None and not self.done.done():
            self.done.set_exception(error)
        elif self._open == 0 and not self.done.done():
            self.done.set_result(None)


async def _main(port: int, connections: int, count: int) -> dict[str, Any]:
    load = _Load(port, json.load(sys.stdin), connections, count)
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port)
    await load.done
    spent = time.perf_counter() - start
    return {
        "per_s": len(load.taken) / spent,
        "p50_ms": percentile(load.taken, 0.5) * 1000,
        "p99_ms": percentile(load.taken, 0.99) * 1000,
        "statuses": load.statuses,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_main(*(int(item) for item in sys.argv[1:4])))))
