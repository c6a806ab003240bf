"""Tokens that no log tells are unknown: null in JSON, words for people, never 0."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from tests.support.facts import open_logs, run_digest

from livery.cli.digest.report import report
from livery.client.session_logs.report import digest_report
from livery.portals.operator.digest import view

PERIOD = {"from": "2026-11-09", "to": "2026-11-16"}
NAMES = ("input", "output", "cache_read", "cache_creation")


def log(folder: Path, *usages: dict[str, int] | None, model: str = "claude-opus-4-6") -> Path:
    """A session whose answers log these usages."""
    folder.mkdir(exist_ok=True)
    lines: list[dict[str, Any]] = [
        {"type": "user", "uuid": f"u-{folder.name}", "message": {"content": "go"}}
    ]
    for number, usage in enumerate(usages):
        message = {"id": f"{folder.name}-{number}", "model": model, "content": "done"}
        lines.append(
            {"type": "assistant", "message": message | ({"usage": usage} if usage else {})}
        )
    about = {
        "sessionId": folder.name,
        "cwd": f"/w/{folder.name}",
        "timestamp": "2026-11-10T10:00:00Z",
    }
    (folder / "s.jsonl").write_text("".join(json.dumps(line | about) + "\n" for line in lines))
    return folder


def shown(output: dict[str, Any]) -> str:
    console = Console(width=140, record=True, file=StringIO())
    console.print(report(output))
    return console.export_text()


def test_a_week_without_usage(tmp_path: Path) -> None:
    output, artifacts = run_digest(open_logs(tmp_path, log(tmp_path / "a", None, None)), **PERIOD)
    unknown = dict.fromkeys(NAMES)
    overview = output["overview"]
    assert overview["tokens"] == unknown
    assert (overview["answers"], overview["answers_with_usage"]) == (2, 0)
    assert overview["unpriced_tokens"] is None
    assert overview["cost_usd"] is None
    assert output["projects"][0]["output"] is None
    assert {name: output["by_model"][0][name] for name in NAMES} == unknown
    per_session = output["velocity"][3]
    assert (per_session["id"], per_session["value"]) == ("velocity.output-per-session.v1", None)
    unpriced = output["risk"][3]
    assert (unpriced["value"], unpriced["level"]) == (None, None)
    assert unpriced["over"] == {"unpriced": None, "tokens": None}
    assert output["change"]["tokens_output"] == {"now": None, "before": 0, "difference": None}
    assert digest_report(output)["tokens"] == unknown
    assert json.loads(artifacts["digest.json"])["overview"]["tokens"] == unknown
    assert "**Tokens** unknown: none of 2 answers" in artifacts["digest.md"].decode()
    assert "| claude-opus-4-6 | 2 | – | – | – |" in artifacts["digest.md"].decode()
    assert "unknown" in shown(output)
    assert "– output tokens" in shown(output)
    assert (view(output).kpis[2].label, view(output).kpis[2].value) == ("Output tokens", "unknown")


def test_a_mixed_week_says_over_how_many(tmp_path: Path) -> None:
    logs = [
        log(tmp_path / "a", {"input_tokens": 5, "output_tokens": 7}, None),
        log(tmp_path / "b", None),
    ]
    output, artifacts = run_digest(open_logs(tmp_path, *logs), **PERIOD)
    assert output["overview"]["tokens"] == {**dict.fromkeys(NAMES, 0), "input": 5, "output": 7}
    assert {p["project"]: p["output"] for p in output["projects"]} == {"a": 7, "b": None}
    document = digest_report(output)
    assert (document["answers"], document["answers_with_usage"]) == (3, 1)
    assert "known for 1 of 3 answers" in artifacts["digest.md"].decode()
    assert "known for 1 of 3 answers" in shown(output)
    assert view(output).kpis[2].note == "known for 1 of 3 answers"


def test_nothing_done_used_nothing_and_an_answer_of_no_model_neither(tmp_path: Path) -> None:
    output, _ = run_digest(open_logs(tmp_path, log(tmp_path / "a")), **PERIOD)
    assert output["overview"]["tokens"] == dict.fromkeys(NAMES, 0)
    assert output["projects"][0]["output"] == 0
    local = log(tmp_path / "b", {"input_tokens": 0}, model="<synthetic>")
    output, artifacts = run_digest(open_logs(tmp_path / "b", local), **PERIOD)
    assert output["overview"]["tokens"] == dict.fromkeys(NAMES, 0)
    assert "known for" not in artifacts["digest.md"].decode()
