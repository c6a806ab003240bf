"""Reads what is new in files: bytes in, facts and cursors out."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

from livery.client.session_logs.formats import Formats, LineReader, built_in
from livery.client.session_logs.lines import MAX_LINE, read_lines
from livery.client.session_logs.rows import Rows
from livery.client.session_logs.values import BadRecord
from livery.manifest.session_texts import clean_state

PROOF_BYTES = 1024
COSTLY_LINE = 256 * 1024
"""Longer lines are weighed before they are parsed."""
MAX_PARSED = 96 * 1024 * 1024
"""Most memory that parsing one line may take (estimated)."""
MAX_REPAIRED = 4 * 1024 * 1024

HALF_WRITTEN = "half-written last line; left for the next read"


@dataclass(frozen=True, slots=True)
class FileCursor:
    """How far a file has been read.

    `offset` is in bytes, `line` counts the line ends before it, `proof` is a hash of the file's
    head and of what precedes the offset, `state` is the format's own (small JSON).
    """

    file: str
    label: str
    format: str | None = None
    offset: int = 0
    line: int = 0
    skipping: bool = False
    proof: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the cursor as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FileCursor:
        """Build a cursor from `to_dict()`; unknown members are ignored."""
        return cls(**{name: data[name] for name in cls.__slots__ if name in data})


@dataclass(frozen=True, slots=True)
class Pending:
    """A line that is there but cannot be counted yet."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class FileRead:
    """What one read of a file gave: `more` says that bytes are left beyond the limit."""

    cursor: FileCursor
    bytes_read: int
    more: bool
    pending: Pending | None


def file_id(path: Path) -> str:
    """Return the identifier of a log file: a hash of this machine's name and its path."""
    place = f"{socket.gethostname()}\0{path.absolute()}"
    return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def open_log(path: Path) -> FileIO:
    """Open a log to read. OSError for what is no regular file: a pipe would be waited for."""
    file = FileIO(str(path), opener=_without_waiting)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "is no regular file")
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def resume(path: Path, cursor: FileCursor) -> FileCursor:
    """Return the cursor, or one at the beginning where the file was replaced or cut."""
    if cursor.offset == 0:
        return cursor
    with open_log(path) as file:
        size = file.seek(0, 2)
        if size >= cursor.offset and _proof(file, cursor.offset) == cursor.proof:
            return cursor
    return FileCursor(cursor.file, cursor.label)


def read_file(
    path: Path, cursor: FileCursor, rows: Rows, limit: int, formats: Formats | None = None
) -> FileRead:
    """Add the facts of the lines after `cursor` to `rows`, about `limit` bytes of them.

    A line that cannot be read becomes a bad line and hides no other. A last line without a newline
    counts as soon as it is a whole JSON object; until then it is left for the next read and
    returned as `pending`: a writer may be in the middle of it.
    """
    rows.open_file(cursor.file, cursor.label)
    work = _Reading(path, cursor, rows, formats or built_in())
    with open_log(path) as file:
        work.run(file, limit)
        size = file.seek(0, 2)
        proof = _proof(file, work.offset)
    rows.close_file(work.line)
    fresh = replace(
        cursor,
        format=work.format,
        offset=work.offset,
        line=work.line,
        skipping=work.skipping,
        proof=proof,
        state=clean_state(work.reader.finish()) if work.reader else cursor.state,
    )
    pending = Pending(cursor.label, work.line + 1, HALF_WRITTEN) if work.half_written else None
    more = work.offset < size and not work.half_written and work.offset > cursor.offset
    return FileRead(fresh, work.offset - cursor.offset, more, pending)


class _Reading:
    """One pass over the new lines of one file."""

    def __init__(self, path: Path, cursor: FileCursor, rows: Rows, formats: Formats) -> None:
        self._rows, self._formats = rows, formats
        self._name, self._state = path.name, cursor.state
        self.offset, self.line, self.skipping = cursor.offset, cursor.line, cursor.skipping
        self.format = cursor.format
        self.half_written = False
        known = formats.named(cursor.format) if cursor.format else None
        self.reader: LineReader | None = (
            known.open(rows, self._name, self._state) if known else None
        )

    def run(self, file: FileIO, limit: int) -> None:
        for chunk in read_lines(file, self.offset, limit, skipping=self.skipping):
            if not chunk.lines:
                self._too_long(chunk.length, ended=chunk.ended)
            elif chunk.ended:
                self._whole(chunk.start, chunk.lines)
            else:
                self._last(chunk.start, chunk.lines[0])

    def _whole(self, offset: int, lines: Sequence[memoryview]) -> None:
        number, feed, loads = self.line, self._feed, orjson.loads
        for line in lines:
            number += 1
            if line:
                try:
                    if len(line) > COSTLY_LINE:
                        _weigh(line)
                    record = loads(line)
                except ValueError as error:
                    record = self._repaired(number, bytes(line), error)
                if record is not None:
                    feed(offset, number, record)
            offset += len(line) + 1
        self.offset, self.line = offset, number

    def _last(self, offset: int, line: memoryview) -> None:
        """Take a last line without newline if it is complete; its line end is still to come."""
        try:
            if len(line) > COSTLY_LINE:
                _weigh(line)
            record = orjson.loads(line)
        except ValueError:
            record = None
        if type(record) is dict:
            self._feed(offset, self.line + 1, record)
            self.offset = offset + len(line)
        else:
            self.half_written = bool(bytes(line).strip())

    def _too_long(self, length: int, *, ended: bool) -> None:
        if not self.skipping:
            reason = f"line longer than {MAX_LINE // 2**20} MiB; not read"
            self._rows.bad_line(self.line + 1, reason)
        self.offset += length
        self.line += ended
        self.skipping = not ended

    def _feed(self, offset: int, number: int, record: Any) -> None:
        try:
            if type(record) is not dict:
                raise BadRecord("not a JSON object")
            if self.reader is None:
                known = self._formats.recognise(record)
                if known is None:
                    raise BadRecord("not a record of a known session log format")
                self.format = known.name
                self.reader = known.open(self._rows, self._name, self._state)
            self.reader.feed(offset, record)
        except BadRecord as error:
            self._rows.bad_line(number, str(error))
        except Exception as error:  # a hostile line hides no good one
            self._rows.bad_line(number, f"cannot be read ({type(error).__name__})")

    def _repaired(self, number: int, line: bytes, error: ValueError) -> Any:
        """Return the record of a line that only its wrapping spoils; None where it is broken."""
        if isinstance(error, BadRecord):
            self._rows.bad_line(number, str(error))
            return None
        bare = line.strip(b"\x00 \t\r").removeprefix(b"\xef\xbb\xbf")
        if not bare:
            if b"\x00" in line:
                self._rows.bad_line(number, "NUL bytes only")
            return None
        reason = f"not JSON: {str(error).split(': line', 1)[0]}"[:160]
        if len(bare) <= MAX_REPAIRED:
            try:
                record = json.loads(bare, parse_constant=_no_constant)
            except (ValueError, RecursionError):
                self._rows.bad_line(number, reason)
                return None
            if b"\x00" in line:
                self._rows.bad_line(number, "NUL bytes around the record; read without them")
            elif "surrogate" in reason:
                self._rows.bad_line(number, "lone surrogate in a text; read without it")
            elif not line.startswith(b"\xef\xbb\xbf"):
                self._rows.bad_line(number, reason)
                return None
            return record
        self._rows.bad_line(number, reason)
        return None


def _no_constant(text: str) -> float:
    raise ValueError(text)


def _weigh(view: memoryview) -> None:
    """Refuse a line that is small to write and huge to hold: `[[],[],…` in place of text."""
    line = bytes(view)
    parts = line.count(b",") + line.count(b"{") + line.count(b"[")
    if 2 * len(line) + 64 * parts > MAX_PARSED:
        raise BadRecord("line holds too many parts; not read")


def _proof(file: FileIO, offset: int) -> str:
    file.seek(0)
    head = file.read(min(PROOF_BYTES, offset)) or b""
    file.seek(max(0, offset - PROOF_BYTES))
    tail = file.read(min(PROOF_BYTES, offset)) or b""
    return hashlib.sha256(head + tail).hexdigest()[:32]
