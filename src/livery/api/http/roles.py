"""Job roles: compose, edit, certify, revoke."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from livery.api.http.bodies import documented, read
from livery.api.http.catalog import Limit
from livery.api.http.door import Caller, CorrelationId, Json, Served, text
from livery.api.http.models import NO_NUL, JobRoleEdit, NewJobRole, Revocation, WholeJobRole
from livery.api.http.problems import problems
from livery.api.http.render import standing, time
from livery.services.roles.types import JobRole, RoleVersion

router = APIRouter(tags=["job roles"])
_CHANGES = problems(403, 404, 409, 413, 415, 422)
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


def rendered(role: JobRole) -> dict[str, Any]:
    """A job role as it is listed: its newest version, and which one is in force."""
    held, newest = role.certified, role.newest
    return {
        "role_id": str(newest.role_id),
        "role_key": newest.role_key,
        **_version(newest),
        "certified_version": held.version if held else None,
        "degraded_by": [standing(item) for item in held.degraded_by] if held else [],
    }


def _detail(role: JobRole) -> dict[str, Any]:
    return {**rendered(role), "versions": [_version(item) for item in role.versions]}


def _version(item: RoleVersion) -> dict[str, Any]:
    return {
        "version": item.version,
        "name": item.name,
        "description": item.description,
        "status": item.status,
        "skills": [standing(skill) for skill in item.skills],
        "degraded_by": [standing(skill) for skill in item.degraded_by],
        "created_by": item.created_by,
        "created_at": time(item.created_at),
        "certified_by": item.certified_by,
        "certified_at": time(item.certified_at),
        "reason": item.reason,
    }


@router.post(
    "/job-roles",
    status_code=201,
    responses=problems(403, 409, 413, 415, 422),
    openapi_extra=documented(NewJobRole),
)
async def create_role(
    request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Compose a job role of certified skills; 422 names each skill that is not."""
    new = await read(request, NewJobRole)
    made = await served.roles.create(
        caller,
        new.name,
        new.description,
        new.skills,
        role_key=new.role_key,
        correlation_id=correlation_id,
    )
    return Json(_detail(made), 201)


@router.get("/job-roles", responses=problems(422))
async def list_roles(
    caller: Caller,
    served: Served,
    status: Annotated[str | None, Query(max_length=32, pattern=NO_NUL)] = None,
    cursor: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    limit: Limit = 100,
) -> Response:
    """Job roles by key, by their newest version's status; a customer sees certified versions only."""
    found = await served.roles.list(caller, status=status, after=cursor, limit=limit)
    following = found[-1].newest.role_key if len(found) == limit else None
    return Json({"items": [rendered(item) for item in found], "next_cursor": following})


@router.get("/job-roles/{key}", responses=problems(404))
async def get_role(key: str, caller: Caller, served: Served) -> Response:
    """One job role with its versions and how their skills stand now."""
    return Json(_detail(await served.roles.get(caller, text(key))))


@router.put("/job-roles/{key}", responses=_CHANGES, openapi_extra=documented(WholeJobRole))
async def replace_role(
    key: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Make a new version of a job role, waiting for certification."""
    new = await read(request, WholeJobRole)
    made = await served.roles.edit(
        caller,
        text(key),
        name=new.name,
        description=new.description,
        skills=new.skills,
        correlation_id=correlation_id,
    )
    return Json(_detail(made))


@router.patch("/job-roles/{key}", responses=_CHANGES, openapi_extra=documented(JobRoleEdit))
async def edit_role(
    key: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Make a new version of a job role from the newest and what is given."""
    new = await read(request, JobRoleEdit)
    made = await served.roles.edit(
        caller,
        text(key),
        name=new.name,
        description=new.description,
        skills=new.skills,
        correlation_id=correlation_id,
    )
    return Json(_detail(made))


@router.post("/job-roles/{key}/certify", responses=problems(403, 404, 409, 422))
async def certify_role(
    key: str, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Certify the newest version, if all its skills are certified now; again answers the same."""
    done = await served.roles.certify(caller, text(key), None, correlation_id)
    return Json(_detail(done))


@router.post("/job-roles/{key}/versions/{number}/certify", responses=problems(403, 404, 409, 422))
async def certify_role_version(
    key: str, number: Number, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Certify one version of a job role."""
    done = await served.roles.certify(caller, text(key), number, correlation_id)
    return Json(_detail(done))


@router.post("/job-roles/{key}/revoke", responses=_CHANGES, openapi_extra=documented(Revocation))
async def revoke_role(
    key: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Revoke the version of a job role that is in force."""
    body = await read(request, Revocation)
    done = await served.roles.revoke(caller, text(key), body.reason, None, correlation_id)
    return Json(_detail(done))


@router.post(
    "/job-roles/{key}/versions/{number}/revoke",
    responses=_CHANGES,
    openapi_extra=documented(Revocation),
)
async def revoke_role_version(
    key: str,
    number: Number,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
) -> Response:
    """Revoke one certified version of a job role."""
    body = await read(request, Revocation)
    done = await served.roles.revoke(caller, text(key), body.reason, number, correlation_id)
    return Json(_detail(done))
