"""How a checked package looks in the terminal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from livery.cli import look
from livery.cli.text import line

if TYPE_CHECKING:
    from livery.authoring.contracts import FolderReport

TIMEOUT_S = 30.0
"""Time for one package, seconds."""

_COLOURS = {True: look.GOOD, False: look.BAD, None: look.WAIT}


def verdicts(report: "FolderReport", *, passed: bool = True) -> Iterator[Text]:
    """One line a verdict; without `passed` only what needs a look."""
    for verdict in report.verdicts:
        if passed or not verdict.ok:
            sign = look.sign(_COLOURS[verdict.ok])
            yield Text.assemble(sign, f"  {verdict.name:<10}", line(verdict.said, limit=2000))
