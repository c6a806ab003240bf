"""Hears when an epoch ends, and drops what was compiled before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from livery.storage.database import NOTIFY_CHANNEL, connect

_RETRY_S = 0.5
_log = structlog.get_logger("livery.epochs")


class EpochListener:
    """A connection that listens. While it is down nothing is served wrongly: begin compares epochs itself."""

    def __init__(self, dsn: str, forget: Callable[[], None]) -> None:
        self._dsn = dsn
        self._forget = forget
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen, and go on listening."""
        connection = await self._connect()
        self._task = asyncio.create_task(self._loop(connection), name="epochs")

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _connect(self) -> Any:
        connection = await connect(self._dsn)
        await connection.add_listener(NOTIFY_CHANNEL, lambda *_: self._forget())
        return connection

    async def _loop(self, connection: Any) -> None:
        while True:
            closed = asyncio.Event()
            connection.add_termination_listener(lambda _, event=closed: event.set())
            try:
                if not connection.is_closed():
                    await closed.wait()
            finally:
                if not connection.is_closed():
                    await connection.close()
            _log.warning("epoch_listener_lost")
            while True:
                with suppress(OSError, Exception):
                    connection = await self._connect()
                    break
                await asyncio.sleep(_RETRY_S)
            self._forget()
