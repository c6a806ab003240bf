"""Effects of runs, and the settling of unknown ones."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served
from livery.api.http.models import NO_NUL, Resolution
from livery.api.http.problems import problems
from livery.api.http.render import time
from livery.services.effects.types import Effect

router = APIRouter(tags=["effects"])


def _effect(item: Effect) -> dict[str, Any]:
    return {
        "effect_id": str(item.effect_id),
        "run_id": str(item.run_id),
        "workspace_id": str(item.workspace_id),
        "action": item.action,
        "target": item.target,
        "request_hash": item.request_hash,
        "state": item.state,
        "evidence": item.evidence,
        "at": time(item.at) if item.at else None,
    }


@router.get("/effects", responses=problems(422))
async def list_effects(
    caller: Caller,
    served: Served,
    run_id: UUID | None = None,
    state: Annotated[str | None, Query(max_length=16, pattern=NO_NUL)] = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """What runs did to the world outside, newest first; `state=unknown` is what waits for a decision."""
    items = await served.effects.list(
        caller, run_id=run_id, state=state, before=cursor, limit=limit
    )
    following = str(items[-1].effect_id) if len(items) == limit else None
    return Json({"items": [_effect(item) for item in items], "next_cursor": following})


@router.post(
    "/runs/{run_id}/resolve",
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=documented(Resolution),
)
async def resolve_run(
    run_id: UUID, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Settle an `unknown` run as succeeded or failed, by what somebody found out."""
    body = await read(request, Resolution)
    status = await served.effects.resolve(
        caller, run_id, body.outcome, body.evidence, correlation_id
    )
    return Json({"run_id": str(run_id), "status": status})
