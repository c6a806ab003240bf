"""What a call on a thread spent: its own time, without waiting for a free processor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livery.execution.guard import trusted

_SCHEDULE = Path("/proc/thread-self/schedstat")
"""Linux: ns on a processor, ns of waiting for one, slices of time; of the thread that reads it."""


class Spent:
    """Filled by `measured`, in ns."""

    __slots__ = ("own_ns", "waited_ns")

    def __init__(self) -> None:
        self.own_ns = 0
        self.waited_ns = 0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure what is inside, on the thread that it runs on."""
        waited, started = _waited(), time.perf_counter_ns()
        try:
            yield
        finally:
            taken = time.perf_counter_ns() - started
            self.waited_ns = min(taken, max(0, _waited() - waited))
            self.own_ns = taken - self.waited_ns


def _waited() -> int:
    try:
        with trusted():
            return int(_SCHEDULE.read_bytes().split()[1])
    except (OSError, ValueError, IndexError):
        return 0  # the system does not tell: all of it is the skill's
