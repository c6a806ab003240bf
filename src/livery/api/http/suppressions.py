"""Suppressed findings of versions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served, text
from livery.api.http.models import NewSuppression
from livery.api.http.problems import problems

router = APIRouter(tags=["skills"])


@router.post(
    "/skills/{key}/versions/{version}/suppressions",
    status_code=201,
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=documented(NewSuppression),
)
async def suppress(
    key: str,
    version: str,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
) -> Response:
    """Answer for a finding of a version, with a reason; by an approver or operator other than its author."""
    body = await read(request, NewSuppression)
    skill, found, finding = await served.suppressions.add(
        caller, text(key), text(version), body.fingerprint, body.reason, correlation_id
    )
    shown: dict[str, Any] = {
        "skill_key": skill.skill_key,
        "version": found.version,
        "fingerprint": body.fingerprint,
        "reason": body.reason.strip(),
        "by": caller.label,
        "finding": {
            name: getattr(finding, name)
            for name in ("rule", "severity", "code", "message", "file", "line")
        },
    }
    return Json(shown, 201)


@router.get("/skills/{key}/versions/{version}/suppressions", responses=problems(404))
async def list_suppressions(key: str, version: str, caller: Caller, served: Served) -> Response:
    """What is suppressed of a version, by whom and why."""
    skill, found, held = await served.suppressions.of(caller, text(key), text(version))
    badge = {"skill_key": skill.skill_key, "version": found.version}
    items = [
        {**badge, "fingerprint": name, "reason": item.reason, "by": item.by}
        for name, item in held.items()
    ]
    return Json({"items": items, "next_cursor": None})
