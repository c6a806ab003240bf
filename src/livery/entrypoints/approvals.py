"""Keeps approvals moving: notes what ran out, starts what was approved, and measures what waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from livery.entrypoints.background import Repeated
from livery.integrations.telemetry.metrics import Metrics
from livery.services.approvals.approvals import Approvals
from livery.services.runs.waiting import Waiting

SWEEP_S = 1.0
_log = structlog.get_logger("livery.approvals")


class ApprovalSweep:
    """Works in a worker always, in another process only while no worker is alive; measures in each."""

    def __init__(
        self,
        approvals: Approvals,
        waiting: Waiting,
        metrics: Metrics,
        workers: Callable[[], Awaitable[bool]],
        *,
        is_worker: bool,
    ) -> None:
        self._approvals = approvals
        self._waiting = waiting
        self._metrics = metrics
        self._workers = workers
        self._is_worker = is_worker
        self._rounds = Repeated(
            "approval-sweep",
            SWEEP_S,
            self.sweep,
            lambda error: _log.warning("approval_sweep_failed", error=type(error).__name__),
        )

    def start(self) -> None:
        """Sweep in the background."""
        self._rounds.start()

    async def stop(self) -> None:
        """Sweep no more; what was started goes on."""
        await self._rounds.stop()

    async def sweep(self) -> int:
        """One round; how many runs it started."""
        found = await self._approvals.waiting()
        self._metrics.approvals_waiting.set(found.count)
        self._metrics.approvals_oldest.set(found.oldest_s)
        if not self._is_worker and await self._workers():
            return 0
        for item in await self._approvals.expire():
            _log.info("approval_expired", approval_id=item.approval_id)
        return await self._waiting.sweep()
