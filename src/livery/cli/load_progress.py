"""How far a load is: a bar on a terminal, a line now and then elsewhere, always on stderr."""

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from livery.cli.screen import Screen

QUIET_BELOW = 2
SILENT_S = 1.0
"""Where stderr is no terminal: a line at most this often, and none for what takes less."""


class LoadProgress:
    """Use it as a context manager; `begin` names a step and how many things it has."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._live = screen.err.is_terminal
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=screen.err,
            transient=True,
        )
        self._what, self._done, self._total, self._told = "", 0, 0, 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live:
            self._bar.stop()

    def begin(self, what: str, total: int) -> None:
        """The next step."""
        self._what, self._done, self._total, self._told = what, 0, total, time.monotonic()
        if self._live and total >= QUIET_BELOW:
            self._bar.add_task(what, total=total)

    def step(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        if self._total < QUIET_BELOW:
            return
        if self._live:
            self._bar.advance(self._bar.task_ids[-1], count)
        elif time.monotonic() - self._told >= SILENT_S:
            self._told = time.monotonic()
            self._screen.note(f"{self._what}: {self._done} of {self._total}")
