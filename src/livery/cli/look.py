"""How things look in the terminal: green for certified, amber for waiting, red for denied.

One place for the mark, the states and the panels, so that they are the same everywhere.
"""

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from livery.cli.text import clean, line, one_line, text

GOOD, WAIT, BAD, SOFT = "green", "yellow", "red", "dim"
MARK_STYLES = {
    GOOD: "bold white on dark_green",
    WAIT: "bold black on yellow",
    BAD: "bold white on red",
}
_GOOD_STATES = frozenset(
    {"active", "certified", "executed", "granted", "ok", "pass", "published"}
    | {"ready", "succeeded", "valid", "verified"}
)
_BAD_STATES = frozenset(
    {"degraded", "deleted", "denied", "expired", "fail", "failed", "revoked"}
    | {"suspicious", "unknown", "unverified"}
)
_SIGNS = {GOOD: "✓", WAIT: "!", BAD: "✗"}


def tone(state: object) -> str:
    """The colour of a state: green is all right, red needs a person, amber waits."""
    name = str(state or "").lower()
    if name in _GOOD_STATES:
        return GOOD
    return BAD if name in _BAD_STATES else WAIT


def state(value: object) -> Text:
    """A state in its colour."""
    return line(value if value else "–", tone(value))


def sign(colour: str) -> Text:
    """`✓`, `!` or `✗` in its colour."""
    return Text(_SIGNS[colour], style=f"bold {colour}")


def mark(badge: object, state_name: object) -> Text:
    """The mark: `✓ skill@version · state`, the same wherever a result is shown."""
    colour = tone(state_name)
    body = f" {_SIGNS[colour]} {one_line(badge)} · {one_line(state_name)} "
    return Text(body, style=MARK_STYLES[colour])


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Names and values, one pair a line; pairs whose value is None are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style=SOFT, no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None:
            grid.add_row(name, value if isinstance(value, Text) else text(value))
    return grid


class Listing(Table):
    """A table that no terminal is too narrow for: its columns wrap between words, and where even that does not fit,
    each row becomes an entry of a line or two. Nothing is cut, and no column vanishes."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render for the width that is there."""
        sizes = [self._measure_column(console, _wide(options), item) for item in self.columns]
        least = [
            size.maximum if item.no_wrap else size.minimum
            for size, item in zip(sizes, self.columns, strict=True)
        ]
        room = options.max_width - self._extra_width
        if sum(size.maximum for size in sizes) > room >= sum(least):
            self._fit(least, [size.maximum for size in sizes], room)
        elif sum(least) > room:
            yield from self._entries(options.max_width)
            return
        yield from super().__rich_console__(console, options)

    def _fit(self, least: list[int], wanted: list[int], room: int) -> None:
        left = room - sum(least)
        # The column that lacks least is served first, so that short ones stay on one line.
        for at in sorted(range(len(least)), key=lambda n: wanted[n] - least[n]):
            more = min(left, wanted[at] - least[at])
            left -= more
            padding = self._get_padding_width(at)
            self.columns[at].width = least[at] + more - padding

    def _entries(self, room: int) -> Iterator[RenderableType]:
        """Each row as an entry: its cells one after the other, on lines that break between cells."""
        for row in zip(*(list(item.cells) for item in self.columns), strict=True):
            lines = [Text()]
            for item, cell in zip(self.columns, row, strict=True):
                found = cell if isinstance(cell, Text) else Text(str(cell))
                if found.plain in {"", "–"}:
                    continue
                # A number says nothing without its name.
                named = item.justify == "right"
                piece = Text.assemble((f"{item.header} ", SOFT), found) if named else found
                if lines[-1].plain.strip() and lines[-1].cell_len + 3 + piece.cell_len > room:
                    lines.append(Text("  "))
                elif lines[-1].plain.strip():
                    lines[-1].append(" · ", SOFT)
                lines[-1].append_text(piece)
            for entry in lines:
                entry.overflow = "fold"
            yield from lines


def _wide(options: ConsoleOptions) -> ConsoleOptions:
    return options.update(width=10_000)


def listing(
    columns: Sequence[str], *, right: Sequence[str] = (), keep: Sequence[str] = ()
) -> Table:
    """An empty table: quiet rules, numbers to the right, `keep` columns never cut; see `Listing`."""
    table = Listing(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style=SOFT)
    for name in columns:
        table.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=name in keep or name in right,
            overflow="fold",
        )
    return table


def heading(title: object, beside: Text | None = None) -> Table:
    """A title, with the mark at the right."""
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)  # not justified: that would strip the mark's field
    grid.add_row(line(title, "bold"), beside or Text())
    return grid


def alert(title: str, colour: str, parts: Iterable[RenderableType | None]) -> Panel:
    """The high-visibility panel of what was denied, failed or waits."""
    body: list[RenderableType] = [part for part in parts if part is not None]
    return Panel(
        Group(*body),
        title=Text(clean(title), style=MARK_STYLES[colour]),
        title_align="left",
        border_style=f"bold {colour}",
        box=box.HEAVY,
        padding=(1, 2),
    )


def indented(renderable: RenderableType) -> Padding:
    """A step to the right."""
    return Padding(renderable, (0, 0, 0, 2))
