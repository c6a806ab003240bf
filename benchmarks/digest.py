"""The weekly digest over a million messages beside one bare DuckDB query of the same figures.

The bare query computes all figures of the digest's overview and its groups (models, tools, days,
projects, errors), for the period and the one before, straight from the base tables in one warm
connection. A question is compiled once (Ibis) and its statement is kept, so the first digest of a
period is shown by itself. Building the window from segments is paid once for each new set of facts and is shown
by itself.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
from tests.support.facts import open_rows, run_digest

from benchmarks.harness import Options, home, machine, median
from livery.client.session_logs.rows import Rows
from livery.execution.data.views import DataViews

TITLE = "digest: the weekly digest over a million messages, beside the bare DuckDB query"
ROUNDS = 5
BATCHES = 10
MONDAY_US = 1_794_182_400_000_000  # 2026-11-09T00:00:00Z
WEEK = {"from": "2026-11-09", "to": "2026-11-16", "timezone": "UTC"}
MODELS = ("claude-opus-4-6", "claude-haiku-4-5", "gpt-5.2-codex", "local-coder-1")

_PERIODS = (("2026-11-09", "2026-11-16"), ("2026-11-02", "2026-11-09"))
_TOTALS = (
    "select count(*) filter (where kind = 'main'), count(*) filter (where outcome = 'success'), "
    "count(*) filter (where outcome = 'failed'), count(distinct project) from session_base",
    "select count(distinct answer) filter (where role = 'assistant'), "
    "count(distinct key) filter (where role = 'user') from message_base",
    "select sum(called::int), count(*) filter (where result = 'error'), "
    "count(*) filter (where result <> 'unanswered') from tool_base",
    "select sum(input), sum(output), sum(cache_read), sum(cache_creation), sum(cost_pico) "
    "from usage_base",
    "select count(*), count(distinct path), sum(lines_added), sum(lines_removed) from file_base",
)
_GROUPS = (
    ("model", "sum(input), sum(output), sum(cache_read), sum(cost_pico)", "usage_base"),
    ("model", "count(distinct answer)", "message_base"),
    ("tool", "count(*), count(*) filter (where result = 'error')", "tool_base"),
    ("error", "count(*), count(distinct main_session)", "tool_base"),
    ("path", "count(distinct main_session), count(*)", "file_base"),
    ("project", "count(*), count(*) filter (where outcome = 'failed')", "session_base"),
    ("project", "sum(output)", "usage_base"),
    ("project", "count(distinct path), sum(lines_added)", "file_base"),
    ('"at"::date', "count(*)", "session_base"),
)


def run(options: Options) -> dict[str, Any]:
    """Measure; `ratio` is to reach 2."""
    count = options.count(1_000_000, 10_000)
    with home(options) as folder:
        about = machine(folder)
        start = time.perf_counter()
        views = open_rows(folder, *(_facts(n, count // BATCHES) for n in range(BATCHES)))
        built = time.perf_counter() - start
        run_digest(views, **{**WEEK, "timezone": "Europe/Berlin"})  # imports, pages of the file
        first = _timed(lambda: run_digest(views, **WEEK))
        ours = [_timed(lambda: run_digest(views, **WEEK)) for _ in range(ROUNDS)]
        views.close()
        bare = _bare(views)
    result: dict[str, Any] = {
        "machine": about,
        "messages": count,
        "generated_and_built_s": built,
        "first_digest_s": first,
        "digest_s": median(ours),
        "bare_s": median(bare),
    }
    result["ratio"] = result["digest_s"] / result["bare_s"]
    return result


def _timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _facts(batch: int, count: int) -> Rows:
    """Messages of two weeks, 50 a session, every second one with a tool call."""
    rows = Rows()
    rows.open_file(f"{batch:032x}", "log")
    step = 14 * 86_400_000_000 // (count * BATCHES)
    begin = MONDAY_US - 7 * 86_400_000_000
    for n in range(count):
        number = batch * count + n
        at = begin + number * step
        session = f"session-{number // 50:08d}"
        place = (n, session, f"msg_{number:024d}|req_{number:024d}")
        if n % 50 == 0:
            end = (None, "claude-code", f"project-{number // 50 % 40}", at + 50 * step)
            state = ("answer", False) if number % 150 else ("tool_error", True)
            rows.by_entity["sessions"].append((rows.file, n, session, *end, *state))
        if n % 5 == 0:
            rows.message(place, "user", place[2], at)
            continue
        usage = (number % 400, number % 3000, number % 90_000, number % 4000, 0)
        model = MODELS[number % 31 % 4]
        rows.message(place, "assistant", f"msg_{number:024d}", at, model=model, usage=usage)
        if n % 2 == 0:
            call, tool = f"toolu_{number:024d}", ("Bash", "Read", "Edit", "Grep")[n // 2 % 4]
            failed = number % 37 == 0
            error = f"kind of error {number % 11}" if failed else None
            here = (rows.file, n, session, call)
            rows.by_entity["tool_calls"].append((*here, tool, at))
            rows.by_entity["tool_results"].append((*here, at + 1, failed, error))
            if tool == "Edit":
                path = f"src/f{number % 500}.py"
                rows.by_entity["file_edits"].append((*here, path, tool, at, 5, 2))
    return rows


def _bare(views: DataViews) -> list[float]:
    with duckdb.connect(str(Path(views._database)), read_only=True) as db:
        db.execute("set threads = 2")
        return [_timed(lambda: _all_figures(db)) for _ in range(ROUNDS + 1)][1:]


def _all_figures(db: Any) -> None:
    for place, (start, stop) in enumerate(_PERIODS):
        when = f"where \"at\" >= timestamptz '{start}' and \"at\" < timestamptz '{stop}'"
        for sql in _TOTALS:
            db.execute(f"{sql} {when}").fetchall()
        for group, figures, table in _GROUPS if place == 0 else ():
            db.execute(f"select {group}, {figures} from {table} {when} group by 1").fetchall()


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The table."""
    return [
        ("messages", f"{result['messages']:,}", ""),
        ("facts made and window built, once", f"{result['generated_and_built_s']:.2f} s", ""),
        ("digest, first of its period", f"{result['first_digest_s']:.3f} s", ""),
        ("digest", f"{result['digest_s']:.3f} s", ""),
        ("bare DuckDB", f"{result['bare_s']:.3f} s", ""),
        ("digest / bare", f"{result['ratio']:.2f}x", "<= 2x"),
    ]
