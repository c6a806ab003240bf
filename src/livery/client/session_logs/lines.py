"""Lines of a file that others are writing: bounded in memory, whatever the file holds."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from io import FileIO

BLOCK = 1024 * 1024
"""Bytes read at once: small enough to stay in a processor's cache while they are parsed."""
MAX_LINE = 16 * 1024 * 1024
"""Longest line that is parsed, in bytes; a longer one is reported and skipped."""


@dataclass(slots=True)
class Lines:
    """Some consecutive lines: `start` is the byte offset of the first.

    The lines are views into a buffer that is written again by the next step of the iterator.
    `ended` is False for the last line of a file while no newline follows it. A line longer than
    MAX_LINE has no bytes here: `lines` is empty and `length` says how long it is so far.
    """

    start: int
    lines: list[memoryview]
    ended: bool = True
    length: int = 0


def read_lines(file: FileIO, offset: int, limit: int, *, skipping: bool = False) -> Iterator[Lines]:
    """Yield the lines from `offset`, stopping at the first line end beyond `limit` bytes.

    `skipping` says that `offset` lies within a line that was too long: the rest of it is yielded as
    a too long line of its own. Memory is bounded by MAX_LINE + BLOCK: one buffer, no copies.
    """
    file.seek(offset)
    buffer = _Buffer(file, offset)
    if skipping and (yield from _skip(buffer, 0)):
        return
    while True:
        if lines := buffer.take():
            yield Lines(buffer.start, lines)
            buffer.drop(buffer.taken)
            if buffer.start - offset >= limit:
                return
        elif buffer.held > MAX_LINE:
            skipped = buffer.held
            buffer.forget()
            if (yield from _skip(buffer, skipped)):
                return
            continue
        if not buffer.fill():
            break
    if buffer.held:
        yield Lines(buffer.start, [buffer.view[: buffer.held]], ended=False)


def _skip(buffer: _Buffer, skipped: int) -> Generator[Lines, None, bool]:
    """Yield a too long line of which `skipped` bytes were seen; return True at the file's end."""
    while buffer.fill():
        cut = buffer.data.find(b"\n", 0, buffer.held)
        if cut >= 0:
            yield Lines(buffer.start - skipped, [], length=skipped + cut + 1)
            buffer.drop(cut + 1)
            buffer.seen = 0
            return False
        skipped += buffer.held
        buffer.forget()
    if skipped:
        yield Lines(buffer.start - skipped, [], ended=False, length=skipped)
    return True


class _Buffer:
    """Bytes of the file from `start`; `held` of them, of which the first `seen` hold no newline."""

    def __init__(self, file: FileIO, start: int) -> None:
        self._file = file
        self.data = bytearray(BLOCK * 2)
        self.view = memoryview(self.data)
        self.start, self.held, self.seen, self.taken = start, 0, 0, 0

    def fill(self) -> int:
        """Read a block behind what is held; 0 at the file's end."""
        if len(self.data) - self.held < BLOCK:
            self._grow()
        got = self._file.readinto(self.view[self.held : self.held + BLOCK]) or 0
        self.held += got
        return got

    def take(self) -> list[memoryview]:
        """Return all whole lines that are held; `taken` bytes of them."""
        lines, at, find, view = [], 0, self.data.find, self.view
        cut = find(b"\n", self.seen, self.held)
        while cut >= 0:
            lines.append(view[at:cut])
            at = cut + 1
            cut = find(b"\n", at, self.held)
        self.taken = at
        self.seen = self.held - at
        return lines

    def drop(self, count: int) -> None:
        """Forget the first `count` bytes."""
        self.data[: self.held - count] = self.data[count : self.held]
        self.start += count
        self.held -= count
        self.seen = 0 if not self.held else min(self.seen, self.held)

    def forget(self) -> None:
        """Forget everything that is held."""
        self.start += self.held
        self.held = self.seen = 0

    def _grow(self) -> None:
        larger = bytearray(min(len(self.data) * 2, MAX_LINE + 2 * BLOCK))
        larger[: self.held] = self.view[: self.held]
        self.data, self.view = larger, memoryview(larger)
