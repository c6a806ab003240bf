"""Sign-offs of versions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from livery.api.http import render
from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served, text
from livery.api.http.models import NewSignOff
from livery.api.http.problems import problems
from livery.services.catalog.types import Skill, Version
from livery.services.certification.types import SignOff

router = APIRouter(tags=["skills"])


@router.post(
    "/skills/{key}/versions/{version}/sign-offs",
    status_code=201,
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=documented(NewSignOff),
)
async def sign_off(
    key: str,
    version: str,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
) -> Response:
    """Sign a version's digest off: by an approver or operator other than its author."""
    body = await read(request, NewSignOff)
    skill, found, signed = await served.sign_offs.add(
        caller, text(key), text(version), body.note, correlation_id
    )
    return Json(_shown(skill, found, signed), 201)


@router.get("/skills/{key}/versions/{version}/sign-offs", responses=problems(404))
async def list_sign_offs(key: str, version: str, caller: Caller, served: Served) -> Response:
    """Who signed a version's digest off, oldest first."""
    skill, found, held = await served.sign_offs.of(caller, text(key), text(version))
    return Json({"items": [_shown(skill, found, item) for item in held], "next_cursor": None})


def _shown(skill: Skill, found: Version, signed: SignOff) -> dict[str, Any]:
    return {
        "skill_key": skill.skill_key,
        "version": found.version,
        "digest": found.digest,
        "approver": signed.approver,
        "note": signed.note,
        "signed_at": render.time(signed.signed_at),
    }
