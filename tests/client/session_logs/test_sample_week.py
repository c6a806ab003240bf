"""The sample week through reader, facts, views and digest: every number counted by hand.

The arithmetic stands in sample_week.md beside this file.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.support.facts import open_logs, run_digest

from livery.client.session_logs.report import digest_report
from livery.client.session_logs.sample import write_sample_week
from livery.execution.data.views import DataViews

MONDAY = date(2026, 11, 9)
WEEK = {"from": "2026-11-09", "to": "2026-11-16", "timezone": "UTC"}


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataViews]:
    folder = tmp_path_factory.mktemp("week")
    write_sample_week(folder / "logs", MONDAY)
    opened = open_logs(folder, folder / "logs")
    yield opened
    opened.close()


def test_report_is_what_was_counted_by_hand(views: DataViews) -> None:
    output, _ = run_digest(views, **WEEK)
    report = digest_report(output, {"skill": "weekly-digest@1.0.0"})
    assert report["sessions"] == {
        "total": 8, "success": 4, "failed": 2, "unknown": 2, "success_rate": pytest.approx(4 / 6),
        "sub_agents": 1, "outcome_rule": "outcome.v1",
    }  # fmt: skip
    assert report["messages"] == 21
    assert report["tokens"] == {
        "input": 10_900, "output": 2_950, "cache_read": 69_500, "cache_creation": 11_500,
    }  # fmt: skip
    assert report["tool_calls"] == {
        "total": 10,
        "by_tool": {"Edit": 2, "Bash": 2, "Task": 1, "Read": 1, "Write": 1, "exec_command": 2,
                    "apply_patch": 1},
    }  # fmt: skip
    assert report["errors"] == 3
    assert report["cost_usd"] == 0.18075
    assert report["unpriced_models"] == ["local-coder-1"]
    assert [(line["file"].rsplit("/", 1)[-1], line["line"]) for line in report["bad_lines"]] == [
        ("sample-s6.jsonl", 2)
    ]


def test_by_model(views: DataViews) -> None:
    output, _ = run_digest(views, **WEEK)
    models = digest_report(output)["by_model"]
    assert models["claude-opus-4-6"] == {
        "messages": 7, "input": 2600, "output": 1600, "cache_read": 64_500,
        "cache_creation": 11_500, "cost_usd": 0.157125, "cost": "list price",
    }  # fmt: skip
    assert models["claude-haiku-4-5"]["cost_usd"] == 0.00455
    assert models["gpt-5.2-codex"] == {
        "messages": 1, "input": 4000, "output": 800, "cache_read": 5000, "cache_creation": 0,
        "cost_usd": 0.019075, "cost": "list price",
    }  # fmt: skip
    assert models["local-coder-1"]["cost_usd"] is None
    assert models["local-coder-1"]["cost"] == "unpriced"
    assert models["local-coder-1"]["input"] == 2000
    assert set(models) == {"claude-opus-4-6", "claude-haiku-4-5", "gpt-5.2-codex", "local-coder-1"}


def test_sections_of_the_digest(views: DataViews) -> None:
    output, artifacts = run_digest(views, **WEEK)
    assert [day["total"] for day in output["by_day"]] == [1, 1, 1, 2, 1, 1, 1]
    assert [(p["project"], p["total"]) for p in output["projects"]] == [
        ("harbor-api", 3), ("harbor-web", 3), ("tide-cli", 2),
    ]  # fmt: skip
    assert [(w["project"], w["success"], w["files"], w["lines_added"]) for w in output["wins"]] == [
        ("harbor-api", 3, 2, 15), ("tide-cli", 1, 1, 3),
    ]  # fmt: skip
    assert [b["errors"] for b in output["blockers"]] == [1, 1, 1]
    assert output["overview"]["files"] == {
        "edits": 4, "files": 3, "lines_added": 18, "lines_removed": 3,
    }  # fmt: skip
    assert output["overview"]["cache_ratio"] == pytest.approx(69_500 / 80_400)
    assert output["overview"]["unpriced_tokens"] == 2100
    assert output["change"]["sessions_total"] == {"now": 8, "before": 1, "difference": 7}
    assert output["change"]["messages"]["before"] == 2
    assert output["change"]["tokens_output"]["before"] == 100
    risk = {finding["id"]: finding for finding in output["risk"]}
    assert risk["risk.failed-sessions.v1"]["level"] == "high"  # 2 of 6
    assert risk["risk.tool-errors.v1"]["level"] == "high"  # 3 of 10
    assert risk["risk.hot-files.v1"]["level"] == "low"  # two sessions edited ports.py
    assert risk["risk.unpriced.v1"]["level"] == "medium"  # 2100 of 94850
    assert [a["id"] for a in output["actions"]] == [
        "action.failed-sessions.v1", "action.unpriced.v1",
    ]  # fmt: skip
    assert set(artifacts) == {"digest.json", "digest.md", "chart.vl.json", "table.json"}


def test_default_period_is_the_week_that_ends_with_the_newest_message(views: DataViews) -> None:
    output, _ = run_digest(views)
    assert (output["period"]["from"], output["period"]["to"]) == ("2026-11-09", "2026-11-16")


def test_neighbouring_weeks_share_no_session(views: DataViews) -> None:
    earlier, _ = run_digest(views, **{**WEEK, "from": "2026-11-02", "to": "2026-11-09"})
    week, _ = run_digest(views, **WEEK)
    whole, _ = run_digest(views, **{**WEEK, "from": "2026-11-02"})
    for path in ("total", "success", "failed", "unknown"):
        parts = [d["overview"]["sessions"][path] for d in (earlier, week, whole)]
        assert parts[0] + parts[1] == parts[2]


def test_equal_data_gives_equal_bytes(views: DataViews, tmp_path: Path) -> None:
    write_sample_week(tmp_path / "logs", MONDAY)
    again = open_logs(tmp_path, tmp_path / "logs")
    assert run_digest(again, **WEEK) == run_digest(views, **WEEK)
    again.close()
