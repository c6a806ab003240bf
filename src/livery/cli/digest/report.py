"""A weekly digest in the terminal: what is this, is it all right, what should I do.

Every number is the skill's; nothing is computed here but the length of a bar.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from livery.cli import look
from livery.cli.digest.parts import bars, change, percent, points, rate
from livery.cli.text import count, line, money, number, one_line

MAX_TOOLS, MAX_BAD_LINES = 8, 5
NARROW = 110
"""Columns below which cards stand two in a row and formulas are left to `digest.md`."""
Result = Mapping[str, Any]


def report(result: Result, mark: Text | None = None, *, width: int = NARROW) -> RenderableType:
    """The result of `weekly-digest`, with its mark; `width` is the terminal's, in columns."""
    title = f"Weekly digest: {result['workspace']}" if result["workspace"] else "Weekly digest"
    parts: list[RenderableType] = [look.heading(title, mark), _subtitle(result), Text()]
    parts.append(_cards(result, 4 if width >= NARROW else 2))
    for heading, body in (
        ("Actions to take", points(result["actions"], _action, numbered=True)),
        ("Sessions by day", bars([(_weekday(d["day"]), d["total"]) for d in result["by_day"]])),
        ("By model", _models(result, narrow=width < NARROW)),
        ("Top tools", bars([(t["tool"], t["calls"]) for t in result["tools"][:MAX_TOOLS]])),
        ("Risk", _risk(result, narrow=width < NARROW)),
        ("Velocity", _velocity(result, narrow=width < NARROW)),
        ("Highlights", points(result["projects"], _project)),
        ("Wins", points(result["wins"], _win)),
        ("Blockers", points(result["blockers"], _blocker)),
        ("Log lines with problems", _bad_lines(result["quality"])),
    ):
        if body is not None:
            parts += [Text(), Text(heading, style="bold"), look.indented(body)]
    return Group(*parts)


def _subtitle(result: Result) -> Text:
    period, overview = result["period"], result["overview"]
    last = date.fromisoformat(period["to"]) - timedelta(days=1)
    sessions, projects = overview["sessions"]["total"], overview["projects"]
    said = f"{period['from']} to {last}, {period['timezone']}"
    made = f"{count(sessions, 'session')} from {count(projects, 'project')}"
    return line(f"{said} · {made}", look.SOFT)


def _cards(result: Result, across: int) -> Table:
    overview = result["overview"]
    sessions, tokens = overview["sessions"], overview["tokens"]
    unpriced = len(overview["unpriced_models"])
    differences = {name: found["difference"] for name, found in result["change"].items()}
    cache = overview["cache_ratio"]
    cards = [
        _card(
            "Sessions",
            number(sessions["total"]),
            f"{change(differences['sessions_total'])}",
        ),
        _card(
            f"Succeeded, of {number(sessions['known'])} known",
            rate(sessions["success_rate"]),
            f"{number(sessions['unknown'])} unknown · {one_line(sessions['outcome_rule'])}",
        ),
        _card(
            "Output tokens",
            "unknown" if tokens["output"] is None else number(tokens["output"]),
            _tokens_over(overview) or ("" if cache is None else f"cache ratio {rate(cache)}"),
        ),
        _card(
            "Cost",
            money(overview["cost_usd"]),
            f"{unpriced} unpriced" if unpriced else change(differences["cost_usd"], money),
        ),
    ]
    grid = Table.grid(expand=True, padding=(0, 0))
    for _ in range(across):
        grid.add_column(ratio=1)
    for first in range(0, len(cards), across):
        grid.add_row(*cards[first : first + across])
    return grid


def _tokens_over(overview: Result) -> str:
    """Over how many answers the tokens are known, where it is not all of them."""
    answers = overview["answers"]
    known = overview.get("answers_with_usage", answers)
    return f"known for {number(known)} of {count(answers, 'answer')}" if known < answers else ""


def _card(title: str, value: str, below: str) -> Panel:
    body = Text.assemble((title + "\n", look.SOFT), (value + "\n", "bold"), (below, look.SOFT))
    return Panel(body, box=box.ROUNDED, border_style=look.SOFT, padding=(0, 1))


def _models(result: Result, *, narrow: bool) -> Table | None:
    rows: Sequence[Result] = result["by_model"]
    if not rows:
        return None
    names = ["output", "cache_read"] if narrow else ["input", "output", "cache_read"]
    titles = ["Messages", *(name.replace("_", " ").capitalize() for name in names), "Cost"]
    table = look.listing(["Model", *titles], right=titles)
    for row in rows:
        unpriced = row["cost_usd"] == "unpriced"
        table.add_row(
            line(row["model"]),
            Text(number(row["messages"])),
            *(Text(number(row[name])) for name in names),
            Text("unpriced", style=look.WAIT) if unpriced else Text(money(row["cost_usd"])),
        )
    return table


def _action(found: Result) -> Text:
    return Text.assemble(line(found["title"], "bold"), "\n", _why(found["detail"], found["id"]))


def _risk(result: Result, *, narrow: bool) -> Table:
    grid = _grid(3 if narrow else 4)
    for found in result["risk"]:
        level = found["level"]
        colour = {"high": look.BAD, "medium": look.WAIT, "low": look.GOOD}.get(level, look.SOFT)
        value = "nothing to judge" if found["value"] is None else f"{found['value']:g}"
        formula = [] if narrow else [line(found["formula"], look.SOFT)]
        title = Text.assemble(line(found["title"]), "  ", (value, "bold"))
        grid.add_row(line(level or "–", f"bold {colour}"), title, *formula, _rule(found))
    return grid


def _velocity(result: Result, *, narrow: bool) -> Table:
    grid = _grid(3 if narrow else 4)
    for found in result["velocity"]:
        against = found["change"]
        compared = "nothing to compare" if against is None else change(100 * against, percent)
        title = Text.assemble(line(found["title"]), "  ", (number(found["value"]), "bold"))
        formula = [] if narrow else [line(found["formula"], look.SOFT)]
        grid.add_row(title, Text(compared), *formula, _rule(found))
    return grid


def _grid(columns: int) -> Table:
    grid = Table.grid(padding=(0, 2))
    for column in range(columns):
        grid.add_column(overflow="fold", no_wrap=column == columns - 1)
    return grid


def _rule(found: Result) -> Text:
    return line(found["id"], look.SOFT)


def _why(detail: object, rule: object) -> Text:
    return line(f"{detail} [{rule}]", look.SOFT)


def _project(found: Result) -> Text:
    said = f"{count(found['total'], 'session')}, {number(found['success'])} succeeded, "
    said += f"{number(found['output'])} output tokens"
    return Text.assemble(line(found["project"] or "–", "bold"), "  ", (said, look.SOFT))


def _win(found: Result) -> Text:
    said = f"{number(found['success'])} succeeded, {count(found['files'], 'file')}, "
    said += f"{count(found['lines_added'], 'line')} added"
    return Text.assemble(line(found["project"] or "–", "bold"), "  ", (said, look.SOFT))


def _blocker(found: Result) -> Text:
    said = f"{count(found['errors'], 'time')} in {count(found['sessions'], 'session')}"
    return Text.assemble(line(found["error"] or "–", "bold"), "  ", (said, look.SOFT))


def _bad_lines(quality: Result) -> Text | None:
    found = quality["bad_lines"]
    if not found:
        return None
    shown = found[:MAX_BAD_LINES]
    rows = [line(f"{b['file']}:{b['line']}  {b['reason']}", look.WAIT) for b in shown]
    total = quality.get("total", len(found))
    if total > len(shown):
        more = f"… and {total - len(shown):,} more, in digest.json"
        if total > len(found):
            more += f": the first {len(found):,}, of every file some, and how many in each file"
        rows.append(Text(more, style=look.WAIT))
    return Text("\n").join(rows)


def _weekday(day: str) -> str:
    return f"{date.fromisoformat(day):%a %d %b}"
