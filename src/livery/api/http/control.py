"""Kill switches, pause and resume."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served, text
from livery.api.http.models import Reason, SwitchOrder
from livery.api.http.problems import problems
from livery.api.http.render import time
from livery.services.control.types import AgentState, KillSwitch

router = APIRouter(tags=["control"])


def _switch(item: KillSwitch) -> dict[str, Any]:
    return {
        "scope": item.scope,
        "target": None if item.scope == "all" else str(item.target),
        "reason": item.reason,
        "engaged_by": item.engaged_by,
        "engaged_at": time(item.engaged_at),
    }


def _agent(item: AgentState) -> dict[str, Any]:
    return {
        "hired_agent_id": str(item.hired_agent_id),
        "name": item.name,
        "status": item.status,
    }


@router.get("/kill-switches", responses=problems(403))
async def list_switches(caller: Caller, served: Served) -> Response:
    """The engaged switches that concern the caller."""
    items = await served.control.switches(caller)
    return Json({"items": [_switch(item) for item in items], "next_cursor": None})


@router.post(
    "/kill-switches",
    status_code=201,
    responses=problems(403, 404, 413, 415, 422),
    openapi_extra=documented(SwitchOrder),
)
async def engage(
    request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Stop everything in a scope: `all`, a `workspace` or an `agent`. The next call is refused, everywhere."""
    body = await read(request, SwitchOrder)
    done = await served.control.engage(caller, body.scope, body.target, body.reason, correlation_id)
    return Json(_switch(done), 201)


@router.post(
    "/kill-switches/release",
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=documented(SwitchOrder),
)
async def release(
    request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Let a scope run again."""
    body = await read(request, SwitchOrder)
    await served.control.release(caller, body.scope, body.target, body.reason, correlation_id)
    return Json({"scope": body.scope, "target": body.target, "engaged": False})


@router.post(
    "/hired-agents/{agent}/pause",
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=documented(Reason),
)
async def pause(
    agent: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Pause a hired agent, by id or name: its next call is refused."""
    body = await read(request, Reason)
    return Json(
        _agent(await served.control.pause(caller, text(agent), body.reason, correlation_id))
    )


@router.post(
    "/hired-agents/{agent}/resume",
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=documented(Reason),
)
async def resume(
    agent: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Let a paused agent work again."""
    body = await read(request, Reason)
    return Json(
        _agent(await served.control.resume(caller, text(agent), body.reason, correlation_id))
    )
