"""Values on a page: hand-computed, and never a traceback for anything."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.portals.ui import format as written


@pytest.mark.parametrize(
    ("how", "value", "text"),
    [
        ("number", 195794, "195,794"),
        ("number", 2.5, "2.5"),
        ("number", 3.0, "3"),
        ("number", None, "–"),
        ("number", True, "–"),
        ("number", float("nan"), "–"),
        ("signed", 6, "+6"),
        ("signed", -2, "-2"),
        ("signed", 0, "0"),
        ("usd", 38.2, "$ 38.20"),
        ("usd", 0.00042, "$ 0.000420"),
        ("usd", 0, "$ 0.00"),
        ("usd", None, "–"),
        ("percent", 27 / 33, "82 %"),
        ("percent", 1, "100 %"),
        ("percent", 0.9999, "> 99 %"),
        ("percent", 0.001, "< 1 %"),
        ("percent", 0, "0 %"),
        ("percent", None, "–"),
        ("millis", 212, "212 ms"),
        ("millis", 0.4, "< 1 ms"),
        ("millis", 1900, "1.9 s"),
        ("millis", 200_000, "3 min 20 s"),
        ("size", 812, "812 B"),
        ("size", 3100, "3.1 kB"),
        ("size", 10_000_000, "10.0 MB"),
        ("size", 5_000_000_000, "5.0 GB"),
        ("day", "2026-11-12T10:00:00Z", "12 Nov 2026"),
        ("day", "never", "–"),
        ("when", "2026-11-21T09:41:07+01:00", "21 Nov 2026 08:41:07"),
        ("digest", "sha256:8f41aaaaaaaac07e", "sha256:8f41…c07e"),
        ("digest", None, "–"),
        ("short", "0199aa00-0000-7000-8000-000000000001", "0199aa00…01"),
        ("short", "ops-2026", "ops-2026"),
        ("clip", "x" * 200, "x" * 159 + "…"),
        ("clip", None, ""),
    ],
)
def test_values(how: str, value: object, text: str) -> None:
    assert getattr(written, how)(value) == text


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        # Half-open and on their own clock: the Monday at midnight is not part of it.
        ("2026-11-09T00:00:00+01:00", "2026-11-16T00:00:00+01:00", "9 to 15 Nov 2026"),
        ("2026-11-09", "2026-11-16", "9 to 15 Nov 2026"),
        ("2026-11-30", "2026-12-07", "30 Nov 2026 to 6 Dec 2026"),
        ("2026-11-09", "2026-11-10", "9 Nov 2026"),
        ("2026-11-09T00:00:00Z", "2026-11-09T12:00:00Z", "9 Nov 2026"),
        ("2026-11-16", "2026-11-09", ""),
        (None, "2026-11-09", ""),
    ],
)
def test_periods(start: object, end: object, text: str) -> None:
    assert written.period({"from": start, "to": end}) == text


def test_a_period_names_its_timezone() -> None:
    found = {"from": "2026-11-09", "to": "2026-11-16", "timezone": "Europe/Berlin"}
    assert written.period(found) == "9 to 15 Nov 2026, Europe/Berlin"


def test_days_left() -> None:
    now = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
    assert written.days_left("2027-02-10T10:00:00Z", now) == "in 81 days"
    assert written.days_left("2026-11-22T00:00:00Z", now) == "in 1 day"
    assert written.days_left("2026-11-21T00:00:00Z", now) == "today"
    assert written.days_left("2026-11-18T00:00:00Z", now) == "3 days ago"
    assert written.days_left(None, now) == ""


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(ANYTHING)
def test_every_filter_takes_anything(value: object) -> None:
    for name, how in written.FILTERS.items():
        assert isinstance(how(value), str), name
