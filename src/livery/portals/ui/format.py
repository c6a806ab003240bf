"""How values are written on a page. Pure; an unknown value is a dash, never a zero."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

DASH = "–"
CLIPPED = 20_000
"""Characters of a document that a page shows; the rest is in the download."""


def number(value: object) -> str:
    """A count with thousands separated by commas: `195,794`; a float with two places at most."""
    if not _is_number(value):
        return DASH
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def signed(value: object) -> str:
    """A difference with its sign: `+6`, `-2`, `0`."""
    text = number(value)
    return f"+{text}" if _is_number(value) and value > 0 else text


def usd(value: object) -> str:
    """US dollars: `$ 38.20`; six places below a cent, as the terminal has them: small costs do not read as none."""
    if not _is_number(value):
        return DASH
    amount = float(value)
    places = 6 if 0 < abs(amount) < 0.01 else 2
    return f"$ {amount:,.{places}f}"


def percent(value: object) -> str:
    """A share between 0 and 1 as `82 %`."""
    if not _is_number(value):
        return DASH
    rounded = f"{value * 100:.0f}"
    if rounded == "100" and value < 1:  # nearly all is not all, and a few are not none
        return "> 99 %"
    return "< 1 %" if rounded == "0" and value > 0 else f"{rounded} %"


def millis(value: object) -> str:
    """A duration in milliseconds: `212 ms`, `1.9 s`, `3 min 20 s`."""
    if not _is_number(value):
        return DASH
    took = float(value)
    if took < 1:
        return "< 1 ms" if took > 0 else "0 ms"
    if took < 1000:
        return f"{took:.0f} ms"
    if took < 60_000:
        return f"{took / 1000:.1f} s"
    minutes, seconds = divmod(int(took // 1000), 60)
    return f"{minutes} min {seconds} s"


def size(value: object) -> str:
    """Bytes: `812 B`, `3.1 kB`, `10.0 MB`."""
    if not _is_number(value):
        return DASH
    left = float(value)
    for unit in ("B", "kB", "MB"):
        if left < 1000:
            return f"{left:.0f} B" if unit == "B" else f"{left:.1f} {unit}"
        left /= 1000
    return f"{left:.1f} GB"


def moment(value: object) -> datetime | None:
    """An RFC 3339 time as an aware datetime in UTC, or None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def day(value: object) -> str:
    """The UTC day of an RFC 3339 time: `12 Nov 2026`."""
    at = moment(value)
    return f"{at.day} {at:%b %Y}" if at else DASH


def period(found: Mapping[str, Any]) -> str:
    """The days of a half-open `{from, to, timezone?}`: `9 to 15 Nov 2026, Europe/Berlin`.

    `from` and `to` are days or times, read on their own clock; the last day is the one before a
    `to` at midnight. Empty where one of them is missing.
    """
    start = _own_clock(found.get("from") or found.get("start"))
    end = _own_clock(found.get("to") or found.get("end"))
    if start is None or end is None or end <= start:
        return ""
    last = end - timedelta(microseconds=1)
    same_month = (start.year, start.month) == (last.year, last.month)
    head = f"{start.day}" if same_month else f"{start.day} {start:%b %Y}"
    days = f"{head} to {last.day} {last:%b %Y}"
    if start.date() == last.date():
        days = f"{last.day} {last:%b %Y}"
    zone = found.get("timezone")
    return f"{days}, {zone}" if isinstance(zone, str) and zone else days


def _own_clock(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        return None


def when(value: object) -> str:
    """An RFC 3339 time to the second, in UTC: `12 Nov 2026 09:41:07`."""
    at = moment(value)
    return f"{at.day} {at:%b %Y %H:%M:%S}" if at else DASH


def days_left(value: object, now: datetime) -> str:
    """How far away a time is: `in 81 days`, `today`, `3 days ago`."""
    at = moment(value)
    if at is None:
        return ""
    days = (at.date() - now.astimezone(UTC).date()).days
    if days == 0:
        return "today"
    unit = "day" if abs(days) == 1 else "days"
    return f"in {days} {unit}" if days > 0 else f"{-days} {unit} ago"


def digest(value: object) -> str:
    """A hash that fits a line: `sha256:8f41…c07e`."""
    text = str(value or "")
    head, colon, tail = text.rpartition(":")
    return f"{head}{colon}{tail[:4]}…{tail[-4:]}" if len(tail) > 12 else text or DASH


def short(value: object) -> str:
    """An identifier that fits a column: its first eight characters, and its last two."""
    text = str(value or "")
    return f"{text[:8]}…{text[-2:]}" if len(text) > 14 else text or DASH


def clip(value: object, most: int = 160) -> str:
    """Text of at most `most` characters: one long name never makes a page of a table row."""
    text = "" if value is None else str(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def pretty(value: object) -> str:
    """A JSON document, indented, clipped to `CLIPPED` characters."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return clip(text, CLIPPED)


def _is_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


FILTERS = {
    "number": number, "signed": signed, "usd": usd, "percent": percent, "millis": millis,
    "size": size, "day": day, "when": when, "hash": digest, "short": short, "clip": clip,
    "pretty": pretty,
}  # fmt: skip
