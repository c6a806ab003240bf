"""Vega-Lite specifications drawn to SVG on the server, in the colours of the look."""

import asyncio
import json
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

from livery.manifest.errors import LiveryError

MAX_SPEC = 512 * 1024
TIMEOUT_S = 10.0
KEPT = 128
THEMES = ("light", "dark")
_ROWS = frozenset({"values", "datasets"})
_PROGRAM = Path(__file__).with_name("chart_process.py")
_INK = {
    "light": {"ink": "#1c1b18", "soft": "#6b665b", "line": "#e3dfd4", "mark": "#14532d"},
    "dark": {"ink": "#eceae3", "soft": "#a39d8f", "line": "#35322b", "mark": "#6fbf8b"},
}
_RANGE = {
    "light": ["#14532d", "#1e4e8c", "#92400e", "#9f1239", "#6b665b"],
    "dark": ["#6fbf8b", "#8cb4e8", "#e2a44c", "#f0849b", "#a39d8f"],
}


class ChartRefused(LiveryError):
    """The specification cannot be drawn here."""

    code = "tool_output_invalid"


class Charts:
    """Draws and remembers charts; artifacts never change, so their sha256 is the key.

    A refusal is remembered too: a chart that takes long to fail does so once.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, dict[str, str] | ChartRefused] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def svg(self, sha256: str, spec: bytes, theme: str) -> str:
        """The chart as an SVG document in `theme` (`light` or `dark`); raises `ChartRefused`."""
        async with self._one_at_a_time:
            if sha256 not in self._known:
                self._known[sha256] = await _outcome(spec)
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
            self._known.move_to_end(sha256)
            found = self._known[sha256]
        if isinstance(found, ChartRefused):
            raise ChartRefused(message=found.message)
        return found[theme]


async def _outcome(spec: bytes) -> dict[str, str] | ChartRefused:
    try:
        return await draw(checked(spec))
    except ChartRefused as refused:
        return refused


def checked(spec: bytes) -> dict[str, Any]:
    """The specification, where it is small, whole and loads nothing; raises `ChartRefused`."""
    if len(spec) > MAX_SPEC:
        raise ChartRefused(message=f"The chart is larger than {MAX_SPEC // 1024} KiB.")
    try:
        found = json.loads(spec)
    except (ValueError, RecursionError) as bad:
        raise ChartRefused(message="The chart is no JSON document.") from bad
    if not isinstance(found, dict):
        raise ChartRefused(message="The chart is no Vega-Lite specification.")
    if _asks_elsewhere(found):
        raise ChartRefused(message="The chart asks for data from elsewhere; it must carry its own.")
    return found


def config(theme: str) -> dict[str, Any]:
    """The look as a Vega-Lite configuration."""
    ink = _INK[theme]
    text = {"labelColor": ink["soft"], "titleColor": ink["soft"], "titleFontWeight": 500}
    return {
        "background": None,
        "font": "Inter, system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": {
            **text, "domainColor": ink["line"], "gridColor": ink["line"], "tickColor": ink["line"],
            "labelFontSize": 11, "titleFontSize": 11,
        },
        "axisX": {"grid": False, "ticks": False, "labelAngle": 0, "labelPadding": 6},
        "axisY": {"domain": False, "ticks": False},
        "bar": {"color": ink["mark"], "cornerRadiusEnd": 3},
        "line": {"color": ink["mark"]},
        "point": {"color": ink["mark"], "filled": True},
        "area": {"color": ink["mark"]},
        "legend": text,
        "title": {"color": ink["ink"], "fontSize": 13, "fontWeight": 600, "anchor": "start"},
        "text": {"color": ink["ink"]},
        "range": {"category": _RANGE[theme]},
    }  # fmt: skip


async def draw(spec: dict[str, Any]) -> dict[str, str]:
    """The chart in every theme; the process that draws holds no secret and is killed when late."""
    asked = json.dumps(
        {theme: {"spec": _dressed(spec, theme), "config": config(theme)} for theme in THEMES}
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(_PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, _ = await process.communicate(asked.encode())
    except TimeoutError as late:
        raise ChartRefused(message="The chart took too long to draw.") from late
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ChartRefused(message="The chart is no Vega-Lite specification that can be drawn.")
    drawn: dict[str, str] = json.loads(out)
    return drawn


def _dressed(spec: dict[str, Any], theme: str) -> dict[str, Any]:
    """The specification for a page: its title, ground and settings are the page's.

    A file is the same for everybody; a colour of the look's light side in it is drawn as its
    namesake of `theme`.
    """
    plain = {k: v for k, v in spec.items() if k not in {"config", "background", "title"}}
    namesakes = {_INK["light"][name]: colour for name, colour in _INK[theme].items()}

    def dressed(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: v if k in _ROWS else dressed(v) for k, v in value.items()}
        if isinstance(value, list):
            return [dressed(one) for one in value]
        return namesakes.get(value.lower(), value) if isinstance(value, str) else value

    found: dict[str, Any] = dressed(plain)
    return found


def _asks_elsewhere(spec: object) -> bool:
    """Whether any part but the inline rows names a `url`."""
    left: list[object] = [spec]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if "url" in one:
                return True
            left.extend(value for key, value in one.items() if key not in _ROWS)
        elif isinstance(one, list):
            left.extend(one)
    return False
