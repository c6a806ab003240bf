"""`livery up`: one process tree with everything in it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog

from livery.disk import FLOOR_BYTES, free_bytes, free_text
from livery.entrypoints.child import LIFELINE_FD, READY_FD
from livery.entrypoints.databases import open_databases
from livery.entrypoints.local import process_start
from livery.entrypoints.settings import Settings
from livery.entrypoints.startup import READY_S, STOP_S, StartFailed, last_words, only_one
from livery.integrations.postgres.embedded import is_watched, revive
from livery.integrations.postgres.urls import DatabaseUrls
from livery.integrations.scanners.settings import read_settings
from livery.manifest.errors import LiveryError

RESTARTS = 5
"""How often a process may die within `RESTART_WINDOW_S` before the tree gives up."""
RESTART_WINDOW_S = 60.0
_DATABASE_LOOK_S, _FULL_PAUSE_S = 0.5, 3.0
_log = structlog.get_logger("livery.up")


@dataclass(slots=True)
class _Child:
    name: str
    words: tuple[str, ...]
    environ: Mapping[str, str]
    port: int | None = None
    process: asyncio.subprocess.Process | None = None
    deaths: list[float] = field(default_factory=list)


async def supervise(settings: Settings, tell: Callable[[str], None] = lambda _: None) -> None:
    """Run the platform until SIGTERM or SIGINT."""
    settings.prepare()
    if settings.scanners is not None:
        read_settings(settings.scanners)  # said here, before any process dies of it
    with only_one(settings):
        async with open_databases(settings) as urls:
            tell("database")
            tree = _Tree(settings, urls)
            try:
                await tree.start(tell)
                await tree.watch()
            finally:
                await tree.stop()


def _died(deaths: list[float]) -> list[float]:
    """`deaths` of the last while, and the one of now."""
    now = time.monotonic()
    return [at for at in deaths if now - at < RESTART_WINDOW_S] + [now]


class _Tree:
    def __init__(self, settings: Settings, urls: DatabaseUrls) -> None:
        self._settings = settings
        self._lifeline, self._held = os.pipe()
        port = str(settings.port)
        # Each process gets the URL of its own role only; the portal gets none.
        self._children = [
            _Child("vault", ("vault",), {"LIVERY_DATABASE_URL": urls.vault}),
            _Child(
                "api", ("api", "--port", port), {"LIVERY_DATABASE_URL": urls.api}, settings.port
            ),
            _Child(
                "portal",
                ("portal", "--port", str(settings.port + 1), "--api-url", self._url(0)),
                {},
                settings.port + 1,
            ),
            _Child("worker", ("worker",), {"LIVERY_DATABASE_URL": urls.worker}),
        ]
        self._stop = asyncio.Event()

    def _url(self, offset: int) -> str:
        return f"http://127.0.0.1:{self._settings.port + offset}"

    async def start(self, tell: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stop.set)
        waits = [asyncio.create_task(self._spawn(item)) for item in self._children]
        stop = asyncio.create_task(self._stop.wait())
        try:
            for item, wait in zip(self._children, waits, strict=True):
                await asyncio.wait({stop, wait}, return_when=asyncio.FIRST_COMPLETED)
                if self._stop.is_set():
                    return
                wait.result()
                tell(item.name)
        finally:
            for task in (stop, *waits):
                task.cancel()
            await asyncio.gather(stop, *waits, return_exceptions=True)
        self._announce()

    async def _spawn(self, item: _Child) -> None:
        ready_in, ready_out = os.pipe()
        environ = {
            **{k: v for k, v in os.environ.items() if k != "LIVERY_DATABASE_URL"},
            **item.environ,
            "LIVERY_HOME": str(self._settings.home),
            "LIVERY_PORT": str(self._settings.port),
            READY_FD: str(ready_out),
            LIFELINE_FD: str(self._lifeline),
        }
        log = os.open(
            self._settings.logs_dir / f"{item.name}.out",
            os.O_WRONLY | os.O_CREAT | os.O_APPEND,
            0o600,
        )
        try:
            item.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "livery",
                *item.words,
                env=environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(ready_out, self._lifeline),
                start_new_session=True,
            )
        finally:
            os.close(log)
            os.close(ready_out)
        await self._await_ready(item, ready_in)

    async def _await_ready(self, item: _Child, ready_in: int) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ready_in, "rb")
        )
        try:
            async with asyncio.timeout(READY_S):
                line = await reader.readline()
        except TimeoutError:
            line = b""
        finally:
            transport.close()
        if line != b"ready\n":
            raise StartFailed(
                message=f"The {item.name} process did not come up. {self._tail(item.name)}",
                remedy=self._way_out(item),
            )

    def _way_out(self, item: _Child) -> str:
        free = free_bytes(self._settings.home)
        if free < FLOOR_BYTES:
            return f"Make room on the disk of {self._settings.home} ({free_text(free)}), then start it again."
        look = f"Look into {self._settings.logs_dir}"
        if item.port is None:
            return f"{look}."
        return f"{look}; is port {item.port} free? Choose another with --port."

    def _tail(self, name: str) -> str:
        try:
            text = (self._settings.logs_dir / f"{name}.out").read_text(errors="replace")
        except OSError:
            return ""
        return last_words(text)

    def _announce(self) -> None:
        info: dict[str, Any] = {
            "url": self._url(0),
            "portal_url": self._url(1),
            "pid": os.getpid(),
            "pid_started": process_start(os.getpid()),
            "version": self._settings.version,
            "started_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "processes": {c.name: c.process.pid for c in self._children if c.process is not None},
        }
        path = self._settings.run_dir / "server.json"
        draft = path.with_name(".server.json")
        draft.write_text(json.dumps(info, indent=1) + "\n")
        draft.chmod(0o600)
        draft.replace(path)

    async def watch(self) -> None:
        stop = asyncio.create_task(self._stop.wait())
        watchers = {asyncio.create_task(self._keep(item)) for item in self._children}
        if self._settings.database_url is None:
            watchers.add(asyncio.create_task(self._keep_database()))
        done, _ = await asyncio.wait({stop, *watchers}, return_when=asyncio.FIRST_COMPLETED)
        for task in (stop, *watchers):
            task.cancel()
        await asyncio.gather(stop, *watchers, return_exceptions=True)
        for task in done - {stop}:
            task.result()

    async def _keep(self, item: _Child) -> None:
        while item.process is not None:
            code = await item.process.wait()
            item.deaths = _died(item.deaths)
            _log.warning("process_died", process=item.name, code=code)
            if len(item.deaths) > RESTARTS:
                raise StartFailed(message=f"The {item.name} process keeps dying.")
            await asyncio.sleep(0.2 * len(item.deaths))
            with suppress(StartFailed, OSError):  # a full disk must not end what still runs
                await self._spawn(item)
                self._announce()

    async def _keep_database(self) -> None:
        """Bring the database back: its watchdog starts it again where it died, and we where the watchdog did.

        The processes connect again by themselves. While the disk is full it dies of that each time: then it is tried
        until somebody has made room, for as long as that takes.
        """
        home, deaths = self._settings.home, list[float]()
        while True:
            await asyncio.sleep(_DATABASE_LOOK_S)
            if is_watched(home):
                continue
            is_full = free_bytes(home) < FLOOR_BYTES
            deaths = [] if is_full else _died(deaths)
            _log.warning("database_died", times=len(deaths), disk_full=is_full)
            if len(deaths) > RESTARTS:
                raise StartFailed(
                    message="The database keeps dying.",
                    remedy=f"Look into {self._settings.logs_dir / 'postgres.log'}.",
                )
            await asyncio.sleep(_FULL_PAUSE_S if is_full else 0.2 * (len(deaths) - 1))
            try:
                await revive(home)
                _log.warning("database_back")
            except (LiveryError, OSError, asyncpg.PostgresError) as error:
                _log.warning("database_not_back", error=type(error).__name__)

    async def stop(self) -> None:
        (self._settings.run_dir / "server.json").unlink(missing_ok=True)
        # The vault last: what still runs may ask it for a credential.
        for item in reversed(self._children):
            process = item.process
            if process is None or process.returncode is not None:
                continue
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        os.close(self._held)
        os.close(self._lifeline)
