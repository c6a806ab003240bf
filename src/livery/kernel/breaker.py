"""Circuit breaker of an outside service: closed, open, half-open.

Five failures in a row open it; after a 60 s cooldown it lets one probe through (half-open); one
success closes it, one failure opens it again. The state is a value that all processes share; time
comes in. A probe whose process died is given up after one cooldown, so that none can hang the
breaker. Every step names the event that the metrics count.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

FAILURES = 5
COOLDOWN = timedelta(seconds=60)


class State(StrEnum):
    """State of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"

    @property
    def gauge(self) -> int:
        """Value of the metric: 0 closed, 1 open, 2 half-open."""
        return tuple(State).index(self)


class Event(StrEnum):
    """What a step meant."""

    ADMITTED = "admitted"
    REJECTED = "rejected"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OPENED = "opened"
    CLOSED = "closed"
    IGNORED = "ignored"  # a late result of a call that began before the breaker opened


@dataclass(frozen=True, slots=True)
class Breaker:
    """The shared state.

    ``since`` is when it opened or, half-open, when the probe began; None while closed.
    """

    state: State = State.CLOSED
    failures: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The breaker after a step, and what happened."""

    breaker: Breaker
    event: Event

    @property
    def allowed(self) -> bool:
        """May the call that asked go out?"""
        return self.event is Event.ADMITTED


def ask(breaker: Breaker, now: datetime, cooldown: timedelta = COOLDOWN) -> Step:
    """Ask for one call: admitted, or rejected (``circuit_open``)."""
    if breaker.state is State.CLOSED:
        return Step(breaker, Event.ADMITTED)
    if breaker.since is not None and now - breaker.since < cooldown:
        return Step(breaker, Event.REJECTED)
    return Step(replace(breaker, state=State.HALF_OPEN, since=now), Event.ADMITTED)


def retry_after(breaker: Breaker, now: datetime, cooldown: timedelta = COOLDOWN) -> timedelta:
    """How long until `ask` can admit again; zero where it would now."""
    if breaker.since is None:
        return timedelta(0)
    return max(timedelta(0), breaker.since + cooldown - now)


def succeeded(breaker: Breaker) -> Step:
    """A call succeeded."""
    if breaker.state is State.OPEN:
        return Step(breaker, Event.IGNORED)
    event = Event.CLOSED if breaker.state is State.HALF_OPEN else Event.SUCCEEDED
    return Step(Breaker(), event)


def failed(breaker: Breaker, now: datetime, limit: int = FAILURES) -> Step:
    """A call failed."""
    if breaker.state is State.OPEN:
        return Step(breaker, Event.IGNORED)
    failures = breaker.failures + 1
    if breaker.state is State.HALF_OPEN or failures >= limit:
        return Step(Breaker(State.OPEN, failures, now), Event.OPENED)
    return Step(replace(breaker, failures=failures), Event.FAILED)
