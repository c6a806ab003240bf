"""`livery contracts watch`: test a skill at every save."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from livery.cli import exits, look
from livery.cli.contract_views import TIMEOUT_S, verdicts
from livery.cli.desk import Desk, desk_of
from livery.cli.exits import UsageError
from livery.cli.text import count, line

if TYPE_CHECKING:
    from livery.authoring.checking import Checking
    from livery.authoring.contracts import FolderReport

_SETTLE_MS, _TICK_MS = 120, 100
_EDITORS_OWN = (".swp", ".swx", ".swo", "~", ".tmp")

State = dict[str, str]
"""Path in the package -> hash of its bytes."""


def watch(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A skill's folder.")],
    once: Annotated[bool, typer.Option("--once", help="Check once and end.")] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Time for one check.")
    ] = TIMEOUT_S,
) -> None:
    """Check a skill at every save: contract against code, fixtures. Ctrl-C ends it.

    Example: livery contracts watch ./my-skill
    """
    desk = desk_of(ctx)
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Start with: livery new skill my-skill")
    if once:
        from livery.authoring.checking import Checking

        (report,) = Checking([folder], timeout_s).reports()
        _show(desk, report, 0)
        raise typer.Exit(exits.DONE if report.ok else exits.FAILED)
    watcher = Watcher(desk, folder, timeout_s)
    try:
        watcher.run()
    except KeyboardInterrupt:
        raise typer.Exit(exits.DONE) from None
    finally:
        watcher.stop()


class Watcher:
    """Checks a folder whenever its content is another; a save ends the check that it overtakes."""

    def __init__(self, desk: Desk, folder: Path, timeout_s: float) -> None:
        self._desk = desk
        self._folder = folder
        self._timeout_s = timeout_s
        self._seen: State | None = None
        self._checking: Checking | None = None
        self._since = 0.0
        self._unsure = True

    def run(self) -> None:
        """Watch until interrupted."""
        self._desk.screen.note(f"Watching {self._folder}. Ctrl-C ends it.")
        for changed in self._ticks():
            if changed or self._unsure:
                self._look()
            if self._checking is not None:
                for report in self._checking.poll():
                    _show(self._desk, report, time.monotonic() - self._since)
                    self._checking = None

    def stop(self) -> None:
        """End the check that is under way."""
        if self._checking is not None:
            self._checking.stop()
            self._checking = None

    def _ticks(self) -> Iterator[bool]:
        """Ten times a second: may something have changed? Also over a folder that comes back."""
        from watchfiles import watch as changes

        while True:
            yield True
            identity = _identity(self._folder)
            if identity is None:
                time.sleep(_TICK_MS / 1000)
                continue
            with suppress(FileNotFoundError):  # gone between two looks
                fresh = True  # what changed before the watch began is no event of it
                for found in changes(
                    self._folder,
                    watch_filter=None,
                    debounce=_SETTLE_MS,
                    rust_timeout=_TICK_MS,
                    yield_on_timeout=True,
                    raise_interrupt=True,
                ):
                    yield fresh or bool(found)
                    fresh = False
                    if _identity(self._folder) != identity:
                        break

    def _look(self) -> None:
        """Start a check where the content is another than at the last one."""
        from livery.authoring.checking import Checking

        state = _state(self._folder)
        self._unsure = state is None
        if state is None or state == self._seen:
            return
        changed = _changed(self._seen, state)
        self._seen = state
        self.stop()
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        self._desk.screen.show(Text(f"\n{now}  ", style=look.SOFT) + line(changed, "bold"))
        if not state:
            self._desk.screen.show(line("The folder is empty or gone; waiting for it.", look.WAIT))
            return
        self._checking = Checking([self._folder], self._timeout_s)
        self._since = time.monotonic()


def _show(desk: Desk, report: "FolderReport", seconds: float) -> None:
    desk.screen.show(*verdicts(report, passed=False))
    passed = sum(verdict.ok is True for verdict in report.verdicts)
    refuted = sum(verdict.ok is False for verdict in report.verdicts)
    took = f", {seconds:.1f} s" if seconds else ""
    said = f"{report.about}: {passed} passed, {refuted} failed{took}"
    colour = look.GOOD if report.ok else look.BAD
    desk.screen.show(Text.assemble(look.sign(colour), "  ", line(said, colour)))


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which folder this is: another one may come back under its name."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _state(folder: Path) -> State | None:
    """The content of the folder, {} where it is gone, None while files come and go."""
    from livery.authoring.loading import read_folder

    try:
        files = read_folder(folder)
    except NotADirectoryError:
        return {}
    except OSError:
        return None
    return {f.path: sha256(f.data).hexdigest() for f in files if not _editors_own(f.path)}


def _editors_own(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.endswith(_EDITORS_OWN) or name.startswith(".#") or name == "4913"


def _changed(before: State | None, after: State) -> str:
    if before is None:
        return "first check"
    words = []
    for path in sorted(before.keys() | after.keys()):
        if path not in before:
            words.append(f"{path} is new")
        elif path not in after:
            words.append(f"{path} is gone")
        elif before[path] != after[path]:
            words.append(f"{path} changed")
    more = len(words) - 5
    return ", ".join(words[:5]) + (f" and {count(more, 'more')}" if more > 0 else "")
