"""The supervisor of one embedded server: `python -m livery.integrations.postgres.watchdog HOME`.

A small detached process. It starts the server, reports on its standard output (one line of
JSON) and stays until the last holder has gone, however that ended; then it stops the server.
A server that dies while it is needed is started again.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from livery.integrations.postgres import locks
from livery.integrations.postgres.account import server_account
from livery.integrations.postgres.binaries import server_bin_dir
from livery.integrations.postgres.cluster import ensure_cluster
from livery.integrations.postgres.errors import DatabaseStartFailed
from livery.integrations.postgres.layout import Layout
from livery.integrations.postgres.ping import Answer, ping
from livery.integrations.postgres.server import Server, open_log
from livery.manifest.errors import LiveryError

_LOOK_EVERY_S = 0.25
_WHILE_STARTING_S = 0.02
_KEEP_LINK_EVERY_S = 600.0


class Report:
    """The line that the starter waits for; said once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def say(self, **fields: str) -> None:
        """Send `fields` and close the pipe; the starter may have gone."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(fields).encode() + b"\n")
        except OSError:
            pass
        finally:
            os.close(self._descriptor)
            self._descriptor = None


class Watchdog:
    """Keeps one server running while somebody holds it."""

    def __init__(self, layout: Layout, report: Report) -> None:
        self._layout = layout
        self._report = report
        self._terminated = False
        self._link_checked = 0.0
        signal.signal(signal.SIGTERM, self._terminate)

    def run(self) -> None:
        """Serve until nobody needs the server.

        Raises:
            LiveryError: it cannot be started.
        """
        layout = self._layout
        account = server_account(layout)
        bin_dir = server_bin_dir(account)
        ensure_cluster(layout, bin_dir, account)
        needed = True
        while needed:
            server = Server(layout, bin_dir, account)
            try:
                needed = self._attend(server)
            finally:
                server.stop()

    def _attend(self, server: Server) -> bool:
        """Watch the server; False once it is to stop, True if it ended while it is needed.

        Raises:
            DatabaseStartFailed: it ended before it was ready.
        """
        ready = False
        while (status := server.ended()) is None:
            if not ready and ping(self._layout.client_socket_dir()) is Answer.READY:
                ready = True
                self._report.say(state="ready")
            if self._terminated or self._unneeded(server):
                return False
            self._keep_link()
            time.sleep(_LOOK_EVERY_S if ready else _WHILE_STARTING_S)
        if not ready:
            raise DatabaseStartFailed(message=f"the server ended at once (status {status})")
        return True

    def _unneeded(self, server: Server) -> bool:
        """Stop the server if nobody holds it, while nobody can begin to."""
        layout = self._layout
        if locks.held(layout.holders) and not layout.stop_request.exists():
            return False
        start = locks.try_lock(layout.start_lock)
        if start is None:  # somebody starts or joins: look again
            return False
        try:
            if locks.held(layout.holders) and not layout.stop_request.exists():
                return False
            locks.sweep(layout.holders)
            server.stop()
            layout.stop_request.unlink(missing_ok=True)
            return True
        finally:
            locks.unlock(start)

    def _keep_link(self) -> None:
        """Cleaners of /tmp may take the short link of a long path."""
        if time.monotonic() - self._link_checked > _KEEP_LINK_EVERY_S:
            self._layout.client_socket_dir()
            self._link_checked = time.monotonic()

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._terminated = True


def main() -> None:
    """Detach, supervise, and exit 0 when the server is no longer needed."""
    layout = Layout.of(Path(sys.argv[1]))
    os.umask(0o077)
    os.chdir("/")
    if os.fork():
        os._exit(0)  # the starter reaps this one; the watchdog is nobody's child
    report = Report(os.dup(1))
    log = open_log(layout)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    lock = locks.try_lock(layout.watchdog_lock)
    if lock is None:
        report.say(state="failed", error="DatabaseStartFailed", message="a watchdog runs already")
        return
    try:
        Watchdog(layout, report).run()
    except LiveryError as error:
        sys.stderr.write(f"watchdog: {error.message}\n")
        report.say(
            state="failed",
            error=type(error).__name__,
            message=error.message,
            remedy=error.remedy or "",
        )
        sys.exit(1)
    except Exception as error:
        report.say(state="failed", error="DatabaseStartFailed", message=repr(error))
        raise


if __name__ == "__main__":
    main()
