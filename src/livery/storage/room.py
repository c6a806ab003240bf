"""Whether PostgreSQL has room for what is written, as far as this process has seen."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import asyncpg

from livery.services.runs.errors import DatabaseFull

_LACKS = {
    asyncpg.DiskFullError: (
        "The disk of the database is full.",
        "Free space on the disk that holds the database",
    ),
    asyncpg.OutOfMemoryError: (
        "The database has run out of memory.",
        "Free memory on the machine that runs the database",
    ),
}
_OTHER = (
    "The database has reached one of its limits.",
    "Raise the limit that the database's log names",
)


class Room:
    """Hears of every write; asked for readiness. Costs a write one assignment."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._full_at: float | None = None

    def found(self) -> None:
        """A write was taken."""
        self._full_at = None

    def refused(self, error: asyncpg.InsufficientResourcesError) -> DatabaseFull:
        """A write was refused; returns what to tell the caller. PostgreSQL's own words stay here: they name files."""
        if isinstance(error, asyncpg.DiskFullError):
            self._full_at = self._clock()
        return lack(error)

    def is_lacking(self, within_s: float) -> bool:
        """Whether the last write was refused because the disk was full, and that in the last `within_s` seconds."""
        return self._full_at is not None and self._clock() - self._full_at < within_s


def lack(error: asyncpg.InsufficientResourcesError) -> DatabaseFull:
    """The error of ours for an error of SQLSTATE class 53, insufficient resources."""
    return DatabaseFull(*_LACKS.get(type(error), _OTHER))


def lack_behind(error: BaseException | None) -> DatabaseFull | None:
    """The same for whatever was raised because of such an error; None for all else."""
    while error is not None:
        if isinstance(error, asyncpg.InsufficientResourcesError):
            return lack(error)
        error = error.__cause__
    return None
