"""The weekly digest as a package, and its rules at their limits."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.facts import PACKAGE

from livery.authoring import CapabilityDenied, SkillFailed
from livery.authoring.loading import load_entry
from livery.authoring.testkit import make_context, read_package, run_fixtures

VIEWS = ("sessions", "messages", "tool_calls", "files", "usage", "bad_lines")
PERIOD = {"from": "2026-11-09", "to": "2026-11-16", "timezone": "UTC"}


def digest(
    answers: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]], **request: Any
) -> tuple[dict[str, Any], Any]:
    """Run the skill; `answers` maps (view, dimensions) to rows, for this week only."""

    def view(name: str) -> Any:
        def rows(dimensions: Any, measures: Any, where: Any, order: Any, limit: Any) -> Any:
            if where and where.get("at", {}).get("from") == "2026-11-02":
                return []
            return answers.get((name, tuple(dimensions)), [])[:limit]

        return rows

    context = make_context({"data": list(VIEWS)}, data={name: view(name) for name in VIEWS})
    tool = load_entry(PACKAGE, "scripts/skill.py:run")
    return tool.call({**PERIOD, **request}, context), context


def test_the_package_is_whole_and_its_fixtures_pass() -> None:
    package, diagnostics = read_package(PACKAGE)
    assert diagnostics == ()
    assert package.contract.capabilities.to_dict() == {"data": sorted(VIEWS)} or set(
        package.contract.capabilities.data
    ) == set(VIEWS)
    report = run_fixtures(
        PACKAGE, lambda c: make_context(c.capabilities, data={v: [] for v in c.capabilities.data})
    )
    assert report.ok, [result.detail for result in report.results]


def test_it_reads_nothing_that_it_did_not_declare() -> None:
    tool = load_entry(PACKAGE, "scripts/skill.py:run")
    with pytest.raises(CapabilityDenied):
        tool.call(PERIOD, make_context({"data": ["sessions"]}, data={"sessions": []}))


def test_every_rule_is_documented() -> None:
    documented = (PACKAGE / "references" / "rules.md").read_text()
    used = re.findall(
        r"\b(?:risk|action|velocity|outcome)\.[a-z-]+\.v\d|outcome\.v\d",
        "".join(path.read_text() for path in (PACKAGE / "scripts").glob("*.py")),
    )
    assert {rule for rule in used if rule not in documented} == set()
    for name in re.findall(r'add\(\s*"([a-z-]+)"', (PACKAGE / "scripts/rules.py").read_text()):
        assert f"action.{name}.v1" in documented


def sessions(success: int, failed: int, unknown: int = 0) -> dict[str, Any]:
    known = success + failed
    return {
        "total": known + unknown, "success": success, "failed": failed, "unknown": unknown,
        "known": known, "success_rate": success / known if known else None, "sub_agents": 0,
        "projects": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("success", "failed", "level"), [
    (0, 0, None), (10, 0, "low"), (91, 9, "low"), (9, 1, "medium"), (3, 1, "medium"), (6, 2, "high"),
])  # fmt: skip
def test_risk_of_failed_sessions(success: int, failed: int, level: str | None) -> None:
    output, _ = digest({("sessions", ()): [sessions(success, failed)]})
    assert output["risk"][0]["id"] == "risk.failed-sessions.v1"
    assert output["risk"][0]["level"] == level


def test_a_rate_is_null_where_there_is_nothing_to_divide() -> None:
    output, _ = digest({("sessions", ()): [sessions(0, 0, 3)]})
    assert output["overview"]["sessions"]["total"] == 3
    assert output["overview"]["sessions"]["success_rate"] is None
    assert output["overview"]["error_rate"] is None
    assert output["overview"]["cache_ratio"] is None
    assert output["change"]["sessions_success_rate"]["difference"] is None


def usage(**values: Any) -> dict[str, Any]:
    row = dict.fromkeys(("input", "output", "cache_read", "cache_creation", "unpriced_tokens"), 0)
    return {**row, "cache_ratio": None, "cost_usd": None, **values}


def test_unpriced_is_never_zero() -> None:
    used = usage(input=10, unpriced_tokens=10)
    output, context = digest(
        {("usage", ()): [used], ("usage", ("model",)): [{"model": "local", **used}]}
    )
    assert output["overview"]["cost_usd"] is None
    assert output["overview"]["unpriced_models"] == ["local"]
    assert output["by_model"][0]["cost_usd"] == "unpriced"
    text = context.artifacts["digest.md"][1].decode()
    assert "unpriced" in text
    assert "$ 0.00" not in text


def test_actions_and_their_limits() -> None:
    def tool(name: str, errors: int, answered: int) -> dict[str, Any]:
        return {"tool": name, "calls": answered, "errors": errors, "answered": answered,
                "error_rate": errors / answered}  # fmt: skip

    answers: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]] = {
        ("sessions", ()): [sessions(4, 2)],
        ("sessions", ("project",)): [{"project": "app", **sessions(4, 2)}],
        ("tool_calls", ("error",)): [{"error": "boom", "errors": 3, "sessions": 2}],
        ("tool_calls", ("tool",)): [tool("Read", 1, 6), tool("Bash", 1, 5), tool("Grep", 4, 4)],
        ("files", ("path",)): [{"path": "a.py", "sessions": 3, "edits": 9}],
        ("usage", ()): [usage(input=60_000, cache_read=40_000, cache_ratio=0.4, cost_usd=1.0)],
    }
    output, _ = digest(answers)
    assert [action["id"] for action in output["actions"]] == [
        "action.top-error.v1", "action.tool-failing.v1", "action.hot-file.v1",
        "action.failed-sessions.v1", "action.cache.v1",
    ]  # fmt: skip
    assert "Bash" in output["actions"][1]["title"]
    for finding in (*output["actions"], *output["risk"], *output["velocity"]):
        evidence = finding["evidence"]
        assert evidence["view"] in VIEWS
        assert evidence["where"]["at"] == PERIOD
    answers["tool_calls", ("error",)][0]["errors"] = 2
    answers["tool_calls", ("tool",)][1] = tool("Bash", 1, 6)
    answers["files", ("path",)][0]["sessions"] = 2
    answers["usage", ()] = [usage(input=50_000, cache_read=49_999, cache_ratio=0.49, cost_usd=1.0)]
    answers["sessions", ("project",)] = []
    assert digest(answers)[0]["actions"] == []


def test_markdown_cannot_be_broken_by_what_logs_hold() -> None:
    bad = "x|y\n# <script>alert(1)</script> [a](http://b) `c`"
    _, context = digest({
        ("tool_calls", ("error",)): [{"error": bad, "errors": 1, "sessions": 1}],
        ("bad_lines", ("nth", "file", "line", "reason")): [{"file": bad, "line": 1, "reason": bad}],
        ("bad_lines", ()): [{"lines": 1}],
    }, workspace=bad)  # fmt: skip
    text = context.artifacts["digest.md"][1].decode()
    assert "<script>" not in text
    assert "[a](" not in text
    row = next(line for line in text.splitlines() if line.startswith("| x"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 4


def test_chart_is_vega_lite_in_the_colour_of_the_mark() -> None:
    days = [{"day": "2026-11-10", "total": 3, "success": 3, "failed": 0, "unknown": 0}]
    _, context = digest({("sessions", ("day",)): days})
    chart = json.loads(context.artifacts["chart.vl.json"][1])
    assert chart["mark"]["color"] == "#14532d"
    assert [value["sessions"] for value in chart["data"]["values"]] == [0, 3, 0, 0, 0, 0, 0]
    assert chart["data"]["values"][0]["label"] == "Mon 9"
    assert chart["data"]["values"][6]["weekend"] is True
    vl_convert = pytest.importorskip("vl_convert")
    assert vl_convert.vegalite_to_svg(chart).startswith("<svg")


@pytest.mark.parametrize(("request_", "expected"), [
    ({"from": "2026-11-02", "to": None}, ("2026-11-02", "2026-11-09")),
    ({"from": None, "to": "2026-11-09"}, ("2026-11-02", "2026-11-09")),
    ({"from": None, "to": None}, ("2026-11-15", "2026-11-22")),  # the kit's now is 2026-11-21
])  # fmt: skip
def test_periods_that_are_left_open(request_: dict[str, Any], expected: tuple[str, str]) -> None:
    output, _ = digest({}, **request_)
    assert (output["period"]["from"], output["period"]["to"]) == expected


def test_the_newest_message_is_placed_in_the_timezone() -> None:
    newest = {("messages", ()): [{"last_at": "2026-11-15T23:30:00Z", "messages": 0}]}
    request: dict[str, Any] = {"from": None, "to": None, "timezone": "Europe/Berlin"}
    rows = {key: [{"prompts": 0, "answers": 0, **row} for row in value]
            for key, value in newest.items()}  # fmt: skip
    assert digest(rows, **request)[0]["period"]["to"] == "2026-11-17"


@pytest.mark.parametrize("request_", [
    {"timezone": "Mars/Olympus"}, {"from": "2026-02-30"}, {"from": "2026-11-16", "to": "2026-11-16"},
    {"from": "2020-01-01"},
])  # fmt: skip
def test_impossible_periods(request_: dict[str, Any]) -> None:
    with pytest.raises(SkillFailed):
        digest({}, **request_)


def test_package_imports_only_what_an_author_sees() -> None:
    for path in Path(PACKAGE / "scripts").glob("*.py"):
        for name in re.findall(r"^(?:from|import) (livery[\w.]*)", path.read_text(), re.MULTILINE):
            assert name == "livery.authoring", path.name
