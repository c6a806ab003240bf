"""One run of the postmaster, as a child that dies with its watchdog."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from livery.integrations.postgres import cluster, locks
from livery.integrations.postgres.account import Account
from livery.integrations.postgres.errors import DatabaseStartFailed
from livery.integrations.postgres.layout import Layout
from livery.integrations.postgres.leftovers import forget_server, postmaster_pid

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": "../socket",  # relative, so its length never matters
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "120",
    # What was answered is on disk.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # A small journal on one machine.
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_buffers": "16MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "commit_delay": "0",
    "jit": "off",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",  # and so no need of a large /dev/shm
    "update_process_title": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    # The log names errors but never quotes a statement or a row: either may hold a secret.
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_PR_SET_PDEATHSIG = 1
_MAX_LOG_BYTES = 16 * 1024 * 1024


class Server:
    """A running postmaster of `layout`, child of this process."""

    def __init__(self, layout: Layout, bin_dir: Path, account: Account) -> None:
        self._layout = layout
        self._bin_dir = bin_dir
        self._account = account
        self._child = self._launch()

    def ended(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._child.poll()

    def stop(self) -> None:
        """Fast shutdown: sessions are cut, everything is written; harder if that hangs."""
        for number, patience_s in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            if self._child.poll() is not None:
                return
            self._child.send_signal(number)
            try:
                self._child.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue

    def _launch(self) -> "subprocess.Popen[bytes]":
        layout, account = self._layout, self._account
        lock = take_over(layout, account)
        try:
            forget_server(layout, account)
            log = open_log(layout)
            try:
                return subprocess.Popen(
                    [
                        self._bin_dir / "postgres",
                        "-D",
                        cluster.data_argument(layout, account),
                        *(part for item in SETTINGS.items() for part in ("-c", "=".join(item))),
                    ],
                    cwd=layout.data,
                    env=cluster.CLEAN_ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # The lock lives in the postmaster and every child of it, and only there.
                    pass_fds=[lock],
                    umask=0o077,
                    preexec_fn=_die_with_parent(),  # noqa: PLW1509 - this process has one thread
                    **account.popen(),
                )
            finally:
                os.close(log)
        finally:
            os.close(lock)


def open_log(layout: Layout) -> int:
    """The log, open for appending; a long one is put aside first."""
    try:
        if layout.log.stat().st_size > _MAX_LOG_BYTES:
            layout.log.replace(layout.log.with_suffix(".log.1"))
    except FileNotFoundError:
        pass
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    return os.open(layout.log, flags, 0o600)


def _die_with_parent() -> Callable[[], None]:
    """What the child does before it becomes postgres: ask for a fast shutdown if we die.

    Only Linux offers this; elsewhere the next start stops an orphan (`take_over`).
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def prepare() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def take_over(layout: Layout, account: Account) -> int:
    """The descriptor of the server lock, once every process of an earlier server has gone.

    An orphan, whose watchdog was killed, is already shutting down; one that is not is asked to.

    Raises:
        DatabaseStartFailed: it does not go.
    """
    for number, patience_s in ((None, 3.0), (signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)):
        pid = postmaster_pid(layout, account)
        if number is not None and pid is not None and _runs_as(pid, account.uid):
            os.kill(pid, number)
        lock = locks.wait_lock(layout.server_lock, time.monotonic() + patience_s)
        if lock is not None:
            return lock
    raise DatabaseStartFailed(
        message=f"an earlier server of {layout.data} is still running",
        remedy=f"Stop the process whose id stands in {layout.data / 'postmaster.pid'}.",
    )


def _runs_as(pid: int, uid: int) -> bool:
    try:
        return Path(f"/proc/{pid}").stat().st_uid == uid
    except OSError:
        return not Path("/proc/self").exists()
