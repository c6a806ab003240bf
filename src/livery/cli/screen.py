"""Where the terminal's words go: results to stdout, everything else to stderr."""

import json
import os
import sys
from typing import Any, TextIO

from rich.console import Console, RenderableType

from livery.cli.text import line

PIPE_WIDTH = 120
"""Columns where stdout is no terminal and COLUMNS is not set."""


class Screen:
    """stdout for what was asked, stderr for progress and notes.

    Built for one invocation. Colours follow the terminal and NO_COLOR. Neither console reads
    markup, so text from elsewhere stays text.
    """

    def __init__(self) -> None:
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)

    def show(self, *renderables: RenderableType) -> None:
        """Print to stdout."""
        for renderable in renderables:
            self.out.print(renderable)

    def note(self, message: object, style: str = "dim") -> None:
        """One line to stderr."""
        self.err.print(line(message, style, limit=2000), soft_wrap=True)

    def say(self, message: object) -> None:
        """One line to stdout, whole: for what was asked and for `grep`."""
        self.out.print(line(message, limit=2000), soft_wrap=True)

    def document(self, document: Any) -> None:
        """Print one JSON document to stdout; ASCII only, so that it cannot steer a terminal."""
        sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
        sys.stdout.flush()

    def raw(self, content: bytes) -> None:
        """Bytes to stdout, untouched: for pipes."""
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _console(stream: TextIO) -> Console:
    console = Console(file=stream, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    return console
