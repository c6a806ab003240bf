"""Runs that wait for an approval: start them when it is there, end them when nobody wants them any more."""

from __future__ import annotations

import asyncio
from uuid import UUID

from livery.kernel.lifecycle import RUN
from livery.manifest.errors import LiveryError
from livery.services.identity.access import Access, require
from livery.services.identity.errors import Unauthenticated
from livery.services.identity.types import Principal
from livery.services.runs.errors import JournalUnavailable, RunDenied, RunNotFound
from livery.services.runs.ports import RunStore, WaitingStore
from livery.services.runs.run import Runner
from livery.services.runs.types import RunRecord

AT_ONCE = 8
"""Runs that one process starts at a time."""


class Waiting:
    """Starts what was approved. Whoever sweeps, and however often, a run is begun once: the journal decides."""

    def __init__(self, store: WaitingStore, runs: RunStore, runner: Runner, access: Access) -> None:
        self._store = store
        self._runs = runs
        self._runner = runner
        self._access = access
        self._process_id = UUID(int=0)
        self._tasks: set[asyncio.Task[None]] = set()

    def adopt(self, process_id: UUID) -> None:
        """Claim runs under this lease from now on."""
        self._process_id = process_id

    async def sweep(self) -> int:
        """Start what is queued, in the background; how many that are."""
        room = AT_ONCE - len(self._tasks)
        workspaces = await self._access.everywhere()
        await self._store.clear(workspaces)
        if room <= 0:
            return 0
        mine = self._process_id
        claimed = await self._store.claim(workspaces, mine, room)
        for run_id, workspace_id in claimed:
            task = asyncio.create_task(
                self._start(run_id, workspace_id, mine), name=f"run {run_id}"
            )
            self._tasks.add(task)
            task.add_done_callback(self._done)
        return len(claimed)

    async def settled(self) -> None:
        """Wait for what was started here."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self, grace_s: float) -> None:
        """Let what was started finish; what does not in time is broken off and settled as such."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def cancel(self, caller: Principal, run_id: UUID) -> RunRecord:
        """Cancel a run that waits. Raises not_found, forbidden, and invalid_transition where it waits no more."""
        require(caller, "operator", "customer_admin", "customer_member", "agent")
        visible = await self._access.visible(caller)
        record = await self._runs.get(run_id, visible)
        if record is None or not caller.sees(record.hired_agent_id):
            raise RunNotFound(message=f"There is no run {run_id}.")
        if record.status == "running":
            raise LiveryError(
                "invalid_transition", "It is running: only a run that waits is canceled."
            )
        RUN.advance(record.status, "cancel")
        done = await self._store.end(
            run_id,
            visible,
            status="canceled",
            code="approval_denied",
            message=f"{caller.label} canceled it before it was started.",
            by=caller.label,
        )
        if not done:
            return await self.cancel(caller, run_id)
        found = await self._runs.get(run_id, visible)
        if found is None:
            raise RunNotFound(message=f"There is no run {run_id}.")
        return found

    async def _start(self, run_id: UUID, workspace_id: UUID, mine: UUID) -> None:
        try:
            call = await self._store.call(run_id, workspace_id)
            if call is None:
                await self._refuse(run_id, workspace_id, Unauthenticated())
                return
            await self._runner.run(call)
        except (JournalUnavailable, RunDenied):
            pass  # the first is tried again, the second is on record
        except LiveryError as error:
            await self._refuse(run_id, workspace_id, error)
        finally:
            await asyncio.shield(self._store.release(run_id, workspace_id, mine))

    async def _refuse(self, run_id: UUID, workspace_id: UUID, error: LiveryError) -> None:
        """What cannot even be decided, such as a call whose token was revoked, is denied."""
        await self._store.end(
            run_id,
            [workspace_id],
            status="denied",
            code=error.code,
            message=error.message,
            by="platform",
        )

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # its claim is given back, or ends with the lease
