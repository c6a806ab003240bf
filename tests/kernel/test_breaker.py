from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.kernel.breaker import (
    COOLDOWN,
    FAILURES,
    Breaker,
    Event,
    State,
    ask,
    failed,
    retry_after,
    succeeded,
)

T0 = datetime(2026, 11, 21, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def opened(at: datetime = T0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker = failed(breaker, at).breaker
    return breaker


def test_the_gauge_is_the_contract() -> None:
    assert {state: state.gauge for state in State} == {"closed": 0, "open": 1, "half_open": 2}
    assert FAILURES == 5
    assert timedelta(seconds=60) == COOLDOWN


def test_five_failures_in_a_row_open_it() -> None:
    breaker = Breaker()
    events = []
    for _ in range(5):
        assert ask(breaker, T0).allowed
        step = failed(breaker, T0)
        breaker = step.breaker
        events.append(step.event)
    assert events == [Event.FAILED] * 4 + [Event.OPENED]
    assert breaker == Breaker(State.OPEN, 5, T0)


def test_a_success_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker = failed(breaker, T0).breaker
    step = succeeded(breaker)
    assert (step.breaker, step.event) == (Breaker(), Event.SUCCEEDED)


def test_open_rejects_until_the_cooldown_has_passed() -> None:
    breaker = opened()
    early = ask(breaker, T0 + COOLDOWN - timedelta(microseconds=1))
    assert (early.event, early.allowed, early.breaker) == (Event.REJECTED, False, breaker)
    assert retry_after(breaker, T0 + 50 * SECOND) == 10 * SECOND
    probe = ask(breaker, T0 + COOLDOWN)
    assert (probe.allowed, probe.breaker.state) == (True, State.HALF_OPEN)
    assert retry_after(breaker, T0 + COOLDOWN) == timedelta(0)
    assert retry_after(Breaker(), T0) == timedelta(0)


def test_one_probe_decides() -> None:
    probe = ask(opened(), T0 + COOLDOWN).breaker
    assert ask(probe, T0 + COOLDOWN + SECOND).event is Event.REJECTED
    closed = succeeded(probe)
    assert (closed.breaker, closed.event) == (Breaker(), Event.CLOSED)
    again = failed(probe, T0 + COOLDOWN + SECOND)
    assert again.event is Event.OPENED
    assert again.breaker.since == T0 + COOLDOWN + SECOND
    assert not ask(again.breaker, T0 + 2 * COOLDOWN).allowed


def test_a_lost_probe_does_not_hang_it() -> None:
    probe = ask(opened(), T0 + COOLDOWN).breaker
    assert ask(probe, T0 + 2 * COOLDOWN).allowed


def test_late_results_do_not_move_an_open_breaker() -> None:
    breaker = opened()
    assert succeeded(breaker).event is Event.IGNORED
    late = failed(breaker, T0 + 30 * SECOND)
    assert (late.event, late.breaker) == (Event.IGNORED, breaker)


STEPS = st.lists(st.tuples(st.sampled_from(["ask", "ok", "bad"]), st.integers(0, 90)), max_size=60)


@given(STEPS)
def test_it_never_lets_a_call_out_while_open(steps: list[tuple[str, int]]) -> None:
    breaker, now = Breaker(), T0
    for action, seconds in steps:
        now += seconds * SECOND
        before = breaker
        if action == "ask":
            step = ask(breaker, now)
            waiting = before.since is not None and now - before.since < COOLDOWN
            assert step.allowed == (before.state is State.CLOSED or not waiting)
        else:
            step = succeeded(breaker) if action == "ok" else failed(breaker, now)
        breaker = step.breaker
        assert (breaker.since is None) == (breaker.state is State.CLOSED)
        if breaker.state is State.CLOSED:
            assert breaker.failures < FAILURES


@pytest.mark.parametrize("back", [1, 3600])
def test_a_clock_that_goes_back_only_waits_longer(back: int) -> None:
    assert not ask(opened(), T0 - back * SECOND).allowed
