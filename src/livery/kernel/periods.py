"""Period keys: the calendar day, ISO week or month in which an instant falls, in a time zone.

Keys are ``daily:2026-11-21``, ``weekly:2026-W47`` (ISO 8601), ``monthly:2026-11``. An on-demand
period is one instant, ``on_demand:2026-11-21T09:15:00.000000Z``, so that every request has its own.

A zone comes in as a ``tzinfo`` object, never as a name: looking a name up reads files.
A period is half-open, ``[from, to)``, and starts at the first instant of its first local day, so
that periods of one frequency tile the time line without gap or overlap even where clocks jump
over midnight, fall back across it, or skip a whole day. Bounds are in UTC, because Python compares
two datetimes of one zone by wall clock, which is wrong around a change of clocks.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_WEEK_FORM = re.compile(r"([0-9]{4})-W([0-9]{2})")
_MONTH_FORM = re.compile(r"([0-9]{4})-([0-9]{2})")


class Frequency(StrEnum):
    """How often a goal comes due."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ON_DEMAND = "on_demand"


@dataclass(frozen=True, slots=True)
class Period:
    """One period: its frequency and its first local day (for on demand, its UTC instant)."""

    frequency: Frequency
    first: date

    def __str__(self) -> str:
        """Give the period key."""
        return f"{self.frequency}:{_label(self.frequency, self.first)}"

    def bounds(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """``[from, to)`` in UTC. An on-demand period is empty, a skipped day too: from == to.

        Raises:
            ValueError: the period touches the end of the calendar (year 1 or 9999).
        """
        if isinstance(self.first, datetime):
            return self.first, self.first
        try:
            return _day_start(self.first, zone), _day_start(_following(self), zone)
        except OverflowError as error:
            raise ValueError(f"period {self} lies at the end of the calendar") from error


def period_at(frequency: str, at: datetime, zone: tzinfo) -> Period:
    """The period of this frequency that holds the instant ``at`` in ``zone``.

    Raises:
        ValueError: unknown frequency, an instant without a time zone, or the calendar's end.
    """
    kind = _frequency(frequency)
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError("the instant needs a time zone")
    try:
        instant = at.astimezone(UTC)
        if kind is Frequency.ON_DEMAND:
            return Period(kind, instant)
        day = instant.astimezone(zone).date()
        # Where clocks fall back across midnight a local date comes twice; the tiling decides.
        if instant >= _day_start(day + _DAY, zone):
            day += _DAY
    except OverflowError as error:
        raise ValueError(f"{at!r} lies at the end of the calendar") from error
    return Period(kind, _first_day(kind, day))


def period_key(frequency: str, at: datetime, zone: tzinfo) -> str:
    """Key of the period that holds ``at``; arguments and errors as for `period_at`."""
    return str(period_at(frequency, at, zone))


def month_key(at: datetime, zone: tzinfo = UTC) -> str:
    """The month of ``at`` without the frequency, ``2026-11``: the key of a monthly budget."""
    return period_key(Frequency.MONTHLY, at, zone).partition(":")[2]


def parse_period_key(key: str) -> Period:
    """The inverse of ``str(period)``; accepts nothing but what that writes.

    Raises:
        ValueError: not a period key.
    """
    frequency, _, label = key.partition(":")
    try:
        period = Period(_frequency(frequency), _parse_label(frequency, label))
    except ValueError as error:
        raise ValueError(f"not a period key: {key!r} ({error})") from error
    if str(period) != key:
        raise ValueError(f"not a period key: {key!r} (write it {period})")
    return period


def _frequency(name: str) -> Frequency:
    try:
        return Frequency(name)
    except ValueError:
        names = ", ".join(Frequency)
        raise ValueError(f"unknown frequency {name!r}; known: {names}") from None


def _first_day(frequency: Frequency, day: date) -> date:
    if frequency is Frequency.WEEKLY:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if frequency is Frequency.MONTHLY else day


def _following(period: Period) -> date:
    if period.frequency is Frequency.MONTHLY:
        return (period.first + timedelta(days=31)).replace(day=1)
    return period.first + (7 * _DAY if period.frequency is Frequency.WEEKLY else _DAY)


def _label(frequency: Frequency, first: date) -> str:
    if isinstance(first, datetime):
        return first.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if frequency is Frequency.WEEKLY:
        year, week, _ = first.isocalendar()
        return f"{year:04d}-W{week:02d}"
    text = first.isoformat()
    return text[:7] if frequency is Frequency.MONTHLY else text


def _parse_label(frequency: str, label: str) -> date:
    if frequency == Frequency.ON_DEMAND:
        return datetime.strptime(label, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    if frequency == Frequency.DAILY:
        return date.fromisoformat(label)
    form = _WEEK_FORM if frequency == Frequency.WEEKLY else _MONTH_FORM
    if (match := form.fullmatch(label)) is None:
        raise ValueError(f"{label!r} is no {frequency} label")
    year, number = int(match[1]), int(match[2])
    if frequency == Frequency.WEEKLY:
        return date.fromisocalendar(year, number, 1)
    return date(year, number, 1)


def _day_start(day: date, zone: tzinfo) -> datetime:
    """First instant (UTC) whose local date is ``day`` or later."""
    # fold=0 is the earlier of two midnights.
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    start = midnight.astimezone(UTC)
    if start.astimezone(zone).replace(tzinfo=None, fold=0) == midnight.replace(tzinfo=None):
        return start
    # Midnight lies in a gap: the day starts when the clocks jump, somewhere in (before, start].
    before = midnight.replace(fold=1).astimezone(UTC)
    while start - before > _SECOND:
        middle = before + max(_SECOND, (start - before) // (2 * _SECOND) * _SECOND)
        if middle.astimezone(zone).date() >= day:
            start = middle
        else:
            before = middle
    return start
