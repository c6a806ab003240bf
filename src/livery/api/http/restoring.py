"""Packages that were changed on this machine, put right."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from livery.api.http.door import Caller, CorrelationId, Json, Served, text
from livery.api.http.problems import problems
from livery.services.catalog.types import Skill
from livery.services.runs.restoring import Looked

router = APIRouter(tags=["skills"])
_RESPONSES = problems(403, 404)


def _done(skill: Skill, looked: list[Looked]) -> Response:
    versions = [
        {
            "version": item.version.version,
            "digest": item.version.digest,
            "state": item.state,
            "found": item.found,
        }
        for item in looked
    ]
    return Json({"skill_key": skill.skill_key, "workspace": skill.workspace, "versions": versions})


@router.post("/skills/{key}/restore", responses=_RESPONSES)
async def restore_skill(
    key: str, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Put the certified code of every version back where it was changed on the platform's machine."""
    return _done(*await served.restoring.restore(caller, text(key), None, correlation_id))


@router.post("/skills/{key}/versions/{version}/restore", responses=_RESPONSES)
async def restore_version(
    key: str, version: str, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """The same of one version."""
    return _done(*await served.restoring.restore(caller, text(key), text(version), correlation_id))
