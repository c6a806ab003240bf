"""Which days a digest covers."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from livery.authoring import Context, SkillFailed

WEEK = timedelta(days=7)
MAX_DAYS = 366


def choose(ctx: Context, start: str | None, stop: str | None, timezone: str) -> dict[str, Any]:
    """Return {from, to, timezone, days}, half-open; see SKILL.md for what is left out.

    Raises SkillFailed for an unknown timezone, a date that does not exist, an empty period.
    """
    zone = _zone(timezone)
    first, last = _day(start), _day(stop)
    if last is None:
        last = _newest_day(ctx, zone) + timedelta(days=1) if first is None else first + WEEK
    if first is None:
        first = last - WEEK
    days = (last - first).days
    if not 1 <= days <= MAX_DAYS:
        raise SkillFailed(f"The period must have 1 to {MAX_DAYS} days; `to` is its end, exclusive.")
    return {"from": first.isoformat(), "to": last.isoformat(), "timezone": zone.key, "days": days}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise SkillFailed(f"There is no timezone {name!r:.64}.") from None


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise SkillFailed(f"There is no day {text!r:.20}.") from None


def _newest_day(ctx: Context, zone: ZoneInfo) -> date:
    rows = ctx.data.query("messages", [], ["last_at"])
    newest = rows[0]["last_at"] if rows else None
    at = datetime.fromisoformat(newest) if isinstance(newest, str) else ctx.now
    return at.astimezone(zone).date()
