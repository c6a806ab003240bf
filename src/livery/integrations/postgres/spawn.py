"""Starting the watchdog process and hearing what it reports."""

import json
import os
import select
import subprocess
import sys
import time

from livery.integrations.postgres import errors
from livery.integrations.postgres.errors import DatabaseStartFailed, disk_full
from livery.integrations.postgres.layout import Layout
from livery.integrations.postgres.server import open_log
from livery.manifest.errors import LiveryError

_WATCHDOG = "livery.integrations.postgres.watchdog"
_LOG_TAIL_LINES = 12


def spawn_watchdog(layout: Layout, deadline: float) -> None:
    """Run the watchdog of `layout` and wait for its report.

    Raises:
        LiveryError: what it reported; DatabaseStartFailed when `deadline` came first.
    """
    log = open_log(layout)
    try:
        # -P: the working directory holds no modules of ours.
        with subprocess.Popen(
            [sys.executable, "-P", "-m", _WATCHDOG, str(layout.home)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        ) as child:
            if child.stdout is None:  # never: it is a pipe
                raise AssertionError
            line = _read_line(child.stdout.fileno(), deadline)
    finally:
        os.close(log)
    if line is None:
        raise not_ready(layout, "the database did not become ready in time")
    report = json.loads(line) if line else {}
    if report.get("state") == "ready":
        return
    kind: type[LiveryError] = getattr(errors, report.get("error", ""), DatabaseStartFailed)
    message = report.get("message", "the database's watchdog ended without a word")
    if kind is DatabaseStartFailed:
        raise not_ready(layout, message, report.get("remedy"))
    raise kind(message=message, remedy=report.get("remedy") or None)


def _read_line(pipe: int, deadline: float) -> bytes | None:
    """One line from `pipe`, less if it is closed first, None when `deadline` comes first."""
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        chunk = os.read(pipe, 65536)
        if not chunk:
            break
        line += chunk
    return line


def not_ready(layout: Layout, message: str, remedy: str | None = None) -> LiveryError:
    """The error to raise, with the end of the log; one of its own where the disk is full."""
    try:
        lines = layout.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
    except OSError:
        lines = []
    tail = "\n".join(lines)
    # The log lies on the same disk: where that is full, nothing may have been written into it.
    return disk_full(layout.home, seen=True) or DatabaseStartFailed(
        message=f"{message}\nThe end of {layout.log}:\n{tail}", remedy=remedy or None
    )
