"""Certify, and the jobs that do it in the background."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

from livery.client.connection import Connection, segment
from livery.client.documents import CertificationJob, Certified
from livery.client.errors import ApiProblem
from livery.manifest.codes import CODES

WAIT_S = 30.0
"""The longest that the server waits for a certification before it answers with its job."""
ANSWER_S = WAIT_S + 60
_LOOK_S = 0.1

Watch = Callable[[CertificationJob], None]


class JobCalls(Connection):
    """Certification. A `key` may be a `skill_key` or a `skill_id`."""

    async def certify_skill(
        self, key: str, version: str | None = None, *, watch: Watch | None = None
    ) -> Certified:
        """Certify a version, the newest by default, however long it takes. Repeating it answers the same.

        `watch` sees the job as it goes. Raises `ApiProblem` where it is refused or its job failed.
        """
        asked = await self.request_certification(key, version, wait_s=WAIT_S if not watch else 0)
        if "job_id" not in asked:
            return asked
        job = cast(CertificationJob, asked)
        while job["state"] in ("queued", "running"):
            if watch is not None:
                watch(job)
            await asyncio.sleep(_LOOK_S)
            job = await self.get_certification_job(job["job_id"])
        if watch is not None:
            watch(job)
        found = job.get("certification")
        if found is None:
            raise _failure(job)
        return found

    async def request_certification(
        self, key: str, version: str | None = None, *, wait_s: float = WAIT_S
    ) -> Certified | CertificationJob:
        """Ask for a certification and wait `wait_s` at most (30): what came out, or the job that goes on."""
        path = f"/v1/skills/{segment(key)}"
        if version is not None:
            path += f"/versions/{segment(version)}"
        params = {} if wait_s == WAIT_S else {"wait": wait_s}
        answer = await self.json("POST", f"{path}/certify", params=params, timeout=ANSWER_S)
        return cast(Certified | CertificationJob, answer)

    async def get_certification_job(self, job_id: str) -> CertificationJob:
        """How far a job is, and once it is done what came out."""
        path = f"/v1/certification-jobs/{segment(job_id)}"
        return cast(CertificationJob, await self.json("GET", path))

    def iter_certification_jobs(
        self, *, state: str | None = None, limit: int | None = None
    ) -> AsyncIterator[CertificationJob]:
        """Every job, newest first, page by page; `state` is queued, running, done or failed."""
        return self.pages("/v1/certification-jobs", limit=limit, state=state)

    async def list_certification_jobs(
        self, *, state: str | None = None, limit: int | None = 50
    ) -> list[CertificationJob]:
        """The newest jobs."""
        return [job async for job in self.iter_certification_jobs(state=state, limit=limit)]


def _failure(job: CertificationJob) -> ApiProblem:
    error = job.get("error") or {}
    code = str(error.get("code") or "internal_error")
    problem = {**error, "code": code, "detail": error.get("message"), "job_id": job["job_id"]}
    return ApiProblem(problem, CODES[code].status if code in CODES else 500, None)
