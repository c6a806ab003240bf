"""Tokens and workspaces."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from livery.api.http import render
from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served, text, uuid
from livery.api.http.models import NewToken, NewWorkspace, WorkspaceOrder
from livery.api.http.problems import problems

router = APIRouter(tags=["identity"])


@router.post(
    "/tokens",
    status_code=201,
    responses=problems(403, 404, 413, 415, 422),
    openapi_extra=documented(NewToken),
)
async def create_token(
    request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Make a token; it is shown this once."""
    body = await read(request, NewToken)
    token, info = await served.tokens.create(
        caller,
        body.role,
        workspace=body.workspace,
        hired_agent_id=body.hired_agent_id,
        name=body.name,
        expires_in_days=body.expires_in_days,
        correlation_id=correlation_id,
    )
    return Json({"token": token, **render.token(info)}, 201)


@router.get("/tokens", responses=problems(403))
async def list_tokens(caller: Caller, served: Served) -> Response:
    """The tokens that the caller may see, without their secrets."""
    items = [render.token(item) for item in await served.tokens.list(caller)]
    return Json({"items": items, "next_cursor": None})


@router.delete("/tokens/{token_id}", status_code=204, responses=problems(403, 404))
async def revoke_token(
    token_id: str, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Revoke a token: its next call is refused."""
    await served.tokens.revoke(caller, uuid(token_id, "token"), correlation_id)
    return Response(status_code=204)


@router.post(
    "/workspaces",
    status_code=201,
    responses=problems(403, 409, 413, 415, 422),
    openapi_extra=documented(NewWorkspace),
)
async def create_workspace(
    request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Add a workspace."""
    body = await read(request, NewWorkspace)
    made = await served.workspaces.create(
        caller,
        body.name,
        slug=body.slug,
        timezone=body.timezone,
        correlation_id=correlation_id,
    )
    return Json(render.workspace(made), 201)


@router.patch(
    "/workspaces/{workspace}",
    responses=problems(403, 404, 413, 415, 422),
    openapi_extra=documented(WorkspaceOrder),
)
async def set_workspace(
    workspace: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Say who may approve in a workspace."""
    body = await read(request, WorkspaceOrder)
    done = await served.workspaces.configure(
        caller,
        text(workspace),
        four_eyes=body.four_eyes,
        delegated_approval=body.delegated_approval,
        correlation_id=correlation_id,
    )
    return Json(render.workspace(done))


@router.get("/workspaces")
async def list_workspaces(caller: Caller, served: Served) -> Response:
    """The workspaces that the caller may see."""
    items = [render.workspace(item) for item in await served.workspaces.list(caller)]
    return Json({"items": items, "next_cursor": None})
