"""Rate limits by the generic cell rate algorithm (GCRA, ITU-T I.371): one moment is all that is kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` calls in the long run, and at most `burst` at once."""

    per_second: float = 10.0
    burst: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.per_second <= 1_000_000 or self.burst < 1:
            raise ValueError("a rate is above 0 and its burst at least 1")

    def ask(self, arrival: datetime | None, now: datetime) -> tuple[bool, datetime]:
        """Whether a call may go now, and the theoretical arrival time to keep.

        A call conforms where ``max(arrival, now) + interval - burst * interval <= now``; one that does not changes
        nothing.
        """
        interval = timedelta(seconds=1 / self.per_second)
        due = max(arrival or now, now) + interval
        if due - self.burst * interval > now:
            return False, arrival or now
        return True, due

    def wait(self, arrival: datetime, now: datetime) -> timedelta:
        """How long until `ask` says yes."""
        interval = timedelta(seconds=1 / self.per_second)
        due = max(arrival, now) + interval - self.burst * interval
        return max(timedelta(0), due - now)
