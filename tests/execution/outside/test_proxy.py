"""The way out of a container, over its real socket."""

import asyncio
import itertools
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.receiver import Receiver, receiver

from livery.execution.outside.dial import DialPolicy
from livery.execution.outside.proxy import SOCKET, nobody_asks, opener


async def say(folder: Path, text: str) -> bytes:
    reader, writer = await asyncio.open_unix_connection(folder / SOCKET)
    writer.write(text.encode("latin-1"))
    await writer.drain()
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(1 << 20), 10)
    while more := await asyncio.wait_for(reader.read(1 << 20), 10):
        answer += more
    writer.close()
    return answer


def policy(target: Receiver) -> DialPolicy:
    return DialPolicy(frozenset({target.host}))


async def test_a_declared_host_is_reached_both_ways() -> None:
    with receiver(answer=b"here") as target:
        async with opener(policy(target))([target.host], "run", nobody_asks) as folder:
            plain = await say(folder, f"GET {target.url}?q=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert plain.endswith(b"here")
            assert (target.received[0].path, target.received[0].headers["host"]) == (
                "/hook?q=1",
                target.host,
            )
            tunnel = await say(
                folder,
                f"CONNECT {target.host} HTTP/1.1\r\n\r\n"
                f"GET /t HTTP/1.1\r\nHost: {target.host}\r\nConnection: close\r\n\r\n",
            )
            assert tunnel.startswith(b"HTTP/1.1 200")
            assert tunnel.endswith(b"here")


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT other.example:443 HTTP/1.1",
        "CONNECT 169.254.169.254:80 HTTP/1.1",
        "CONNECT localhost:22 HTTP/1.1",
        "GET http://other.example/ HTTP/1.1",
        "GET http://u:p@127.0.0.1/ HTTP/1.1",
        "GET file:///etc/passwd HTTP/1.1",
        "GET / HTTP/1.1",
        "CONNECT : HTTP/1.1",
        "CONNECT a:99999999 HTTP/1.1",
        "nonsense",
        "GET http://a/ HTTP/9",
    ],
)
async def test_everything_else_is_refused_in_words(request_line: str) -> None:
    with receiver() as target:
        async with opener(policy(target))([target.host], "run", nobody_asks) as folder:
            answer = await say(folder, f"{request_line}\r\n\r\n")
            assert answer.split()[1] in (b"400", b"403", b"505"), answer
            assert target.received == []


async def test_a_declared_name_that_is_private_is_refused() -> None:
    with receiver() as target:
        open_egress = opener(DialPolicy(resolve=lambda *_: ["127.0.0.1"]))
        async with open_egress([f"evil.example:{target.port}"], "run", nobody_asks) as folder:
            answer = await say(folder, f"GET http://evil.example:{target.port}/ HTTP/1.1\r\n\r\n")
            assert answer.split()[1] == b"403"
            assert target.received == []


async def test_a_name_that_rebinds_is_asked_once_a_connection() -> None:
    with receiver() as target:
        answers = itertools.chain([["127.0.0.1"]], itertools.repeat(["10.0.0.1"]))
        asked: list[str] = []

        def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return next(answers)

        name = f"rebind.example:{target.port}"
        allowed = DialPolicy(frozenset({name}), resolve)
        async with opener(allowed)([name], "run", nobody_asks) as folder:
            answer = await say(folder, f"GET http://{name}/ HTTP/1.1\r\n\r\n")
            assert answer.split()[1] == b"200"
            assert asked == ["rebind.example"]


async def test_what_is_not_let_go_does_not_leave() -> None:
    async def never(host: str) -> bool:
        return False

    with receiver() as target:
        async with opener(policy(target))([target.host], "run", never) as folder:
            answer = await say(folder, f"GET {target.url} HTTP/1.1\r\n\r\n")
            assert answer.split()[1] == b"403"
            assert target.received == []


async def test_the_socket_is_gone_after_the_run() -> None:
    async with opener(DialPolicy())([], "run", nobody_asks) as folder:
        held = socket.socket(socket.AF_UNIX)
        held.connect(str(folder / SOCKET))
    assert not folder.exists()
    held.settimeout(5)
    with held, suppress(ConnectionResetError):
        assert held.recv(1) == b""


async def test_an_endless_head_is_refused() -> None:
    async with opener(DialPolicy())([], "run", nobody_asks) as folder:
        answer = await say(folder, "GET http://a/ HTTP/1.1\r\nX: " + "a" * 200_000)
        assert answer.split()[1] in (b"400",) if answer else True
