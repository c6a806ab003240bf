"""Charts: drawn in both themes, and a hostile specification does nothing."""

import asyncio
import json
from typing import Any

import pytest

from livery.portals.ui import chart

BARS: dict[str, Any] = {
    "data": {"values": [{"day": "Mon", "n": 6}, {"day": "Tue", "n": 9}]},
    "mark": "bar",
    "encoding": {
        "x": {"field": "day", "type": "ordinal"},
        "y": {"field": "n", "type": "quantitative"},
    },
}


async def test_both_themes_in_their_own_colours() -> None:
    charts = chart.Charts()
    spec = json.dumps(BARS).encode()
    light, dark = await charts.svg("one", spec, "light"), await charts.svg("one", b"", "dark")
    assert light.startswith("<svg")
    assert "#14532d" in light
    assert "#6fbf8b" in dark
    assert "Mon" in light
    assert "Mon" in dark


async def test_the_looks_own_colours_follow_the_theme_and_data_does_not() -> None:
    spec = {
        **BARS,
        "title": "Twice on one page",
        "background": "#ffffff",
        "config": {"bar": {"color": "#ff0000"}},
        "mark": {"type": "bar", "color": "#14532D"},
        "data": {"values": [{"day": "#14532d", "n": 6}]},
    }
    drawn = await chart.draw(spec)
    assert "#6fbf8b" in drawn["dark"]
    assert 'fill="#14532d"' not in drawn["dark"]
    assert ">#14532d<" in drawn["dark"]
    for svg in drawn.values():
        assert "Twice" not in svg
        assert "#ff0000" not in svg
        assert 'fill="#ffffff"' not in svg
        assert 'fill="white"' not in svg


@pytest.mark.parametrize(
    "data",
    [
        {"url": "file:///etc/passwd"},
        {"url": "http://127.0.0.1:1/x.csv"},
        {"url": "data.csv"},
    ],
)
def test_data_from_elsewhere_is_refused(data: dict[str, str]) -> None:
    spec = {"layer": [{**BARS, "data": data}]}
    with pytest.raises(chart.ChartRefused, match="from elsewhere"):
        chart.checked(json.dumps(spec).encode())


def test_a_column_called_url_is_a_column() -> None:
    spec = {**BARS, "data": {"values": [{"url": "x", "day": "Mon", "n": 1}]}}
    assert chart.checked(json.dumps(spec).encode()) == spec


@pytest.mark.parametrize(
    "spec", [b"", b"[]", b"{", b'"x"', b"\xff\xfe", b"[" * 100_000, b"{" + b" " * chart.MAX_SPEC]
)
def test_what_is_no_specification_is_refused(spec: bytes) -> None:
    with pytest.raises(chart.ChartRefused):
        chart.checked(spec)


async def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(chart.ChartRefused, match="can be drawn"):
        await chart.draw({"mark": 7})


async def test_words_in_a_chart_stay_words() -> None:
    bad = "</text><script>alert(1)</script>"
    spec = {**BARS, "data": {"values": [{"day": bad, "n": 6}]}, "usermeta": {"x": bad}}
    drawn = await chart.draw(spec)
    assert "<script" not in drawn["light"]
    assert "&lt;script" in drawn["light"]


async def test_a_drawing_that_never_ends_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart, "TIMEOUT_S", 1.0)
    # A pattern that backtracks for longer than anyone lives.
    slow = "replace(pad('a', 60, 'a', 'left') + '!', regexp('(a+)+$'), '')"
    endless = {**BARS, "transform": [{"calculate": slow, "as": "day"}]}
    with pytest.raises(chart.ChartRefused, match="too long"):
        await chart.draw(endless)
    # The next one is drawn: nothing is stuck.
    monkeypatch.undo()
    assert (await asyncio.wait_for(chart.draw(BARS), 60))["light"].startswith("<svg")


async def test_a_drawing_that_eats_the_memory_ends() -> None:
    hungry = {**BARS, "data": {"sequence": {"start": 0, "stop": 3e7}}}
    with pytest.raises(chart.ChartRefused):
        await chart.draw(hungry)


async def test_a_refusal_is_remembered() -> None:
    charts = chart.Charts()
    for spec in (b"{", json.dumps(BARS).encode()):  # the same sha256: never drawn again
        with pytest.raises(chart.ChartRefused):
            await charts.svg("one", spec, "light")
