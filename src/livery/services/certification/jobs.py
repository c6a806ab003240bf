"""Certify in the background: ask, wait a while, see how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from livery.manifest.codes import CODES
from livery.manifest.errors import LiveryError, Violation
from livery.services.certification.certify import Certifier
from livery.services.certification.job_runner import JobRunner, about
from livery.services.certification.ports import CertificateStore, JobStore, Wakes
from livery.services.certification.types import Certification, Job
from livery.services.identity.access import Access, require
from livery.services.identity.errors import Invalid, NotFound
from livery.services.identity.types import PEOPLE, Principal

WAIT_S = 30.0
"""How long a certification is waited for before its job is the answer."""
STATES = ("queued", "running", "done", "failed")
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.01, 0.1
_LOOK_ROUND_S = 1.0
"""How often a waiting caller looks whether a worker is there to do it."""


class Jobs:
    """The use cases of certification jobs."""

    def __init__(
        self,
        certifier: Certifier,
        store: JobStore,
        certificates: CertificateStore,
        access: Access,
        runner: JobRunner,
        wakes: Wakes,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._certifier = certifier
        self._store = store
        self._certificates = certificates
        self._access = access
        self._runner = runner
        self._wakes = wakes
        self._clock = clock
        self._new_id = new_id

    async def certify(
        self,
        caller: Principal,
        ref: str,
        version: str | None = None,
        correlation_id: str = "",
        *,
        wait_s: float = WAIT_S,
    ) -> Certification | Job:
        """Certify a version, the newest where none is named: what came out, or its job where that takes longer.

        Certifying again answers the same certificate; two who ask at once share one job. Raises what made the job
        fail.
        """
        skill, found = await self._certifier.admit(caller, ref, version)
        held = await self._certifier.held(skill, found)
        if held is not None:
            return held
        wanted = Job(
            self._new_id(),
            skill.skill_id,
            skill.workspace_id,
            skill.skill_key,
            found.version,
            found.digest,
            "queued",
            caller.label,
            correlation_id,
            self._clock(),
        )
        job = await self._store.open(wanted, about(wanted, "requested", by=caller.label))
        await self._arrange(job, wake=job.job_id == wanted.job_id)
        return await self._wait(job, wait_s)

    async def _arrange(self, job: Job, *, wake: bool) -> None:
        """See to it that somebody does it: a worker, or this process where there is none."""
        if not await self._store.workers():
            self._runner.start(*job.place)
        elif wake:
            await self._wakes.wake(*job.place)

    async def _wait(self, job: Job, wait_s: float) -> Certification | Job:
        started = looked = time.monotonic()
        pause = _FIRST_PAUSE_S
        while True:
            job = await self._store.get(job.job_id, [job.workspace_id]) or job
            if not job.open:
                return await self.outcome(job)
            now = time.monotonic()
            if now - started >= wait_s:
                return job
            if now - looked >= _LOOK_ROUND_S:
                await self._arrange(job, wake=False)
                looked = now
            await self._runner.pause(job.job_id, min(pause, wait_s - (now - started)))
            pause = min(pause * 1.5, _LAST_PAUSE_S)

    async def get(self, caller: Principal, job_id: UUID) -> Job:
        """One job that this caller may see; none is for an agent."""
        require(caller, *PEOPLE)
        job = await self._store.get(job_id, await self._access.visible(caller))
        if job is None:
            raise NotFound(message=f"There is no certification job {job_id}.")
        return job

    async def search(
        self, caller: Principal, *, state: str | None, before: UUID | None, limit: int
    ) -> list[Job]:
        """Jobs that this caller may see, newest first; none is for an agent."""
        require(caller, *PEOPLE)
        if state is not None and state not in STATES:
            raise Invalid(message=f"A job is {', '.join(STATES)}; not {state!r}.")
        visible = await self._access.visible(caller)
        return await self._store.search(visible, state=state, before=before, limit=limit)

    async def outcome(self, job: Job) -> Certification:
        """What came out of a job that is over; raises what made it fail."""
        if job.result is None:
            raise failure(job)
        certificate = None
        if job.result["certificate_id"] is not None:
            certificate = await self._certificates.newest(
                job.skill_id, job.version, job.workspace_id
            )
        status, checks = job.result["status"], tuple(job.result["checks"])
        return Certification(job.skill_key, job.version, job.digest, status, checks, certificate)


def failure(job: Job) -> LiveryError:
    """What made a job fail."""
    error = job.error or {}
    code = error.get("code")
    return LiveryError(
        code if code in CODES else "internal_error",
        error.get("message"),
        remedy=error.get("remedy"),
        violations=[Violation(**item) for item in error.get("violations") or ()],
        details={"job_id": str(job.job_id)},
    )
