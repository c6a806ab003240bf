"""The end of versions: impact, deprecate, revoke, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livery.api.http import render
from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served, text
from livery.api.http.models import NO_NUL, Deprecation, SkillRevocation
from livery.api.http.problems import problems
from livery.services.catalog.impact import Impact
from livery.services.catalog.types import Skill, Version

router = APIRouter(tags=["skills"])
_CHANGES = problems(403, 404, 409, 413, 415, 422)
Channel = Annotated[str | None, Query(max_length=32, pattern=NO_NUL)]


def rendered_impact(item: Impact) -> dict[str, Any]:
    """Who uses a skill; `version` is None where all of its versions are meant."""
    return {
        "skill_key": item.skill_key,
        "version": item.version,
        "uses": [
            {
                "kind": use.kind,
                "ref": use.ref,
                "name": use.name,
                "workspace": item.workspaces.get(use.workspace_id, str(use.workspace_id)),
                "version": use.version,
                "channel": use.channel,
            }
            for use in item.uses
        ],
        "count": len(item.uses),
        "kinds": item.kinds,
    }


def _done(skill: Skill, found: Version, impact: Impact) -> dict[str, Any]:
    """The skill as it is now, the version that was changed, and who used it."""
    changed = {"version": found.version, "digest": found.digest, "status": found.status}
    return {**render.skill(skill), "changed": changed, "impact": rendered_impact(impact)}


@router.get("/skills/{key}/impact", responses=problems(404, 422))
async def get_impact(key: str, caller: Caller, served: Served, channel: Channel = None) -> Response:
    """Who uses any version of a skill, in the workspaces that you see; with `channel` those that follow it."""
    return Json(rendered_impact(await served.retirement.impact(caller, text(key), None, channel)))


@router.get("/skills/{key}/versions/{version}/impact", responses=problems(404, 422))
async def get_version_impact(key: str, version: str, caller: Caller, served: Served) -> Response:
    """Who uses a version, in the workspaces that you see."""
    return Json(rendered_impact(await served.retirement.impact(caller, text(key), text(version))))


@router.post(
    "/skills/{key}/versions/{version}/deprecate",
    responses=_CHANGES,
    openapi_extra=documented(Deprecation),
)
async def deprecate_version(
    key: str,
    version: str,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
) -> Response:
    """Offer a version no longer: what holds it goes on, nothing new takes it up."""
    body = await read(request, Deprecation)
    return Json(
        _done(
            *await served.retirement.deprecate(
                caller, text(key), text(version), body.reason, correlation_id
            )
        )
    )


@router.post("/skills/{key}/deprecate", responses=_CHANGES, openapi_extra=documented(Deprecation))
async def deprecate_newest(
    key: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Offer the newest version no longer."""
    body = await read(request, Deprecation)
    return Json(
        _done(
            *await served.retirement.deprecate(caller, text(key), None, body.reason, correlation_id)
        )
    )


@router.post(
    "/skills/{key}/versions/{version}/revoke",
    responses=_CHANGES,
    openapi_extra=documented(SkillRevocation),
)
async def revoke_version(
    key: str,
    version: str,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
) -> Response:
    """Revoke a version: its next call is refused, in every process."""
    return await _revoke(request, caller, served, text(key), text(version), correlation_id)


@router.post("/skills/{key}/revoke", responses=_CHANGES, openapi_extra=documented(SkillRevocation))
async def revoke_newest(
    key: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Revoke the newest version."""
    return await _revoke(request, caller, served, text(key), None, correlation_id)


async def _revoke(
    request: Request,
    caller: Caller,
    served: Served,
    key: str,
    version: str | None,
    correlation_id: str,
) -> Response:
    body = await read(request, SkillRevocation)
    done = await served.retirement.revoke(
        caller, key, version, body.reason, correlation_id, in_flight=body.in_flight
    )
    return Json(_done(*done))


@router.delete("/skills/{key}", responses=problems(403, 404, 409))
async def delete_skill(
    key: str, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Delete all versions of a skill, if nothing ever used them."""
    return _gone(*await served.retirement.delete(caller, text(key), None, correlation_id))


@router.delete("/skills/{key}/versions/{version}", responses=problems(403, 404, 409))
async def delete_version(
    key: str, version: str, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Delete a version, if nothing ever used it."""
    return _gone(*await served.retirement.delete(caller, text(key), text(version), correlation_id))


def _gone(skill: Skill, gone: list[Version]) -> Response:
    deleted = [{"version": item.version, "digest": item.digest} for item in gone]
    return Json({**render.skill(skill), "deleted": deleted})
