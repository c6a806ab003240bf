"""The same door over a real socket and the real server: what a test transport cannot show."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from tests.support.platform import NewPlatform, Running

from livery.entrypoints.api import make_server


@pytest.fixture(scope="module")
async def served(new_platform: NewPlatform) -> AsyncIterator[tuple[Running, int]]:
    async with new_platform() as running:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = make_server(running.platform, "127.0.0.1", port)
        ready = asyncio.Event()
        server.on_startup(ready.set)
        task = asyncio.create_task(server.serve())
        await asyncio.wait_for(ready.wait(), 30)
        for _ in range(100):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        yield running, port
        server.stop()
        await asyncio.wait_for(task, 30)


async def exchange(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to raw bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
        body = b""
        if "content-length" in headers and not request.startswith(b"HEAD"):
            body = await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), 20)
        elif request.startswith(b"HEAD"):
            body = await asyncio.wait_for(reader.read(), 20)
        return int(first.split()[1]), headers, body
    finally:
        writer.close()


def request(running: Running, line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [
        line + " HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Authorization: Bearer {running.token}",
    ]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


async def test_a_run(served: tuple[Running, int]) -> None:
    running, port = served
    body = b'{"skill_key": "add", "input": {"a": 2, "b": 3}}'
    status, headers, answer = await exchange(
        port, request(running, "POST /v1/runs", "Content-Type: application/json", body=body)
    )
    assert status == 200
    assert json.loads(answer)["result"] == 5
    assert headers["x-correlation-id"] == json.loads(answer)["correlation_id"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET /v1/skills/%00", 404),
        ("GET /v1/skills/%FF%FE", 404),
        ("GET /v1/skills?q=%00", 422),
        ("GET /v1/skills?q=%FF", 200),
        ("GET /v1/%2e%2e/%2e%2e/etc/passwd", 404),
        ("OPTIONS /v1/runs", 405),
        ("DELETE /v1/runs", 405),
        ("GET /nowhere", 404),
    ],
)
async def test_addresses(served: tuple[Running, int], line: str, expected: int) -> None:
    running, port = served
    status, headers, body = await exchange(port, request(running, line))
    assert status == expected
    assert headers["x-correlation-id"]
    if status >= 400:
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["status"] == status


async def test_head_has_no_body(served: tuple[Running, int]) -> None:
    running, port = served
    status, headers, body = await exchange(port, request(running, "HEAD /v1/skills/add"))
    assert (status, body) == (200, b"")
    assert headers["content-type"] == "application/json"


async def test_a_body_without_end_is_cut_off(served: tuple[Running, int]) -> None:
    # The answer may be lost where the server hangs up while the caller still writes: TCP resets the connection.
    answers = [await _endless(*served) for _ in range(5)]
    assert all(sent < 64 * 1024 * 1024 for sent, _ in answers)
    heads = {first.split(b"\r\n")[0] for _, first in answers if first}
    assert len(heads) == 1
    assert b" 413 " in heads.pop()


async def _endless(running: Running, port: int) -> tuple[int, bytes]:
    """Send a body until somebody has enough: bytes that were sent, and what came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = request(
        running, "POST /v1/tokens", "Transfer-Encoding: chunked", "Content-Type: application/json"
    )
    writer.write(head)
    answer = asyncio.create_task(reader.read(4096))
    sent, first = 0, b""
    with suppress(ConnectionError):
        while not answer.done() and sent < 64 * 1024 * 1024:
            writer.write(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
            await writer.drain()
            sent += 0x100000
            await asyncio.sleep(0)
    with suppress(ConnectionError):
        first = await asyncio.wait_for(answer, 20)
    writer.close()
    return sent, first


async def test_a_caller_that_leaves_loses_no_run(served: tuple[Running, int]) -> None:
    running, port = served
    body = b'{"skill_key": "weekly-digest", "input": {}}'
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(running, "POST /v1/runs", "Content-Type: application/json", body=body))
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.transport.abort()
    for _ in range(400):
        async with running.http() as http:
            runs = (await http.get("/v1/runs", params={"skill_key": "weekly-digest"})).json()[
                "items"
            ]
        if runs and all(item["status"] != "running" for item in runs):
            break
        await asyncio.sleep(0.05)
    assert runs
    assert {item["status"] for item in runs} <= {"succeeded", "failed"}
