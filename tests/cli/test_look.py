"""Tables on terminals of any width."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from livery.cli import look

ROWS = [
    ("2026-11-29 20:10", "capability-probe@1.0.0", "failed", "skill_capability_denied", "27 ms"),
    ("2026-11-29 20:09", "add@1.0.0", "denied", "tool_input_invalid", "–"),
]
RUN = "0197f3a2-0000-7000-8000-00000000000{}"


PROSE = "Every number of your week, from facts alone. "


def shown(width: int) -> list[str]:
    columns = ["When (UTC)", "Skill", "Status", "Code", "Took", "Run"]
    table = look.listing(columns, right=["Took"], keep=["Run"])
    for number, row in enumerate(ROWS):
        table.add_row(*map(Text, (*row, RUN.format(number))))
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 110, 120, 200])
def test_no_width_takes_a_column_or_breaks_a_word(width: int) -> None:
    lines = shown(width)
    assert all(len(line) <= width for line in lines)
    words = " ".join(lines).split()
    for number, row in enumerate(ROWS):
        for cell in (*row[1:4], RUN.format(number)):
            assert cell in words


def test_a_narrow_terminal_gets_entries_and_a_wide_one_a_table() -> None:
    assert shown(80)[:2] == [
        "2026-11-29 20:10 · capability-probe@1.0.0 · failed · skill_capability_denied",
        f"  Took 27 ms · {RUN.format(0)}",
    ]
    assert len(shown(80)) == 4
    assert shown(130)[0].split() == ["When", "(UTC)", "Skill", "Status", "Code", "Took", "Run"]


@pytest.mark.parametrize("width", [40, 60, 79])
def test_prose_wraps_between_words(width: int) -> None:
    table = look.listing(["Skill", "What it is for"])
    table.add_row(Text("weekly-digest"), Text(PROSE * 3))
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    words = set(out.getvalue().split())
    assert {"weekly-digest", "number", "facts"} <= words
    assert words <= {
        *["Skill", "What", "it", "is", "for", "weekly-digest"],
        *PROSE.split(),
        *_rules(words),
    }


def _rules(words: set[str]) -> set[str]:
    return {word for word in words if set(word) == {"─"}}
