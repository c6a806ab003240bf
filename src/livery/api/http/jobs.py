"""Certify, and the jobs that do it in the background."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from livery.api.http import render
from livery.api.http.catalog import Limit
from livery.api.http.door import Caller, CorrelationId, Json, Served, text, uuid
from livery.api.http.models import NO_NUL
from livery.api.http.problems import problems
from livery.services.certification.jobs import WAIT_S
from livery.services.certification.types import Certification, Job

router = APIRouter(tags=["certification"])
_RESPONSES: dict[int | str, dict[str, Any]] = {
    **problems(403, 404, 409, 422),
    202: {"description": "It takes longer: the job, and where to look for it."},
}
Wait = Annotated[
    float, Query(ge=0, le=WAIT_S, description="Seconds to wait before the job is the answer.")
]


@router.post("/skills/{key}/certify", responses=_RESPONSES)
async def certify_newest(
    key: str,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
    wait: Wait = WAIT_S,
) -> Response:
    """Certify the newest version; again answers the same certificate. 202 with a job where it takes longer."""
    return _answer(await served.jobs.certify(caller, text(key), None, correlation_id, wait_s=wait))


@router.post("/skills/{key}/versions/{version}/certify", responses=_RESPONSES)
async def certify_version(
    key: str,
    version: str,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
    wait: Wait = WAIT_S,
) -> Response:
    """Certify one version. 202 with a job where it takes longer."""
    return _answer(
        await served.jobs.certify(caller, text(key), text(version), correlation_id, wait_s=wait)
    )


@router.get("/certification-jobs", responses=problems(404, 422))
async def list_certification_jobs(
    caller: Caller,
    served: Served,
    state: Annotated[str | None, Query(max_length=32, pattern=NO_NUL)] = None,
    cursor: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    limit: Limit = 50,
) -> Response:
    """Certification jobs, newest first; `state` is queued, running, done or failed."""
    before = uuid(cursor, "cursor") if cursor else None
    items = await served.jobs.search(caller, state=state, before=before, limit=limit)
    following = str(items[-1].job_id) if len(items) == limit else None
    return Json({"items": [rendered(item) for item in items], "next_cursor": following})


@router.get("/certification-jobs/{job_id}", responses=problems(404))
async def get_certification_job(job_id: str, caller: Caller, served: Served) -> Response:
    """One job: how far it is, and once it is done what came out."""
    job = await served.jobs.get(caller, uuid(job_id, "certification job"))
    done = await served.jobs.outcome(job) if job.result is not None else None
    outcome = render.certification(done, datetime.now(UTC)) if done is not None else None
    return Json({**rendered(job), "certification": outcome})


def rendered(job: Job) -> dict[str, Any]:
    """A job as it is listed; `checks` are those that are done."""
    return {
        "job_id": str(job.job_id),
        "key": job.skill_key,
        "workspace": job.workspace,
        "version": job.version,
        "digest": job.digest,
        "state": job.state,
        "progress": {"done": len(job.done), "total": job.total, "current": job.current},
        "checks": list(job.done),
        "attempts": job.attempts,
        "requested_by": job.requested_by,
        "error": job.error,
        "created_at": render.time(job.created_at),
        "started_at": render.time(job.started_at),
        "finished_at": render.time(job.finished_at),
        "location": f"/v1/certification-jobs/{job.job_id}",
    }


def _answer(done: Certification | Job) -> Response:
    if isinstance(done, Certification):
        return Json(render.certification(done, datetime.now(UTC)))
    shown = rendered(done)
    return Json(shown, 202, headers={"Location": shown["location"]})
