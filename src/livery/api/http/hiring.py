"""Agent types and hired agents."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from livery.api.http import render
from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served
from livery.api.http.models import NewHire
from livery.api.http.problems import problems

router = APIRouter(tags=["hiring"])


@router.get("/agent-types")
async def list_agent_types(caller: Caller, served: Served) -> Response:  # noqa: ARG001 - any caller
    """The agent types on offer."""
    items = [render.agent_type(item) for item in await served.hiring.types()]
    return Json({"items": items, "next_cursor": None})


@router.post(
    "/hired-agents",
    status_code=201,
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=documented(NewHire),
)
async def hire(
    request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Hire an agent for a workspace."""
    body = await read(request, NewHire)
    agent = await served.hiring.hire(
        caller, body.agent_type, body.workspace, body.name, correlation_id
    )
    return Json(render.hired_agent(agent), 201)


@router.get("/hired-agents")
async def list_hired_agents(caller: Caller, served: Served) -> Response:
    """The hired agents that the caller sees."""
    items = [render.hired_agent(item) for item in await served.hiring.list(caller)]
    return Json({"items": items, "next_cursor": None})
