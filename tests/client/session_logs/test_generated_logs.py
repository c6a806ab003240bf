"""Generated logs: what the generator counted while writing is what the views count."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.facts import open_logs, open_rows, read_all, run_digest
from tests.support.log_generator import START, Totals, generate

from livery.client.session_logs.report import digest_report

PERIOD = {
    "from": START.date().isoformat(),
    "to": (START + timedelta(days=10)).date().isoformat(),
}


def check(report: dict, totals: Totals) -> None:
    assert report["sessions"]["total"] == totals.main_sessions
    assert report["sessions"]["sub_agents"] == totals.sub_agents
    for outcome, count in totals.outcomes.items():
        assert report["sessions"][outcome] == count, outcome
    assert report["messages"] == totals.messages
    assert report["tokens"] == {name: totals.tokens(name) for name in report["tokens"]}
    for model, tokens in totals.models.items():
        assert {name: report["by_model"][model][name] for name in tokens} == tokens
    assert report["tool_calls"]["by_tool"] == totals.tools
    assert report["tool_calls"]["total"] == sum(totals.tools.values())
    assert report["errors"] == totals.errors
    assert [(b["file"], b["line"]) for b in report["bad_lines"]] == sorted(totals.bad_lines)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_totals_are_those_of_the_generator(tmp_path: Path, seed: int) -> None:
    totals = generate(tmp_path / "logs", 6_000_000, seed, file_size=300_000)
    assert totals.sub_agents
    assert totals.bad_lines
    assert totals.outcomes["failed"]
    assert totals.outcomes["unknown"]
    views = open_logs(tmp_path, tmp_path / "logs")
    check(digest_report(run_digest(views, **PERIOD)[0]), totals)
    views.close()


def test_reading_in_slices_and_twice_changes_nothing(tmp_path: Path) -> None:
    totals = generate(tmp_path / "logs", 3_000_000, 4, file_size=300_000)
    whole, _ = read_all(tmp_path / "logs")
    sliced, _ = read_all(tmp_path / "logs", limit=1)
    views = open_rows(tmp_path, sliced, whole, sliced)
    check(digest_report(run_digest(views, **PERIOD)[0]), totals)
    views.close()


def test_a_noisy_file_hides_no_bad_line_of_another(tmp_path: Path) -> None:
    good = generate(tmp_path / "logs", 200_000)
    counts = {"a-noisy.jsonl": 1_500, "b.jsonl": 3, "z.jsonl": 1}
    for name, lines in counts.items():
        (tmp_path / "logs" / name).write_text("no json\n" * lines)
    views = open_logs(tmp_path, tmp_path / "logs")
    output, artifacts = run_digest(views, **PERIOD)
    report = digest_report(output)
    total = 1_504 + len(good.bad_lines)
    assert report["bad_lines_total"] == total
    # By hand: of the noisy file the reader names 1,000 and counts 500, and the digest lists 1,000 in all.
    assert len(report["bad_lines"]) == 1_000
    assert output["quality"]["complete"] is False
    listed = [(Path(line["file"]).name, line["line"]) for line in report["bad_lines"]]
    assert [at for at in listed if at[0] in ("b.jsonl", "z.jsonl")] == [
        *(("b.jsonl", n) for n in (1, 2, 3)), ("z.jsonl", 1),
    ]  # fmt: skip
    by_file = {Path(row["file"]).name: row["lines"] for row in report["bad_lines_by_file"]}
    assert {name: by_file[name] for name in counts} == counts
    assert sum(by_file.values()) == total
    markdown = artifacts["digest.md"].decode()
    assert f"Log lines with problems ({total:,})" in markdown
    assert (
        f"{total - 10:,} more; the first 1,000, of every file some, are in digest.json." in markdown
    )
    views.close()
