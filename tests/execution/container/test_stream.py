"""What a container says, read as if it lied: every form of answer that is none."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from livery.execution.container.limits import FLOOD_BYTES, LOG_BYTES
from livery.execution.container.stream import Closed, Flooded, Malformed, Silent, Stream

NONCE = "n"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Stream]]:
    theirs, ours = socket.socketpair()
    yield theirs, Stream(ours)
    theirs.close()
    ours.close()


def frame(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(data)) + data


def head(**more: Any) -> bytes:
    return orjson.dumps({"nonce": NONCE, "status": "ok", "result": 2, **more}) + b"\n"


def soon() -> float:
    return time.monotonic() + 5


def test_an_answer_in_any_pieces(pair: tuple[socket.socket, Stream]) -> None:
    theirs, stream = pair
    said = head(files=[["a/b.txt", 3]]) + b"{}" + b"xyz"
    data = b"".join(frame(1, bytes([byte])) + frame(2, b"log") for byte in said)
    sender = threading.Thread(
        target=lambda: [theirs.sendall(data[at : at + 7]) for at in range(0, len(data), 7)]
    )
    sender.start()
    answer = stream.read(NONCE, soon())
    sender.join()
    assert (answer.status, answer.result, answer.files) == ("ok", b"{}", [("a/b.txt", b"xyz")])


@pytest.mark.parametrize(
    "said",
    [
        b"no JSON\n",
        b"[]\n",
        b'{"nonce":"n"}\n',
        head(nonce="other"),
        head(status="tool_ok"),
        head(result=-1),
        head(result=2.0),
        head(result=True),
        head(result=1 << 40),
        head(said=1),
        head(errno="1"),
        head(files={}),
        head(files=[["x", 1]] * 33),
        head(files=[["../x", 1]]),
        head(files=[["/x", 1]]),
        head(files=[["a//x", 1]]),
        head(files=[["a\\x", 1]]),
        head(files=[["\u202ex", 1]]),
        head(files=[["", 1]]),
        head(files=[["x" * 201, 1]]),
        head(files=[["x", -1]]),
        head(files=[["x", 11 << 20]]),
        head(files=[["x", 6 << 20], ["y", 6 << 20]]),
        head(files=[["x"]]),
        head() + b"{}" + head() + b"{}",
        b"x" * 20_000,
    ],
)
def test_what_is_no_answer(pair: tuple[socket.socket, Stream], said: bytes) -> None:
    theirs, stream = pair
    theirs.sendall(frame(1, said))
    with pytest.raises(Malformed):
        stream.read(NONCE, soon())


def test_a_third_channel_is_none(pair: tuple[socket.socket, Stream]) -> None:
    theirs, stream = pair
    theirs.sendall(frame(3, b"x"))
    with pytest.raises(Malformed):
        stream.read(NONCE, soon())


def test_silence_and_the_end(pair: tuple[socket.socket, Stream]) -> None:
    theirs, stream = pair
    with pytest.raises(Silent):
        stream.read(NONCE, time.monotonic() + 0.01)
    theirs.sendall(frame(1, head() + b"{"))
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(Closed):
        stream.read(NONCE, soon())


def test_a_flood_is_stopped_and_16_kib_are_kept(pair: tuple[socket.socket, Stream]) -> None:
    theirs, stream = pair
    part = frame(2, b"x" * 65536)

    def pour() -> None:
        try:
            while True:
                theirs.sendall(part)
        except OSError:
            pass

    threading.Thread(target=pour, daemon=True).start()
    with pytest.raises(Flooded):
        stream.read(NONCE, soon())
    assert len(stream.log) == LOG_BYTES
    assert FLOOD_BYTES < stream.logged <= FLOOD_BYTES + 65536
    theirs.shutdown(socket.SHUT_RDWR)


def test_ready_is_one_byte(pair: tuple[socket.socket, Stream]) -> None:
    theirs, stream = pair
    theirs.sendall(frame(2, b"warning") + frame(1, b"R"))
    stream.ready(soon())
    assert not stream.stale()
    theirs.sendall(frame(1, b"x"))
    assert stream.stale()


NUMBER = "0123456789abcdef" * 2


@pytest.mark.parametrize("size", [0, 5, LOG_BYTES - 10, LOG_BYTES, LOG_BYTES + 10, 100_000])
def test_the_log_is_whole_though_it_comes_behind_the_answer(
    pair: tuple[socket.socket, Stream], size: int
) -> None:
    theirs, stream = pair
    stream.send(b"call\n", NUMBER)
    log = b"x" * size
    answered = orjson.dumps({"nonce": NUMBER, "status": "raised", "result": 0}) + b"\n"

    def say() -> None:
        theirs.sendall(frame(1, answered))
        time.sleep(0.1)
        theirs.sendall(frame(2, log + NUMBER[:7].encode()))  # the mark in two pieces
        theirs.sendall(frame(2, NUMBER[7:].encode()))

    sender = threading.Thread(target=say)
    sender.start()
    assert stream.read(NUMBER, soon()).status == "raised"
    sender.join()
    assert (stream.log, stream.logged) == (log[:LOG_BYTES], size)


def test_a_log_without_an_end_holds_nobody_up(pair: tuple[socket.socket, Stream]) -> None:
    theirs, stream = pair
    stream.send(b"call\n", NUMBER)
    answered = orjson.dumps({"nonce": NUMBER, "status": "ok", "result": 2}) + b"\n{}"
    theirs.sendall(frame(2, b"said") + frame(1, answered))
    theirs.shutdown(socket.SHUT_WR)
    assert (stream.read(NUMBER, soon()).result, stream.log) == (b"{}", b"said")


def test_a_second_answer_behind_the_log_is_seen(pair: tuple[socket.socket, Stream]) -> None:
    theirs, stream = pair
    stream.send(b"call\n", NUMBER)
    answered = orjson.dumps({"nonce": NUMBER, "status": "ok", "result": 2}) + b"\n{}"
    theirs.sendall(frame(1, answered))
    theirs.sendall(frame(1, b"{}") + frame(2, NUMBER.encode()))
    with pytest.raises(Malformed, match="more than once"):
        stream.read(NUMBER, soon())
