"""A result of `weekly-digest`, written by hand in the shape that its contract promises."""

from typing import Any


def result(**changes: Any) -> dict[str, Any]:
    period = {"from": "2026-11-09", "to": "2026-11-16", "timezone": "Europe/Berlin", "days": 7}
    counts = [6, 9, 7, 10, 6, 2, 1]
    return {
        "workspace": None,
        "period": period,
        "overview": {
            "sessions": {
                "total": 41,
                "success": 27,
                "failed": 6,
                "unknown": 8,
                "known": 33,
                "success_rate": 27 / 33,
                "sub_agents": 5,
                "outcome_rule": "outcome.v1",
            },
            "projects": 3,
            "messages": 1064,
            "prompts": 210,
            "answers": 854,
            "tokens": {
                "input": 9141,
                "output": 195_794,
                "cache_read": 77_328_535,
                "cache_creation": 1_204_118,
            },
            "cost_usd": 38.2,
            "unpriced_tokens": 900,
            "unpriced_models": ["local-coder-1"],
            "cache_ratio": 0.97,
            "tool_calls": 2310,
            "answered_calls": 2301,
            "errors": 90,
            "error_rate": 0.0391,
            "files": {"edits": 310, "files": 88, "lines_added": 4021, "lines_removed": 1200},
        },
        "by_model": [
            _model("opus-4.6", 812, 8120, 171_204, 61_004_118, 36.9),
            _model("haiku-4.5", 240, 1021, 24_590, 16_324_417, 1.3),
            _model("local-coder-1", 12, None, None, None, "unpriced"),
        ],
        "tools": [
            {"tool": tool, "calls": calls, "errors": 3, "answered": calls, "error_rate": 0.01}
            for tool, calls in (("Bash", 1200), ("Edit", 610), ("Read", 420), ("Grep", 80))
        ],
        "by_day": [
            {"day": f"2026-11-{9 + n:02d}", "total": c, "success": c, "failed": 0, "unknown": 0}
            for n, c in enumerate(counts)
        ],
        "projects": [
            {"project": "csv", "total": 21, "success": 15, "failed": 2, "unknown": 4, "output": 9}
        ],
        "wins": [{"project": "csv", "success": 15, "files": 40, "lines_added": 2000}],
        "blockers": [{"error": "ENOENT: no such file", "errors": 12, "sessions": 4}],
        "hot_files": [],
        "failed_projects": [],
        "quality": {
            "bad_lines": [
                {"file": "a.jsonl", "line": n, "reason": "not JSON"} for n in range(1, 8)
            ],
            "complete": True,
        },
        "risk": [
            _risk("risk.failed-sessions.v1", "Sessions that failed", "medium", 0.1818),
            _risk("risk.tool-errors.v1", "Tool calls that failed", "low", 0.0391),
            _risk("risk.hot-files.v1", "Files that many sessions edit", "high", 14),
            _risk("risk.unpriced.v1", "Tokens without a price", None, None),
        ],
        "velocity": [
            {"id": "velocity.sessions.v1", "title": "Sessions", "value": 41, "before": 35}
            | {"change": 0.1714, "formula": "main sessions", "evidence": {}},
            {"id": "velocity.lines.v1", "title": "Lines added", "value": 4021, "before": None}
            | {"change": None, "formula": "lines added by edit tools", "evidence": {}},
        ],
        "actions": [
            {
                "id": "action.hot-file.v1",
                "title": "Split or stabilise storage/api.py",
                "detail": "edited 60 times in 14 sessions",
                "evidence": {},
            },
            {
                "id": "action.unpriced.v1",
                "title": "Add the list price of local-coder-1",
                "detail": "900 tokens are not in the cost",
                "evidence": {},
            },
        ],
        "change": {
            "sessions_total": {"now": 41, "before": 35, "difference": 6},
            "cost_usd": {"now": 38.2, "before": None, "difference": None},
        },
    } | changes


def _model(name: str, messages: int, *numbers: Any) -> dict[str, Any]:
    given, output, read, cost = numbers
    tokens = {"input": given, "output": output, "cache_read": read, "cache_creation": given}
    return {"model": name, "messages": messages, "cost_usd": cost, "unpriced_tokens": 0} | tokens


def _risk(rule: str, title: str, level: str | None, value: float | None) -> dict[str, Any]:
    formula = {"formula": "failed / known", "over": {}, "evidence": {}}
    return {"id": rule, "title": title, "level": level, "value": value} | formula
