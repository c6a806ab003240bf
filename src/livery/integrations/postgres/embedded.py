"""Start, join, leave and stop the embedded PostgreSQL of one LIVERY_HOME."""

import asyncio
import time
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from livery.integrations.postgres import locks
from livery.integrations.postgres.account import server_account
from livery.integrations.postgres.cluster import SUPERUSER, superuser_password
from livery.integrations.postgres.errors import DatabaseHomeRefused, DatabaseStartFailed
from livery.integrations.postgres.layout import Layout
from livery.integrations.postgres.ping import Answer, ping
from livery.integrations.postgres.server import take_over
from livery.integrations.postgres.spawn import not_ready, spawn_watchdog


class EmbeddedPostgres:
    """This process's hold on the server of one LIVERY_HOME.

    The server runs while any process holds it; a hold ends with `release` or with the process.
    """

    def __init__(self, layout: Layout, hold: tuple[Path, int]) -> None:
        self._layout = layout
        self._hold: tuple[Path, int] | None = hold
        self.socket_dir = layout.client_socket_dir()

    @property
    def admin_dsn(self) -> str:
        """URL of the superuser on the database `postgres`."""
        return self.dsn(SUPERUSER, "postgres", superuser_password(self._layout))

    def dsn(self, role: str, database: str, password: str) -> str:
        """URL for asyncpg and libpq; host and port are named so that PG* variables do not count."""
        user, secret, name = (quote(part, safe="") for part in (role, password, database))
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{user}:{secret}@/{name}?host={host}&port=5432"

    async def release(self) -> None:
        """Drop this process's hold; the server stops soon after the last one."""
        if self._hold is not None:
            hold, self._hold = self._hold, None
            _drop(hold)


async def start_embedded(home: Path, *, timeout_s: float = 60) -> EmbeddedPostgres:
    """Start the server of `home`, or join the one that runs, and hold it.

    Raises:
        DatabaseStartFailed: not ready within `timeout_s` seconds; with the end of the log.
        DatabaseVersionMismatch: the data folder needs another major version.
        DatabaseHomeRefused: a folder or key is not safe or not usable.
    """
    layout = Layout.of(home)
    deadline = time.monotonic() + timeout_s
    # The work is short system calls and waiting for a child: a thread, not the loop.
    starting = asyncio.get_running_loop().run_in_executor(None, _start, layout, deadline)
    try:
        hold = await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(_drop_late)
        raise
    server = EmbeddedPostgres(layout, hold)
    try:
        await _log_in(server, deadline)
    except BaseException:
        await server.release()
        raise
    return server


def is_running(home: Path) -> bool:
    """Whether the server of `home` answers on its socket."""
    layout = Layout.of(home)
    return layout.sockets.is_dir() and ping(layout.client_socket_dir()) is Answer.READY


def is_watched(home: Path) -> bool:
    """Whether a watchdog keeps the server of `home`; without one nothing brings it back."""
    return locks.is_held(Layout.of(home).watchdog_lock)


async def revive(home: Path) -> None:
    """Bring the server of `home` back on its data and its socket, for whoever holds it still.

    Raises:
        DatabaseStartFailed: as `start_embedded`.
    """
    await (await start_embedded(home)).release()


async def stop(home: Path, timeout_s: float = 60) -> bool:
    """Stop the server of `home` whoever holds it; True when none is left running."""
    layout = Layout.of(home)
    deadline = time.monotonic() + timeout_s
    while locks.is_held(layout.watchdog_lock) or locks.is_held(layout.server_lock):
        if time.monotonic() > deadline:
            return False
        if locks.is_held(layout.watchdog_lock):
            layout.stop_request.touch(mode=0o600)
            await asyncio.sleep(0.05)
        else:
            await asyncio.to_thread(_stop_orphan, layout)
    layout.stop_request.unlink(missing_ok=True)
    return True


def _stop_orphan(layout: Layout) -> None:
    """End a server whose watchdog was killed, where the kernel did not."""
    with suppress(DatabaseStartFailed):
        locks.unlock(take_over(layout, server_account(layout)))


def _start(layout: Layout, deadline: float) -> tuple[Path, int]:
    layout.prepare()
    start = locks.wait_lock(layout.start_lock, deadline)
    if start is None:
        raise DatabaseStartFailed(
            message="another process is still starting or stopping this database",
            remedy="Try again in a moment.",
        )
    try:
        locks.sweep(layout.holders)
        hold = locks.take_hold(layout.holders)
        try:
            layout.stop_request.unlink(missing_ok=True)
            _ensure_running(layout, deadline)
        except BaseException:
            _drop(hold)
            raise
        return hold
    finally:
        locks.unlock(start)


def _ensure_running(layout: Layout, deadline: float) -> None:
    while time.monotonic() < deadline:
        if not locks.is_held(layout.watchdog_lock):
            spawn_watchdog(layout, deadline)
        elif ping(layout.client_socket_dir()) is Answer.READY:
            return
        else:  # it restarts a server that has died
            time.sleep(0.02)
    raise not_ready(layout, "the database did not become ready in time")


async def _log_in(server: EmbeddedPostgres, deadline: float) -> None:
    """A real session, so that nobody is handed a server that does not let him in."""
    import asyncpg

    try:
        connection = await asyncpg.connect(
            server.admin_dsn, timeout=max(5.0, deadline - time.monotonic())
        )
    except asyncpg.InvalidPasswordError as error:
        raise DatabaseHomeRefused(
            message="the superuser's password in LIVERY_HOME/keys does not open the database",
            remedy="Restore keys/postgres-superuser from a backup of LIVERY_HOME.",
        ) from error
    await connection.close()


def _drop(hold: tuple[Path, int]) -> None:
    path, descriptor = hold
    path.unlink(missing_ok=True)
    locks.unlock(descriptor)


def _drop_late(starting: "Future[tuple[Path, int]] | asyncio.Future[tuple[Path, int]]") -> None:
    if not starting.cancelled() and starting.exception() is None:
        _drop(starting.result())
