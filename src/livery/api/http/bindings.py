"""Bindings: what fills the slots of a workspace."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served, text
from livery.api.http.models import NO_NUL, NewBinding
from livery.api.http.problems import problems
from livery.api.http.render import time
from livery.services.bindings.types import Binding, Move

router = APIRouter(tags=["bindings"])
Workspace = Annotated[str | None, Query(max_length=128, pattern=NO_NUL)]


def _binding(item: Binding) -> dict[str, Any]:
    return {
        "slot": item.slot,
        "workspace": item.workspace,
        "workspace_id": str(item.workspace_id),
        "skill_id": str(item.target.skill_id),
        "skill_key": item.target.skill_key,
        "version": item.target.version,
        "channel": item.target.channel,
        "resolved_version": item.resolved.version or None,
        "status": item.resolved.status,
        "reason": item.resolved.reason,
        "bound_by": item.bound_by,
        "bound_at": time(item.bound_at),
    }


def _move(item: Move) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "skill_key": item.target.skill_key,
        "version": item.target.version,
        "channel": item.target.channel,
        "moved_by": item.moved_by,
        "moved_at": time(item.moved_at),
    }


@router.get("/bindings", responses=problems(404, 422))
async def list_bindings(caller: Caller, served: Served, workspace: Workspace = None) -> Response:
    """What is bound in a workspace; without one, in all that the caller sees."""
    items = await served.bindings.list(caller, workspace)
    return Json({"items": [_binding(item) for item in items], "next_cursor": None})


@router.get("/bindings/{slot}", responses=problems(404, 422))
async def get_binding(
    slot: str, caller: Caller, served: Served, workspace: Workspace = None
) -> Response:
    """What fills a slot, the version that is now, and the slot's history."""
    found, moves = await served.bindings.get(caller, workspace, text(slot))
    return Json({**_binding(found), "history": [_move(item) for item in moves]})


@router.put(
    "/bindings/{slot}",
    responses=problems(403, 404, 413, 415, 422),
    openapi_extra=documented(NewBinding),
)
async def set_binding(
    slot: str,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
    workspace: Workspace = None,
) -> Response:
    """Fill a slot with a certified version or with what a channel names; 422 says why a version may not."""
    new = await read(request, NewBinding)
    done = await served.bindings.bind(
        caller,
        workspace,
        text(slot),
        new.skill,
        version=new.version,
        channel=new.channel,
        correlation_id=correlation_id,
    )
    return Json(_binding(done))


@router.post("/bindings/{slot}/rollback", responses=problems(403, 404, 409, 422))
async def roll_back_binding(
    slot: str,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
    workspace: Workspace = None,
) -> Response:
    """Fill a slot with what it held before; refused where that was revoked."""
    done = await served.bindings.roll_back(caller, workspace, text(slot), correlation_id)
    return Json(_binding(done))


@router.delete("/bindings/{slot}", status_code=204, responses=problems(403, 404, 422))
async def remove_binding(
    slot: str,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
    workspace: Workspace = None,
) -> Response:
    """Leave a slot empty."""
    await served.bindings.unbind(caller, workspace, text(slot), correlation_id)
    return Response(status_code=204)
