"""The numbers of a period; each comes from one query of the semantic layer."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from livery.authoring import Context

OUTCOME_RULE = "outcome.v1"
TOP_ERRORS, TOP_PROJECTS, TOP_WINS = 5, 3, 5
LISTED_TOOLS = 100
LISTED_BAD_LINES, LISTED_BAD_FILES = 1000, 100

Period = Mapping[str, Any]


def before(period: Period) -> dict[str, Any]:
    """Return the period of equal length that ends where this one begins."""
    start = date.fromisoformat(period["from"])
    return {
        **period,
        "from": (start - timedelta(days=period["days"])).isoformat(),
        "to": period["from"],
    }


def at(period: Period) -> dict[str, Any]:
    """Return the condition that places rows in the period."""
    return {"at": {name: period[name] for name in ("from", "to", "timezone")}}


def collect(ctx: Context, period: Period, *, brief: bool = False) -> dict[str, Any]:
    """Return the figures of a period; `brief` leaves out the lists."""
    overview = _overview(ctx, period)
    if brief:
        return {"overview": overview}
    models = _models(ctx, period)
    overview["unpriced_models"] = [m["model"] for m in models if m["cost_usd"] == "unpriced"]
    tools = _rows(
        ctx,
        "tool_calls",
        period,
        "tool",
        ["calls", "errors", "answered", "error_rate"],
        ["-calls"],
        LISTED_TOOLS,
    )
    projects = _projects(ctx, period)
    return {
        "overview": overview,
        "by_model": models,
        "tools": tools,
        "by_day": _days(ctx, period),
        "projects": projects[:TOP_PROJECTS],
        "wins": _wins(ctx, period, projects),
        "blockers": _blockers(ctx, period),
        "hot_files": _rows(
            ctx, "files", period, "path", ["sessions", "edits"], ["-sessions", "-edits"], 5
        ),
        "failed_projects": _failed(ctx, period),
        "quality": _quality(ctx),
    }


def _one(ctx: Context, view: str, period: Period, measures: list[str]) -> dict[str, Any]:
    """Return one row of measures; where there is none at all, every measure is None."""
    rows = ctx.data.query(view, [], measures, where=at(period))
    return rows[0] if rows else dict.fromkeys(measures)


def _rows(
    ctx: Context,
    view: str,
    period: Period,
    dimension: str,
    measures: list[str],
    order_by: list[str],
    limit: int,
) -> list[dict[str, Any]]:
    return ctx.data.query(
        view, [dimension], measures, where=at(period), order_by=order_by, limit=limit
    )


def _overview(ctx: Context, period: Period) -> dict[str, Any]:
    sessions = _one(
        ctx,
        "sessions",
        period,
        [
            "total",
            "success",
            "failed",
            "unknown",
            "known",
            "success_rate",
            "sub_agents",
            "projects",
        ],
    )
    messages = _one(
        ctx, "messages", period, ["messages", "prompts", "answers", "answers_with_usage"]
    )
    tools = _one(ctx, "tool_calls", period, ["calls", "errors", "answered", "error_rate"])
    usage = _one(
        ctx,
        "usage",
        period,
        [
            "input",
            "output",
            "cache_read",
            "cache_creation",
            "cache_ratio",
            "cost_usd",
            "unpriced_tokens",
        ],
    )
    files = _one(ctx, "files", period, ["edits", "files", "lines_added", "lines_removed"])
    answers = messages["answers"] or 0
    # Nothing done used nothing; what was done and not logged is unknown, which is not 0.
    logged = {n: usage[n] for n in ("input", "output", "cache_read", "cache_creation")}
    known = any(value is not None for value in logged.values())
    nothing = None if answers > (messages.get("answers_with_usage") or 0) else 0
    tokens = {n: (logged[n] or 0) if known else nothing for n in logged}
    used = any(tokens.values())
    return {
        "sessions": {
            **{n: sessions[n] or 0 for n in ("total", "success", "failed", "unknown", "known")},
            "success_rate": sessions["success_rate"] if sessions["known"] else None,
            "sub_agents": sessions["sub_agents"] or 0,
            "outcome_rule": OUTCOME_RULE,
        },
        "projects": sessions["projects"] or 0,
        "messages": messages["messages"] or 0,
        "prompts": messages["prompts"] or 0,
        "answers": answers,
        "answers_with_usage": messages.get("answers_with_usage") or 0,
        "tokens": tokens,
        # The same holds for what was used without a price.
        "cost_usd": usage["cost_usd"] if used else nothing,
        "unpriced_tokens": (usage["unpriced_tokens"] or 0) if known else nothing,
        "unpriced_models": [],
        "cache_ratio": usage["cache_ratio"] if used else None,
        "tool_calls": tools["calls"] or 0,
        "answered_calls": tools["answered"] or 0,
        "errors": tools["errors"] or 0,
        "error_rate": tools["error_rate"] if tools["answered"] else None,
        "files": {n: files[n] or 0 for n in ("edits", "files", "lines_added", "lines_removed")},
    }


def _models(ctx: Context, period: Period) -> list[dict[str, Any]]:
    """Return usage by model, dearest first; a model that logs no usage has unknown tokens."""
    counted = ["input", "output", "cache_read", "cache_creation"]
    used = ctx.data.query(
        "usage", ["model"], [*counted, "cost_usd", "unpriced_tokens"], where=at(period)
    )
    answers = ctx.data.query(
        "messages", ["model"], ["answers"], where={**at(period), "role": "assistant"}
    )
    messages = {row["model"]: row["answers"] for row in answers if row["model"]}
    models = []
    for row in used:
        unpriced = row["cost_usd"] is None
        models.append(
            {
                "model": row["model"],
                "messages": messages.pop(row["model"], 0),
                **{name: row[name] for name in counted},
                "cost_usd": "unpriced" if unpriced else row["cost_usd"],
                "unpriced_tokens": row["unpriced_tokens"] or 0,
            }
        )
    for model, count in messages.items():
        models.append(
            {
                "model": model,
                "messages": count,
                **dict.fromkeys(counted),
                "cost_usd": "unpriced",
                "unpriced_tokens": 0,
            }
        )
    models.sort(
        key=lambda m: (
            m["cost_usd"] == "unpriced",
            -(m["cost_usd"] if m["cost_usd"] != "unpriced" else 0),
            m["model"],
        )
    )
    return models


def _days(ctx: Context, period: Period) -> list[dict[str, Any]]:
    """Return every day of the period, those without sessions too."""
    found = {
        row["day"]: row
        for row in ctx.data.query(
            "sessions", ["day"], ["total", "success", "failed", "unknown"], where=at(period)
        )
    }
    start = date.fromisoformat(period["from"])
    days = [(start + timedelta(days=n)).isoformat() for n in range(period["days"])]
    empty = {"total": 0, "success": 0, "failed": 0, "unknown": 0}
    return [{"day": day, **{n: found.get(day, empty)[n] for n in empty}} for day in days]


def _projects(ctx: Context, period: Period) -> list[dict[str, Any]]:
    sessions = ctx.data.query(
        "sessions", ["project"], ["total", "success", "failed", "unknown"], where=at(period)
    )
    output = {
        row["project"]: row["output"]
        for row in ctx.data.query("usage", ["project"], ["output"], where=at(period))
    }
    unlogged = {
        row["project"]
        for row in ctx.data.query(
            "messages", ["project"], ["answers", "answers_with_usage"], where=at(period)
        )
        if row["answers"] > row["answers_with_usage"]
    }
    projects = [
        {
            **row,
            "output": output.get(row["project"], None if row["project"] in unlogged else 0),
        }
        for row in sessions
        if row["total"]
    ]
    projects.sort(key=lambda p: (-p["total"], -(p["output"] or 0), p["project"] or ""))
    return projects


def _wins(ctx: Context, period: Period, projects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    edits = {
        row["project"]: row
        for row in ctx.data.query("files", ["project"], ["files", "lines_added"], where=at(period))
    }
    won = [p for p in projects if p["success"]]
    won.sort(key=lambda p: (-p["success"], p["project"] or ""))
    nothing = {"files": 0, "lines_added": 0}
    return [
        {
            "project": p["project"],
            "success": p["success"],
            **{n: edits.get(p["project"], nothing)[n] for n in nothing},
        }
        for p in won[:TOP_WINS]
    ]


def _blockers(ctx: Context, period: Period) -> list[dict[str, Any]]:
    return ctx.data.query(
        "tool_calls",
        ["error"],
        ["errors", "sessions"],
        where={**at(period), "result": "error"},
        order_by=["-errors"],
        limit=TOP_ERRORS,
    )


def _failed(ctx: Context, period: Period) -> list[dict[str, Any]]:
    return ctx.data.query(
        "sessions",
        ["project"],
        ["failed"],
        where={**at(period), "outcome": "failed", "kind": "main"},
        order_by=["-failed"],
        limit=5,
    )


def _quality(ctx: Context) -> dict[str, Any]:
    """Return the bad lines; where they are too many, of every file its first ones, and how many there are."""
    rows = ctx.data.query(
        "bad_lines",
        ["nth", "file", "line", "reason"],
        [],
        order_by=["nth", "file"],
        limit=LISTED_BAD_LINES,
    )
    listed = [{name: row[name] for name in ("file", "line", "reason")} for row in rows]
    listed.sort(key=lambda row: (row["file"], row["line"], row["reason"]))
    [counted] = ctx.data.query("bad_lines", [], ["lines"]) or [{}]
    total = counted.get("lines") or 0
    if total <= len(listed):
        return {"bad_lines": listed, "complete": True}
    files = ctx.data.query(
        "bad_lines", ["file"], ["lines"], order_by=["-lines"], limit=LISTED_BAD_FILES
    )
    return {"bad_lines": listed, "complete": False, "total": total, "by_file": files}
