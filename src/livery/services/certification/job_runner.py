"""Runs certification jobs in this process: claim, certify, keep how far it is, end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from livery.manifest.errors import LiveryError
from livery.services.audit.types import Entry
from livery.services.catalog.errors import SkillNotFound
from livery.services.catalog.ports import CatalogStore
from livery.services.certification.certify import Certifier
from livery.services.certification.ports import JobStore
from livery.services.certification.types import Ended, Job

AT_ONCE = 2
"""Jobs that one process runs at a time."""
MOST_ATTEMPTS = 3
"""Processes that may end while they run a job, before it is given up."""
LIMIT_S = 900.0
"""Seconds after which a job that does not end is ended. The sweep takes one for left that was silent for longer."""
_PAUSES_S = (0.1, 1.0, 5.0, 20.0)
"""Between the tries to write how a job ended: a database may be away for a moment."""


class JobLost(Exception):
    """The job is no longer this process's: it was taken for dead, and another one has it."""


class JobRunner:
    """Runs jobs; whoever wakes it, and however often, a job runs once. `ended` hears the state of each that ends."""

    def __init__(
        self,
        certifier: Certifier,
        store: JobStore,
        catalog: CatalogStore,
        ended: Callable[[str], None] = lambda _: None,
        *,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._certifier = certifier
        self._store = store
        self._catalog = catalog
        self._ended = ended
        self._limit_s = limit_s
        self._room = _Room(AT_ONCE)
        self._process_id = UUID(int=0)
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def adopt(self, process_id: UUID) -> None:
        """Claim jobs under this lease from now on."""
        self._process_id = process_id

    def start(self, job_id: UUID, workspace_id: UUID) -> None:
        """Run a job in the background, if it is not there already."""
        if job_id in self._tasks:
            return
        task = asyncio.create_task(self.run(job_id, workspace_id), name=f"certify {job_id}")
        self._tasks[job_id] = task
        task.add_done_callback(lambda done: self._forget(job_id, done))

    def _forget(self, job_id: UUID, done: asyncio.Task[None]) -> None:
        self._tasks.pop(job_id, None)
        if not done.cancelled():
            done.exception()  # the row says what happened, or the sweep finds it

    async def pause(self, job_id: UUID, seconds: float) -> None:
        """Wait, but not longer than a job that runs in the background here."""
        task = self._tasks.get(job_id)
        if task is None:
            await asyncio.sleep(seconds)
        else:
            await asyncio.wait({task}, timeout=seconds)

    async def stop(self, grace_s: float) -> None:
        """Let what runs in the background finish; what does not in time goes back to the queue."""
        tasks = list(self._tasks.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def run(self, job_id: UUID, workspace_id: UUID) -> None:
        """Run a job if it is due: not over, not in the hands of a living process, not given up."""
        job = await self._store.get(job_id, [workspace_id])
        if job is None or not job.open:
            return
        # What a process died of may be this package: it runs with no other job beside it.
        async with self._room.enter(alone=job.attempts > 0):
            mine = self._process_id
            claimed = await self._store.claim(job, mine, MOST_ATTEMPTS, about(job, "started"))
            if claimed is not None:
                await self._certify(claimed, mine)
            elif job.attempts >= MOST_ATTEMPTS:
                await self._give_up(job)

    async def _certify(self, job: Job, mine: UUID) -> None:
        async def progress(
            current: str | None, done: Sequence[Mapping[str, Any]], total: int
        ) -> None:
            if not await self._store.advance(job, mine, current, done, total):
                raise JobLost

        try:
            ended = await self._outcome(job, progress)
        except JobLost:
            return
        except asyncio.CancelledError:
            with suppress(Exception):  # without it the lease ends, and the sweep finds the job
                await self._store.release(job, mine, about(job, "released"))
            raise
        body = {"status": ended.result["status"]} if ended.result else dict(ended.error or {})
        entry = about(job, ended.state, **body)
        for pause in (*_PAUSES_S, None):
            try:
                kept = await self._store.end(job, mine, ended, entry)
            except Exception:
                if pause is None:
                    raise  # the row stays; once it is long silent the sweep takes it for left
                await asyncio.sleep(pause)
                continue
            if kept:
                self._ended(ended.state)
            return

    async def _outcome(self, job: Job, progress: Any) -> Ended:
        try:
            async with asyncio.timeout(self._limit_s):
                skill = next(
                    iter(await self._catalog.named(str(job.skill_id), [job.workspace_id])), None
                )
                versions = await self._catalog.versions(job.skill_id, job.workspace_id)
                found = next((item for item in versions if item.version == job.version), None)
                if skill is None or found is None:
                    raise SkillNotFound(message=f"{job.skill_key}@{job.version} is gone.")
                done = await self._certifier.run(
                    skill,
                    found,
                    by=job.requested_by,
                    correlation_id=job.correlation_id,
                    progress=progress,
                )
        except JobLost:
            raise
        except TimeoutError:
            message = f"The certification took longer than {self._limit_s:g} s."
            return Ended("failed", error=_problem(LiveryError("timeout", message)))
        except LiveryError as error:
            return Ended("failed", error=_problem(error))
        except Exception as error:
            # Its text may hold anything: only its type is kept.
            message = f"The certification broke off with {type(error).__name__}."
            return Ended("failed", error=_problem(LiveryError("internal_error", message)))
        held = done.certificate
        result = {
            "status": done.status,
            "checks": list(done.checks),
            "certificate_id": str(held.certificate_id) if held else None,
        }
        return Ended("done", result=result)

    async def _give_up(self, job: Job) -> None:
        error = LiveryError(
            "execution_error",
            f"{job.attempts} processes ended while they certified {job.skill_key}@{job.version}.",
            remedy="Find out which fixture ends the process, correct it, and register a new version.",
        )
        ended = Ended("failed", error=_problem(error))
        entry = about(job, "failed", **_problem(error))
        if await self._store.give_up(job, MOST_ATTEMPTS, ended, entry):
            self._ended(ended.state)


def about(job: Job, what: str, **body: Any) -> Entry:
    """The entry of the record on a job: `certification.<what>`; a `code` of the body is the entry's too."""
    subject = f"{job.skill_key}@{job.version}"
    body = {"job_id": str(job.job_id), "digest": job.digest, **body}
    return Entry(
        f"certification.{what}",
        job.workspace_id,
        subject,
        body,
        code=str(body.get("code", "")),
        correlation_id=job.correlation_id,
    )


def _problem(error: LiveryError) -> dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message,
        "remedy": error.remedy,
        "violations": [item.to_dict() for item in error.violations],
    }


class _Room:
    """Lets in so many at once, or one alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._inside = 0
        self._alone = False
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def enter(self, *, alone: bool) -> AsyncIterator[None]:
        """Wait for a place."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: not self._alone and self._inside < (1 if alone else self._size)
            )
            self._inside, self._alone = self._inside + 1, alone
        try:
            yield
        finally:
            async with self._changed:
                self._inside, self._alone = self._inside - 1, False
                self._changed.notify_all()
