"""Wakes workers through procrastinate, and hears their wakes. Only ids travel; the job's row decides.

procrastinate is imported where it is used first: most commands of the terminal never wake anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

if TYPE_CHECKING:
    from procrastinate import App

QUEUE, TASK = "certification", "certify"
CONCURRENCY = 2
GRACE_S = 10.0
"""How long a worker that is asked to stop lets its jobs finish; after that they go back to the queue."""
_STALLED_S = 30.0
_log = structlog.get_logger("livery.queue")

Run = Callable[[UUID, UUID], Awaitable[None]]


def make_app(dsn: str) -> App:
    """procrastinate over the schema `queue` of a database; not open yet."""
    from procrastinate import App, PsycopgConnector

    return App(
        connector=PsycopgConnector(
            conninfo=dsn,
            kwargs={"options": "-csearch_path=queue", "application_name": "livery-queue"},
            min_size=1,
            max_size=4,
        )
    )


class QueueWakes:
    """See services.certification.ports.Wakes. Connects at the first wake."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._app: App | None = None
        self._opening = asyncio.Lock()

    async def wake(self, job_id: UUID, workspace_id: UUID) -> None:
        """Defer a look at a job. A wake that cannot be sent is logged and lost: the sweep repairs it."""
        from procrastinate.exceptions import AlreadyEnqueued

        try:
            app = await self._opened()
            deferrer = app.configure_task(TASK, queue=QUEUE, queueing_lock=str(job_id))
            await deferrer.defer_async(job_id=str(job_id), workspace_id=str(workspace_id))
        except AlreadyEnqueued:
            return
        except Exception as error:
            _log.warning("wake_lost", job_id=str(job_id), error=type(error).__name__)

    async def _opened(self) -> App:
        async with self._opening:
            if self._app is None:
                app = make_app(self._dsn)
                await app.open_async()
                self._app = app
            return self._app

    async def close(self) -> None:
        """Give the connections back."""
        if self._app is not None:
            await self._app.close_async()
            self._app = None


async def work(dsn: str, run: Run, stop: asyncio.Event) -> None:
    """Hear wakes and `run` what they name, until `stop`; then let jobs finish for GRACE_S. Raises what ends it."""
    app = make_app(dsn)

    @app.task(name=TASK, queue=QUEUE)
    async def certify(job_id: str, workspace_id: str) -> None:
        await run(UUID(job_id), UUID(workspace_id))

    async with app.open_async():
        await _tidy(app)
        worker = asyncio.create_task(
            app.run_worker_async(
                queues=[QUEUE],
                concurrency=CONCURRENCY,
                install_signal_handlers=False,
                shutdown_graceful_timeout=GRACE_S,
                delete_jobs="always",
            )
        )
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({worker, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            worker.cancel()
            (end,) = await asyncio.gather(worker, return_exceptions=True)
        if isinstance(end, Exception):
            raise end


async def _tidy(app: App) -> None:
    """Drop the wakes that dead workers held: their jobs are found by the sweep."""
    from procrastinate.jobs import Status

    manager = app.job_manager
    for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=_STALLED_S):
        await manager.finish_job(job, Status.FAILED, delete_job=True)
