"""Keeps certification jobs moving: the sweep that finds what nobody runs, and the worker's ear."""

from __future__ import annotations

import asyncio

import structlog

from livery.entrypoints.background import Repeated, pause
from livery.integrations.queue.wakes import work
from livery.integrations.telemetry.metrics import Metrics
from livery.services.certification.job_runner import JobRunner
from livery.services.certification.ports import JobStore

SWEEP_S = 5.0
WAITED_S = 5.0
"""How long a queued job is left to its wake."""
LIMIT = 50
_RETRY_S = 5.0
_log = structlog.get_logger("livery.jobs")


class JobSweep:
    """Runs what is due: in a worker always, in another process only while no worker is alive."""

    def __init__(
        self, store: JobStore, runner: JobRunner, metrics: Metrics, *, is_worker: bool
    ) -> None:
        self._store = store
        self._runner = runner
        self._metrics = metrics
        self._is_worker = is_worker
        self._rounds = Repeated(
            "job-sweep",
            SWEEP_S,
            self.sweep,
            lambda error: _log.warning("job_sweep_failed", error=type(error).__name__),
        )

    def start(self) -> None:
        """Sweep in the background."""
        self._rounds.start()

    async def stop(self) -> None:
        """Sweep no more."""
        await self._rounds.stop()

    async def sweep(self) -> int:
        """Measure the queue and start what is due; how many that are."""
        counts = await self._store.counts()
        for state in ("queued", "running"):
            self._metrics.jobs.labels(state).set(counts.get(state, (0, 0.0))[0])
        self._metrics.queue_lag.set(counts.get("queued", (0, 0.0))[1])
        if not self._is_worker and await self._store.workers():
            return 0
        due = await self._store.due(WAITED_S, LIMIT)
        for place in due:
            self._runner.start(*place)
        return len(due)


async def hear_wakes(dsn: str, runner: JobRunner, stop: asyncio.Event) -> None:
    """Run what procrastinate wakes us for, until `stop`. Where it fails the sweep goes on, and it is tried again."""
    while not stop.is_set():
        try:
            await work(dsn, runner.run, stop)
        except Exception as error:
            _log.warning("queue_lost", error=type(error).__name__)
        await pause(stop, _RETRY_S)
