"""Periods in time: half-open `[from, to)` in a timezone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from livery.execution.data.errors import QueryInvalid

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")


@dataclass(frozen=True, slots=True)
class Period:
    """Instants `start <= t < stop` (None: open); days are those of `timezone`."""

    start: datetime | None
    stop: datetime | None
    timezone: str


def parse_period(value: object) -> Period:
    """Return the period of `{"from": …, "to": …, "timezone": …}`, each of them optional.

    A date (`2026-11-16`) is that day's first moment in the timezone (default UTC), a time must
    name its offset. Raises QueryInvalid otherwise.
    """
    if not isinstance(value, Mapping) or set(value) - {"from", "to", "timezone"}:
        raise QueryInvalid(message='A period is {"from", "to", "timezone"}.')
    zone = timezone(value.get("timezone", "UTC"))
    start, stop = (_instant(value.get(name), zone, name) for name in ("from", "to"))
    if start is not None and stop is not None and start > stop:
        raise QueryInvalid(message="The period ends before it begins.")
    return Period(start, stop, zone.key)


def timezone(name: object) -> ZoneInfo:
    """Return an IANA timezone; QueryInvalid where there is none of that name."""
    try:
        if isinstance(name, str) and _ZONE.fullmatch(name):
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    raise QueryInvalid(message="The timezone is not a known IANA name.")


def _instant(value: object, zone: ZoneInfo, name: str) -> datetime | None:
    if value is None:
        return None
    try:
        if isinstance(value, str) and len(value) == 10:
            value = date.fromisoformat(value)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(UTC)
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise QueryInvalid(message=f"`{name}` is neither a date nor a time with its offset.")
