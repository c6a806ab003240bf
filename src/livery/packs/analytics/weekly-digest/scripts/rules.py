"""Risk, velocity and recommended actions: rules with ids, formulas and evidence.

Documented in references/rules.md; ids and limits here and there are one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .figures import at

MAX_ACTIONS = 5

Figures = Mapping[str, Any]
Finding = dict[str, Any]


def _evidence(
    view: str, period: Mapping[str, Any], dimensions: list[str], measures: list[str], **where: Any
) -> Finding:
    """Return the query that shows the rows behind a number."""
    return {
        "view": view,
        "dimensions": dimensions,
        "measures": measures,
        "where": {**at(period), **where},
    }


def _ratio(part: float | None, whole: float | None) -> float | None:
    return round(part / whole, 6) if whole and part is not None else None


def _sum(parts: Iterable[Any]) -> Any:
    """Return a sum; None where a part is unknown."""
    known = list(parts)
    return None if None in known else sum(known)


def _level(value: float | None, medium: float, high: float) -> str | None:
    if value is None:
        return None
    return "high" if value >= high else "medium" if value >= medium else "low"


def risk(figures: Figures, period: Mapping[str, Any]) -> list[Finding]:
    """Return the four risk findings, each with its level (None: nothing to judge)."""
    o = figures["overview"]
    sessions = o["sessions"]
    failed = _ratio(sessions["failed"], sessions["known"])
    level = _level(failed, 0.10, 0.25)
    if level == "high" and sessions["failed"] < 2:
        level = "medium"
    hottest = figures["hot_files"][0] if figures["hot_files"] else None
    tokens = _sum(o["tokens"].values())
    unpriced = _ratio(o["unpriced_tokens"], tokens)
    return [
        {
            "id": "risk.failed-sessions.v1",
            "title": "Sessions that failed",
            "level": level,
            "value": failed,
            "formula": "failed / known",
            "over": {"failed": sessions["failed"], "known": sessions["known"]},
            "evidence": _evidence(
                "sessions", period, ["session", "project"], ["failed"], outcome="failed"
            ),
        },
        {
            "id": "risk.tool-errors.v1",
            "title": "Tool calls that failed",
            "level": _level(o["error_rate"], 0.08, 0.15),
            "value": o["error_rate"],
            "formula": "errors / answered calls",
            "over": {"errors": o["errors"], "answered": o["answered_calls"]},
            "evidence": _evidence(
                "tool_calls", period, ["tool", "error"], ["errors"], result="error"
            ),
        },
        {
            "id": "risk.hot-files.v1",
            "title": "Files that many sessions edit",
            "level": _level(hottest["sessions"], 3, 5) if hottest else None,
            "value": hottest["sessions"] if hottest else None,
            "formula": "most sessions that edited one file",
            "over": {"path": hottest["path"] if hottest else None},
            "evidence": _evidence("files", period, ["path"], ["sessions", "edits"]),
        },
        {
            "id": "risk.unpriced.v1",
            "title": "Tokens without a price",
            "level": None
            if unpriced is None
            else "high"
            if unpriced >= 0.5
            else "medium"
            if unpriced > 0
            else "low",
            "value": unpriced,
            "formula": "unpriced tokens / all tokens",
            "over": {"unpriced": o["unpriced_tokens"], "tokens": tokens},
            "evidence": _evidence("usage", period, ["model"], ["unpriced_tokens"], priced=False),
        },
    ]


def velocity(figures: Figures, earlier: Figures, period: Mapping[str, Any]) -> list[Finding]:
    """Return the four velocity figures with their change against the period before."""

    def values(overview: Mapping[str, Any]) -> dict[str, float | None]:
        total = overview["sessions"]["total"]
        return {
            "sessions": total,
            "lines": overview["files"]["lines_added"],
            "files": overview["files"]["files"],
            "output-per-session": _ratio(overview["tokens"]["output"], total),
        }

    about = {
        "sessions": (
            "Sessions",
            "main sessions",
            _evidence("sessions", period, ["day"], ["total"]),
        ),
        "lines": (
            "Lines added",
            "lines added by edit tools",
            _evidence("files", period, ["project"], ["lines_added"]),
        ),
        "files": (
            "Files changed",
            "distinct files edited",
            _evidence("files", period, ["path"], ["edits"]),
        ),
        "output-per-session": (
            "Output tokens per session",
            "output tokens / main sessions",
            _evidence("usage", period, ["session"], ["output"]),
        ),
    }
    now, then = values(figures["overview"]), values(earlier["overview"])
    findings = []
    for name, (title, formula, evidence) in about.items():
        new, old = now[name], then[name]
        change = None if new is None or not old else round((new - old) / old, 6)
        findings.append(
            {
                "id": f"velocity.{name}.v1",
                "title": title,
                "value": new,
                "before": old,
                "change": change,
                "formula": formula,
                "evidence": evidence,
            }
        )
    return findings


def actions(figures: Figures, period: Mapping[str, Any]) -> list[Finding]:
    """Return up to five recommended actions, the most pressing first."""
    found: list[Finding] = []

    def add(name: str, title: str, detail: str, evidence: Finding) -> None:
        found.append(
            {"id": f"action.{name}.v1", "title": title, "detail": detail, "evidence": evidence}
        )

    for error in figures["blockers"][:1]:
        if error["errors"] >= 3:
            add(
                "top-error",
                f"Fix the cause of “{error['error']}”",
                f"{error['errors']} of {figures['overview']['errors']} tool errors, in "
                f"{error['sessions']} sessions",
                _evidence(
                    "tool_calls", period, ["session", "tool"], ["errors"], error=error["error"]
                ),
            )
    for tool in figures["tools"]:
        if tool["answered"] >= 5 and tool["error_rate"] is not None and tool["error_rate"] >= 0.2:
            add(
                "tool-failing",
                f"Find out why {tool['tool']} fails",
                f"{tool['errors']} of {tool['answered']} calls failed",
                _evidence("tool_calls", period, ["error"], ["errors"], tool=tool["tool"]),
            )
            break
    for file in figures["hot_files"][:1]:
        if file["sessions"] >= 3:
            add(
                "hot-file",
                f"Split or stabilise {file['path']}",
                f"edited {file['edits']} times in {file['sessions']} sessions",
                _evidence("files", period, ["session"], ["edits"], path=file["path"]),
            )
    for project in figures["failed_projects"][:1]:
        add(
            "failed-sessions",
            f"Read how the failed sessions of {_named(project)} ended",
            f"{project['failed']} of {figures['overview']['sessions']['known']} sessions with a "
            "known outcome failed there",
            _evidence(
                "sessions",
                period,
                ["session"],
                ["failed"],
                project=project["project"],
                outcome="failed",
            ),
        )
    o = figures["overview"]
    read = _sum((o["tokens"]["input"], o["tokens"]["cache_read"])) or 0
    if o["cache_ratio"] is not None and o["cache_ratio"] < 0.5 and read >= 100_000:
        add(
            "cache",
            "Let prompts reuse the cache",
            f"cache ratio {o['cache_ratio']:.0%} of {read:,} input tokens",
            _evidence("usage", period, ["project"], ["cache_ratio", "input", "cache_read"]),
        )
    if o["unpriced_tokens"]:
        add(
            "unpriced",
            "Add the list price of " + ", ".join(o["unpriced_models"]),
            f"{o['unpriced_tokens']:,} tokens are not in the cost",
            _evidence("usage", period, ["model"], ["unpriced_tokens"], priced=False),
        )
    return found[:MAX_ACTIONS]


def _named(row: Mapping[str, Any]) -> str:
    return row["project"] or "sessions without a project"
