"""The lease of a process: renewed while it lives, swept when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from livery.entrypoints.background import Repeated
from livery.integrations.telemetry.metrics import Metrics
from livery.services.runs.errors import JournalUnavailable
from livery.storage.database import Database
from livery.storage.processes import BEAT_S, Processes

_log = structlog.get_logger("livery.lease")


class Lease:
    """Beats and sweeps in the background. A lost lease is replaced by a new one, never renewed."""

    def __init__(
        self, database: Database, kind: str, metrics: Metrics, adopt: Callable[[UUID], None]
    ) -> None:
        self._database = database
        self._kind = kind
        self._metrics = metrics
        self._adopt = adopt
        self._processes = Processes(database, uuid7(), kind)
        self._rounds = Repeated("lease", BEAT_S, self._beat, self._missed)
        self._renewing = asyncio.Lock()
        self.failing: str | None = None
        """Why the last beat was not written, where the database answers and has room: both are known elsewhere."""

    async def start(self) -> None:
        """Take a lease, settle what dead processes left, and keep both up."""
        await self._take()
        await self._sweep()
        self._rounds.start(at_once=False)

    async def stop(self) -> None:
        """Give the lease up."""
        await self._rounds.stop()
        with suppress(Exception):  # the database may be gone; the lease then runs out by itself
            await self._processes.end()

    async def _take(self) -> None:
        await self._processes.start()
        self._adopt(self._processes.process_id)
        self._metrics.lease.set(1)

    async def _beat(self) -> None:
        await self.renew()
        await self._sweep()

    def _missed(self, error: Exception) -> None:
        self._metrics.lease.set(0)
        _log.warning("lease_beat_failed", error=type(error).__name__)

    async def renew(self) -> None:
        """Beat, and take a new lease where this one has run out."""
        async with self._renewing:
            if await self._beaten():
                self._metrics.lease.set(1)
                return
            _log.warning("lease_lost", process_id=str(self._processes.process_id))
            self._processes = Processes(self._database, uuid7(), self._kind)
            await self._take()

    async def _beaten(self) -> bool:
        try:
            beaten = await self._processes.beat()
        except JournalUnavailable:
            raise
        except Exception as error:
            self.failing = type(error).__name__
            raise
        self.failing = None
        return beaten

    async def _sweep(self) -> None:
        for row in await self._processes.sweep():
            self._metrics.swept.labels(row["status"]).inc()
            _log.warning("run_swept", run_id=str(row["run_id"]), status=row["status"])
