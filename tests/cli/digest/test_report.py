"""The digest in the terminal and as files."""

import hashlib
import io
import json

import pytest
from rich.console import Console
from tests.cli.digest.sample_result import result

from livery.cli import look
from livery.cli.digest.files import chart_png
from livery.cli.digest.parts import bars, change, percent, rate
from livery.cli.digest.report import report
from livery.cli.text import count, money, number


def rendered(found, width):
    sink = io.StringIO()
    console = Console(width=width, markup=False, emoji=False, file=sink)
    console.print(report(found, look.mark("weekly-digest@1.0.0", "verified"), width=width))
    return sink.getvalue()


@pytest.mark.parametrize("width", [40, 60, 79])
def test_a_small_terminal_is_not_overrun(width):
    assert max(map(len, rendered(result(), width).splitlines())) <= width


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_it_says_what_it_is_whether_it_is_right_and_what_to_do(width):
    shown = rendered(result(), width)
    assert max(map(len, shown.splitlines())) <= width
    for said in (
        *("Weekly digest", "✓ weekly-digest@1.0.0 · verified", "41 sessions from 3 projects"),
        *("2026-11-09 to 2026-11-15", "Succeeded, of 33 known", "82 %", "outcome.v1"),
        *("+6 on the week before", "195,794", "cache ratio 97 %", "$38.20", "1 unpriced"),
        *("Split or stabilise storage/api.py", "opus-4.6", "unpriced", "Thu 12 Nov", "1,200"),
        *("medium", "risk.failed-sessions.v1", "+17 % on the week before", "ENOENT"),
        *("a.jsonl:1", "… and 2 more"),
    ):
        assert said in shown, said
    order = [shown.index(title) for title in ("Sessions", "Actions to take", "By model", "Risk")]
    assert order == sorted(order)


def test_what_is_unknown_is_not_zero():
    empty = result()
    empty["overview"]["sessions"] |= {"success_rate": None, "known": 0}
    empty["overview"] |= {"cost_usd": None, "cache_ratio": None}
    shown = rendered(empty, 120)
    assert "0 %" not in shown.split("Actions")[0]
    assert "$0" not in shown
    assert "nothing to judge" in shown
    assert "nothing to compare" in shown


def test_it_says_how_many_bad_lines_there_are_and_how_many_are_listed():
    found = result()
    found["quality"] |= {"total": 1_504}
    shown = " ".join(rendered(found, 160).split())
    listed = len(found["quality"]["bad_lines"])
    assert "… and 1,499 more, in digest.json: the first" in shown
    assert f"the first {listed}, of every file some, and how many in each file" in shown


def test_an_empty_digest_has_no_empty_sections():
    empty = result(by_model=[], tools=[], by_day=[], projects=[], wins=[], blockers=[], actions=[])
    empty["quality"]["bad_lines"] = []
    shown = rendered(empty, 80)
    for title in ("Actions to take", "By model", "Top tools", "Wins", "Log lines"):
        assert title not in shown


def test_names_from_logs_are_text():
    evil = "[bold]x[/] \x1b[2J\u202e"
    hostile = result(
        workspace=evil,
        projects=[{"project": evil, "total": 1, "success": 1, "output": 1}],
        blockers=[{"error": evil, "errors": 1, "sessions": 1}],
        tools=[{"tool": evil, "calls": 1}],
        by_model=[{**result()["by_model"][0], "model": evil}],
    )
    shown = rendered(hostile, 120)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.count(r"[bold]x[/] \x1b[2J\u202e") >= 4


def test_the_longest_bar_is_the_largest_count():
    sink = io.StringIO()
    Console(width=80, file=sink).print(bars([("a", 10), ("b", 5), ("c", 0)]))
    lengths = [row.count("█") for row in sink.getvalue().splitlines()]
    assert lengths == [30, 15, 0]
    assert bars([]) is None
    assert bars([("a", 0)]) is None


@pytest.mark.parametrize(
    ("shaped", "expected"),
    [
        (number(1234567), "1,234,567"),
        (number(4775.463), "4,775.5"),
        (number(2.0), "2"),
        (number(None), "–"),
        (money(0), "$0.00"),
        (money(0.000123), "$0.000123"),
        (money(1234.5), "$1,234.50"),
        (money(None), "–"),
        (rate(None), "–"),
        (rate(0.825), "82 %"),
        (change(6), "+6 on the week before"),
        (change(-6), "−6 on the week before"),
        (change(0), "±0 on the week before"),
        (change(None), "nothing to compare"),
        (change(17.14, percent), "+17 % on the week before"),
        (count(1, "session"), "1 session"),
        (count(1200, "session"), "1,200 sessions"),
    ],
)
def test_numbers(shaped, expected):
    assert shaped == expected


CHART = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": [{"day": "Mon", "n": 1}, {"day": "Tue", "n": 3}]},
    "mark": "bar",
    "encoding": {
        "x": {"field": "day", "type": "ordinal"},
        "y": {"field": "n", "type": "quantitative"},
    },
}


def test_the_chart_is_an_image_and_the_same_each_time():
    first = chart_png(json.dumps(CHART).encode())
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(first) > 1000
    again = chart_png(json.dumps(CHART).encode())
    assert hashlib.sha256(first).digest() == hashlib.sha256(again).digest()


@pytest.mark.parametrize(
    "data",
    [{"url": "file:///etc/passwd"}, {"url": "https://example.org/x.json"}],
)
def test_a_chart_cannot_fetch(data):
    assert chart_png(json.dumps(CHART | {"data": data}).encode()) is None
    layered = {"layer": [CHART | {"data": data}]}
    assert chart_png(json.dumps(layered).encode()) is None
