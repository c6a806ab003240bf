"""The cell rate algorithm: by hand, and against a token bucket."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.kernel.rate import Rate

START = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_burst_and_then_one_by_one() -> None:
    rate, arrival = Rate(per_second=2, burst=3), None
    verdicts = []
    for tenth in (0, 0, 0, 0, 1, 5, 5, 10):
        allowed, arrival = rate.ask(arrival, START + timedelta(seconds=tenth / 10))
        verdicts.append(allowed)
    # Three at once; the next one half a second later, the next another half.
    assert verdicts == [True, True, True, False, False, True, False, True]
    assert arrival is not None
    now = START + timedelta(seconds=1)
    wait = rate.wait(arrival, now)
    assert rate.ask(arrival, now + wait)[0]
    assert not rate.ask(arrival, now + wait - timedelta(milliseconds=1))[0]


@given(st.lists(st.integers(0, 3000), max_size=60), st.integers(1, 5), st.integers(1, 8))
def test_it_admits_what_a_token_bucket_admits(gaps: list[int], burst: int, hertz: int) -> None:
    rate, arrival, now = Rate(per_second=hertz, burst=burst), None, START
    tokens, last = float(burst), START
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        tokens, last = min(burst, tokens + (now - last).total_seconds() * hertz), now
        if abs(tokens - 1) < 1e-4:
            continue  # rounding decides
        expected = tokens > 1
        allowed, arrival = rate.ask(arrival, now)
        assert allowed == expected
        tokens -= allowed


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_rates_that_are_none(per_second: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate"):
        Rate(per_second, burst)
