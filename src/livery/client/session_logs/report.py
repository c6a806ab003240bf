"""What `livery digest --json` prints: the result of the skill in a shape that scripts rely on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from livery.client.session_logs.reader import Pending


def digest_report(
    result: Mapping[str, Any],
    provenance: Mapping[str, Any] | None = None,
    pending: Iterable[Pending] = (),
) -> dict[str, Any]:
    """Map the result of `weekly-digest` to the documented report.

    `provenance` is what the run says of itself (skill, version, digest, run, fingerprints);
    `pending` are lines that this ingestion found half-written. A cost is USD, null where it is
    not known; tokens are null where no answer logged them, else those of `answers_with_usage`; a
    model without a price has `cost_usd: null` and `cost: "unpriced"`. `bad_lines` are the first
    1,000, of every file some; `bad_lines_total` counts all of them, `bad_lines_by_file` those that
    were read, for the 100 files with most.
    """
    overview, quality = result["overview"], result["quality"]
    sessions = overview["sessions"]
    counted = ("input", "output", "cache_read", "cache_creation")
    bad = [
        {"file": line["file"], "line": line["line"], "reason": line["reason"]}
        for line in quality["bad_lines"]
    ]
    more = [{"file": p.file, "line": p.line, "reason": p.reason} for p in pending]
    return {
        "period": dict(result["period"]),
        "sessions": {
            **{name: sessions[name] for name in ("total", "success", "failed", "unknown")},
            "success_rate": sessions["success_rate"],
            "sub_agents": sessions["sub_agents"],
            "outcome_rule": sessions["outcome_rule"],
        },
        "messages": overview["messages"],
        "answers": overview["answers"],
        "answers_with_usage": overview.get("answers_with_usage", overview["answers"]),
        "tokens": {name: overview["tokens"][name] for name in counted},
        "by_model": {entry["model"]: _model(entry, counted) for entry in result["by_model"]},
        "tool_calls": {
            "total": overview["tool_calls"],
            "by_tool": {tool["tool"]: tool["calls"] for tool in result["tools"] if tool["calls"]},
        },
        "errors": overview["errors"],
        "cost_usd": overview["cost_usd"],
        "unpriced_models": list(overview["unpriced_models"]),
        "bad_lines": sorted(
            [*bad, *more], key=lambda line: (line["file"], line["line"], line["reason"])
        ),
        "bad_lines_total": quality.get("total", len(bad)) + len(more),
        "bad_lines_by_file": list(quality.get("by_file", [])),
        "provenance": dict(provenance or {}),
    }


def _model(entry: Mapping[str, Any], counted: Iterable[str]) -> dict[str, Any]:
    unpriced = entry["cost_usd"] == "unpriced"
    return {
        "messages": entry["messages"],
        **{name: entry[name] for name in counted},
        "cost_usd": None if unpriced else entry["cost_usd"],
        "cost": "unpriced" if unpriced else "list price",
    }
