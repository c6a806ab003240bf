"""What a container says, read with hard caps: the answer on stdout, the log on stderr. Nothing of it is trusted."""

from __future__ import annotations

import select
import struct
import time
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from livery.execution.container.limits import (
    FLOOD_BYTES,
    LOG_BYTES,
    OUTPUT_BYTES,
    OUTPUT_FILES,
    RESULT_BYTES,
)

READY: Final = b"R"
_HEAD_BYTES: Final = 16 * 1024
_MOST: Final = _HEAD_BYTES + RESULT_BYTES + OUTPUT_BYTES
_HEADER: Final = struct.Struct(">BxxxL")
_STDOUT, _STDERR = 1, 2
_LOG_S: Final = 1.0
"""How long the rest of the log is waited for behind an answer: the engine hands them on side by side."""
_MAX_NAME: Final = 200


class Silent(Exception):
    """The time is over."""


class Closed(Exception):
    """The container closed its answers before one was whole."""


class Flooded(Exception):
    """More log, or more answer, than anybody reads."""


class Malformed(Exception):
    """What came is no answer."""


@dataclass(slots=True)
class Answer:
    """One answer: `status` is ok, invalid or raised; `said` is what went wrong, in the container's words."""

    status: str
    said: str = ""
    errno: int | None = None
    result: bytes = b""
    files: list[tuple[str, bytes]] = field(default_factory=list)


class Stream:
    """The attach socket of one container, demultiplexed."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._raw = bytearray()
        self._left, self._kind = 0, 0  # of the frame that is being read
        self.answer = bytearray()
        self._log = bytearray()
        self._logged = 0
        self._mark, self._tail = b"", b""
        self._marked = False

    @property
    def log(self) -> bytes:
        """The first bytes of the log."""
        return bytes(self._log).replace(self._mark, b"", 1)[:LOG_BYTES]

    @property
    def logged(self) -> int:
        """Bytes of log in all, the ones that were not kept too."""
        return self._logged - (len(self._mark) if self._marked else 0)

    def ready(self, deadline: float) -> None:
        """Wait for the first byte. Raises Silent, Closed, Malformed."""
        while not self.answer:
            self._more(deadline)
        if self.answer != READY:
            raise Malformed("the container did not start as ours do")
        self.answer.clear()

    def stale(self) -> bool:
        """Whether something has come from a container that should be waiting: it ended, then."""
        return bool(select.select([self._sock], [], [], 0)[0]) or bool(self.answer)

    def send(self, line: bytes, nonce: str) -> None:
        """Hand over the call; its nonce on the log is where the log ends."""
        self._mark = nonce.encode()
        self._sock.sendall(line)

    def read(self, nonce: str, deadline: float) -> Answer:
        """The one answer. Raises Silent, Closed, Flooded, Malformed."""
        while (end := self.answer.find(b"\n")) < 0:
            if len(self.answer) > _HEAD_BYTES:
                raise Malformed("its answer has no head")
            self._more(deadline)
        head = _head(bytes(self.answer[:end]), nonce)
        sizes: list[tuple[str, int]] = head["files"]
        begin = end + 1
        whole = begin + head["result"] + sum(size for _, size in sizes)
        while len(self.answer) < whole:
            self._more(deadline)
        self._rest_of_log(min(deadline, time.monotonic() + _LOG_S))
        if len(self.answer) > whole:
            raise Malformed("it answered more than once")
        answer = Answer(head["status"], head["said"], head["errno"])
        position = begin + head["result"]
        answer.result = bytes(self.answer[begin:position])
        for name, size in sizes:
            answer.files.append((name, bytes(self.answer[position : position + size])))
            position += size
        return answer

    def _rest_of_log(self, deadline: float) -> None:
        try:
            while self._mark and not self._marked:
                self._more(deadline)
        except (Silent, Closed):
            return  # whoever closes its log, or keeps it open without an end, has said enough

    def _more(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._sock], [], [], left)[0]:
            raise Silent
        try:
            data = self._sock.recv(65536)
        except OSError:
            raise Closed from None
        if not data:
            raise Closed
        self._raw += data
        self._sort()

    def _sort(self) -> None:
        raw = self._raw
        at = 0
        while at < len(raw):
            if not self._left:
                if len(raw) - at < _HEADER.size:
                    break
                self._kind, self._left = _HEADER.unpack_from(raw, at)
                at += _HEADER.size
                continue
            part = raw[at : at + self._left]
            at += len(part)
            self._left -= len(part)
            self._take(part)
        del raw[:at]

    def _take(self, part: bytearray) -> None:
        if self._kind == _STDOUT:
            self.answer += part
            if len(self.answer) > _MOST:
                raise Malformed("its answer is larger than any may be")
        elif self._kind == _STDERR:
            self._logged += len(part)
            self._log += part[: max(0, LOG_BYTES + len(self._mark) - len(self._log))]
            self._tail += part
            self._marked = self._marked or bool(self._mark and self._mark in self._tail)
            self._tail = self._tail[-len(self._mark) :] if self._mark else b""
            if self._logged > FLOOD_BYTES:
                raise Flooded
        else:
            raise Malformed("the engine speaks another language")


def _head(line: bytes, nonce: str) -> dict[str, Any]:
    try:
        head = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise Malformed("the head of its answer is no JSON") from None
    if not isinstance(head, dict) or head.get("nonce") != nonce:
        raise Malformed("its answer is not that of this call")
    found = {
        "status": head.get("status"),
        "said": head.get("said", ""),
        "errno": head.get("errno"),
        "result": head.get("result"),
        "files": head.get("files", []),
    }
    if (
        found["status"] not in ("ok", "invalid", "raised")
        or type(found["said"]) is not str
        or not (found["errno"] is None or type(found["errno"]) is int)
        or not _size(found["result"], RESULT_BYTES)
        or type(found["files"]) is not list
        or len(found["files"]) > OUTPUT_FILES
    ):
        raise Malformed("the head of its answer is not as it must be")
    found["files"] = [_file(item) for item in found["files"]]
    if sum(size for _, size in found["files"]) > OUTPUT_BYTES:
        raise Malformed("/output holds more than may be kept")
    return found


def _file(item: Any) -> tuple[str, int]:
    if type(item) is not list or len(item) != 2 or type(item[0]) is not str:
        raise Malformed("the list of its files is not as it must be")
    name, size = item
    parts = name.split("/")
    if (
        not 0 < len(name) <= _MAX_NAME
        or not name.isprintable()
        or "\\" in name
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise Malformed("a file in /output has a name that nothing may have")
    if not _size(size, OUTPUT_BYTES):
        raise Malformed("the list of its files is not as it must be")
    return name, size


def _size(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most
