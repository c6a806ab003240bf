"""Pieces of a report: bars, points, rates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from livery.cli import look
from livery.cli.text import line, number

BAR_COLUMNS = 30
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bars(rows: Sequence[tuple[str, int]]) -> Table | None:
    """Counts as bars, the longest `BAR_COLUMNS` wide; None where there is nothing to show."""
    most = max((count for _, count in rows), default=0)
    if not most:
        return None
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, overflow="ellipsis", max_width=24)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    for name, count in rows:
        grid.add_row(line(name), Text(_bar(count / most), style=look.GOOD), Text(number(count)))
    return grid


def _bar(share: float) -> str:
    eighths = round(share * BAR_COLUMNS * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def points(
    found: Sequence[Mapping[str, Any]],
    shape: Callable[[Mapping[str, Any]], Text],
    *,
    numbered: bool = False,
) -> Table | None:
    """A list, each item shaped; None where it is empty."""
    if not found:
        return None
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style=look.GOOD, justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for place, item in enumerate(found, 1):
        grid.add_row(str(place) if numbered else "·", shape(item))
    return grid


def rate(value: float | None) -> str:
    """A share as per cent; `–` where there is nothing to divide."""
    return "–" if value is None else f"{100 * value:.0f} %"


def percent(value: object) -> str:
    """A number of per cent."""
    return f"{value:.0f} %" if isinstance(value, int | float) else str(value)


def change(difference: float | None, shape: Callable[[object], str] = number) -> str:
    """A difference to the period before, in words."""
    if difference is None:
        return "nothing to compare"
    sign = "+" if difference > 0 else "−" if difference < 0 else "±"
    return f"{sign}{shape(abs(difference))} on the week before"
