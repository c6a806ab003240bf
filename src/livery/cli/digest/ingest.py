"""Read the session logs of this machine; only facts go to the platform, with a bar to watch."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from livery.cli import look
from livery.cli.exits import UsageError
from livery.cli.screen import Screen
from livery.cli.text import count, number, one_line
from livery.client import LiveryClient
from livery.client.session_logs.discovery import SETTING, FoundLogs, find_logs
from livery.client.session_logs.reader import Pending
from livery.client.session_logs.upload import IngestReport, ingest_logs
from livery.client.session_logs.upload import Progress as Step

MAX_SHOWN = 5


def logs_of(paths: list[Path]) -> FoundLogs:
    """The logs below `paths`, else those of LIVERY_SESSION_LOGS, else this machine's own.

    Raises `UsageError` where a named path does not exist.
    """
    try:
        return find_logs([path.expanduser() for path in paths])
    except FileNotFoundError as missing:
        raise UsageError(f"{missing}.", f"Name a folder with --path, or in {SETTING}.") from missing


def named_folders(paths: list[Path]) -> list[Path]:
    """The folders that the caller named, by option or by LIVERY_SESSION_LOGS."""
    setting = os.environ.get(SETTING, "")
    return paths or [Path(part) for part in setting.split(os.pathsep) if part]


async def ingest(
    client: LiveryClient, screen: Screen, logs: FoundLogs, workspace: str | None
) -> IngestReport:
    """Hand over what is new; progress goes to stderr, as a bar where stderr is a terminal."""
    with _progress(screen) as progress:
        task = progress.add_task("Reading session logs", total=None)

        def step(done: Step) -> None:
            progress.update(task, completed=done.bytes_done, total=done.bytes_total)

        report = await ingest_logs(
            client, logs, workspace=workspace, unread=logs.unread, progress=step
        )
    screen.note(
        f"{count(report.files, 'session log')}, {number(report.read)} with something new, "
        f"{count(report.new_rows, 'fact')} added. The texts stayed here."
    )
    show_unread(screen, report.pending)
    return report


def show_unread(screen: Screen, pending: Sequence[Pending]) -> None:
    """Name what could not be read at all; a half-written line is the next read's."""
    unread = [found for found in pending if found.line == 0]
    for found in unread[:MAX_SHOWN]:
        screen.note(one_line(f"{found.file}: {found.reason}"), look.WAIT)
    if len(unread) > MAX_SHOWN:
        screen.note(f"… and {number(len(unread) - MAX_SHOWN)} more, in digest --json", look.WAIT)


def _progress(screen: Screen) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(complete_style="green", finished_style="green"),
        DownloadColumn(),
        TimeRemainingColumn(compact=True),
        console=screen.err,
        transient=True,
        disable=not screen.err.is_terminal,
    )
