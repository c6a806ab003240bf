import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livery.kernel.periods import (
    Frequency,
    Period,
    month_key,
    parse_period_key,
    period_at,
    period_key,
)

ZONES = [ZoneInfo(name) for name in sorted(zoneinfo.available_timezones())]
# 1900 to 2100, to the microsecond
INSTANTS = st.integers(-70 * 31_557_600_000_000, 130 * 31_557_600_000_000).map(
    lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)
CALENDAR = st.sampled_from(["daily", "weekly", "monthly"])


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_gives_the_keys_of_the_contract() -> None:
    at = utc(2026, 11, 21, 12)
    keys = [period_key(f, at, UTC) for f in ("daily", "weekly", "monthly", "on_demand")]
    assert keys == [
        "daily:2026-11-21",
        "weekly:2026-W47",
        "monthly:2026-11",
        "on_demand:2026-11-21T12:00:00.000000Z",
    ]
    assert month_key(at) == "2026-11"


@pytest.mark.parametrize(
    ("at", "key"),
    [  # ISO weeks around New Year, from the standard's own rule: the week of the first Thursday
        (utc(2020, 12, 31), "weekly:2020-W53"),
        (utc(2021, 1, 3), "weekly:2020-W53"),
        (utc(2021, 1, 4), "weekly:2021-W01"),
        (utc(2024, 12, 30), "weekly:2025-W01"),
        (utc(2027, 1, 1), "weekly:2026-W53"),
    ],
)
def test_weeks_are_iso_weeks(at: datetime, key: str) -> None:
    assert period_key("weekly", at, UTC) == key


def test_the_zone_decides_the_day() -> None:
    at = utc(2026, 11, 20, 19)
    assert period_key("daily", at, ZoneInfo("Asia/Kolkata")) == "daily:2026-11-21"
    assert period_key("daily", at, ZoneInfo("America/New_York")) == "daily:2026-11-20"
    assert month_key(utc(2026, 11, 30, 23), ZoneInfo("Europe/Berlin")) == "2026-12"


@pytest.mark.parametrize(
    ("zone", "key", "start", "end"),
    [
        ("Europe/Berlin", "daily:2026-03-29", utc(2026, 3, 28, 23), utc(2026, 3, 29, 22)),  # 23 h
        ("Europe/Berlin", "daily:2026-10-25", utc(2026, 10, 24, 22), utc(2026, 10, 25, 23)),  # 25 h
        ("Europe/Berlin", "weekly:2026-W13", utc(2026, 3, 22, 23), utc(2026, 3, 29, 22)),
        ("Europe/Berlin", "monthly:2026-03", utc(2026, 2, 28, 23), utc(2026, 3, 31, 22)),
        ("Asia/Kolkata", "monthly:2026-12", utc(2026, 11, 30, 18, 30), utc(2026, 12, 31, 18, 30)),
        # clocks went from 00:00 to 01:00: the day starts at 01:00
        ("America/Sao_Paulo", "daily:2018-11-04", utc(2018, 11, 4, 3), utc(2018, 11, 5, 2)),
        # clocks went from 24:00 back to 23:00
        ("America/Sao_Paulo", "daily:2018-02-17", utc(2018, 2, 17, 2), utc(2018, 2, 18, 3)),
        # midnight came twice: the day starts at the first
        ("Atlantic/Azores", "daily:2026-10-25", utc(2026, 10, 25, 0), utc(2026, 10, 26, 1)),
        # clocks fell from 00:01 to 23:01 of the day before
        (
            "America/St_Johns",
            "daily:2006-10-29",
            utc(2006, 10, 29, 2, 30),
            utc(2006, 10, 30, 3, 30),
        ),
        # clocks jumped from 23:30 to 00:30: midnight lies inside the gap
        ("America/Toronto", "daily:1919-03-31", utc(1919, 3, 31, 4, 30), utc(1919, 4, 1, 4)),
        # the day that Samoa skipped
        ("Pacific/Apia", "daily:2011-12-30", utc(2011, 12, 30, 10), utc(2011, 12, 30, 10)),
    ],
)
def test_bounds_follow_the_clocks(zone: str, key: str, start: datetime, end: datetime) -> None:
    assert parse_period_key(key).bounds(ZoneInfo(zone)) == (start, end)


def test_a_second_2330_belongs_to_the_day_that_has_begun() -> None:
    # St. John's, 2006-10-29 00:01 -> 2006-10-28 23:01: at 02:45 UTC the wall says 28 October
    zone = ZoneInfo("America/St_Johns")
    at = utc(2006, 10, 29, 2, 45)
    assert at.astimezone(zone).date() == date(2006, 10, 28)
    assert period_key("daily", at, zone) == "daily:2006-10-29"


@settings(max_examples=2000)
@given(CALENDAR, INSTANTS, st.sampled_from(ZONES))
def test_every_instant_lies_in_its_period_and_periods_tile(
    frequency: str, at: datetime, zone: ZoneInfo
) -> None:
    period = period_at(frequency, at, zone)
    start, end = period.bounds(zone)
    assert start <= at < end
    assert start.tzinfo is end.tzinfo is UTC
    assert period_at(frequency, start, zone) == period
    assert period_at(frequency, end - timedelta(microseconds=1), zone) == period
    following = period_at(frequency, end, zone)
    assert following != period
    assert following.bounds(zone)[0] == end
    assert parse_period_key(str(period)) == period
    # the same instant, told in another zone, is in the same period
    assert period_at(frequency, at.astimezone(timezone(timedelta(hours=-7))), zone) == period


@given(INSTANTS, st.sampled_from(ZONES))
def test_on_demand_is_the_instant_itself(at: datetime, zone: ZoneInfo) -> None:
    period = period_at("on_demand", at.astimezone(zone), zone)
    assert parse_period_key(str(period)) == period
    assert period.bounds(zone) == (at, at)


@given(st.text(max_size=30) | st.from_regex(r"(daily|weekly|monthly|on_demand):[0-9TWZ:.-]{0,27}"))
def test_parse_gives_a_period_or_a_value_error(text: str) -> None:
    try:
        period = parse_period_key(text)
    except ValueError as error:
        assert "not a period key" in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert str(period) == text


@pytest.mark.parametrize(
    "key",
    [
        "daily:20261121",
        "daily:2026-02-30",
        "daily:2026-11-21 ",
        "weekly:2026-W54",
        "weekly:2026-W1",
        "weekly:2026-11-21",
        "monthly:2026-13",
        "monthly:２０２６-11",
        "yearly:2026",
        "daily",
        "",
        "on_demand:2026-11-21T12:00:00.5Z",
    ],
)
def test_other_forms_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a period key"):
        parse_period_key(key)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown frequency 'hourly'; known: daily"):
        period_key("hourly", utc(2026, 1, 1), UTC)
    with pytest.raises(ValueError, match="needs a time zone"):
        period_key("daily", datetime(2026, 1, 1), UTC)  # noqa: DTZ001
    with pytest.raises(ValueError, match="end of the calendar"):
        period_key("daily", utc(9999, 12, 31, 12), UTC)
    with pytest.raises(ValueError, match="end of the calendar"):
        Period(Frequency.MONTHLY, date(9999, 12, 1)).bounds(UTC)
