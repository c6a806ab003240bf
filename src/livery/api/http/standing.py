"""Registered targets, and standing approvals."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served, text
from livery.api.http.models import NewStandingApproval, NewTarget, Reason
from livery.api.http.problems import problems
from livery.api.http.render import time
from livery.services.approvals.types import RegisteredTarget, StandingGrant

router = APIRouter(tags=["approvals"])


@router.get("/workspaces/{workspace}/targets", responses=problems(404))
async def list_targets(workspace: str, caller: Caller, served: Served) -> Response:
    """Where standing approvals of this workspace may send to."""
    items = await served.targets.list(caller, text(workspace))
    return Json({"items": [_target(item) for item in items], "next_cursor": None})


@router.post(
    "/workspaces/{workspace}/targets",
    status_code=201,
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=documented(NewTarget),
)
async def register_target(
    workspace: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Register a target, `host` or `host:port`. It admits nothing by itself: a standing approval may name it."""
    body = await read(request, NewTarget)
    made = await served.targets.register(
        caller, text(workspace), body.target, body.note, correlation_id
    )
    return Json(_target(made), 201)


@router.delete(
    "/workspaces/{workspace}/targets/{target}",
    status_code=204,
    responses=problems(403, 404),
)
async def remove_target(
    workspace: str, target: str, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Remove a target: the standing approvals for it are revoked in the same moment."""
    await served.targets.remove(caller, text(workspace), text(target), correlation_id)
    return Response(status_code=204)


@router.get("/standing-approvals")
async def list_standing(caller: Caller, served: Served) -> Response:
    """Standing approvals, newest first: what is left of each, and until when."""
    items = await served.standing.list(caller)
    return Json({"items": [_standing(item) for item in items], "next_cursor": None})


@router.post(
    "/standing-approvals",
    status_code=201,
    responses=problems(403, 404, 413, 415, 422),
    openapi_extra=documented(NewStandingApproval),
)
async def grant_standing(
    request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Approve so many sendings of one skill to one registered target, until then. Each call that fits uses up one."""
    body = await read(request, NewStandingApproval)
    made = await served.standing.grant(
        caller,
        body.workspace,
        body.skill,
        body.target,
        runs=body.runs,
        days=body.expires_in_days,
        version=body.version,
        hired_agent_id=body.hired_agent_id,
        correlation_id=correlation_id,
    )
    return Json(_standing(made), 201)


@router.get("/standing-approvals/{standing_id}", responses=problems(404))
async def get_standing(standing_id: str, caller: Caller, served: Served) -> Response:
    """One standing approval."""
    return Json(_standing(await served.standing.get(caller, text(standing_id))))


@router.post(
    "/standing-approvals/{standing_id}/revoke",
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=documented(Reason),
)
async def revoke_standing(
    standing_id: str,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
) -> Response:
    """Take back what is left of it: the next call asks."""
    body = await read(request, Reason)
    done = await served.standing.revoke(caller, text(standing_id), body.reason, correlation_id)
    return Json(_standing(done))


def _target(item: RegisteredTarget) -> dict[str, Any]:
    return {
        "target": item.host,
        "note": item.note,
        "workspace_id": str(item.workspace_id),
        "registered_by": item.registered_by,
        "registered_at": time(item.registered_at),
    }


def _standing(item: StandingGrant) -> dict[str, Any]:
    return {
        "approval_id": item.standing_id,
        "state": item.state,
        "skill_key": item.skill_key,
        "version": item.version,
        "digest": item.digest,
        "action": item.action,
        "target": item.target,
        "policy_hash": item.policy_hash,
        "runs": item.total,
        "used": item.used,
        "workspace": item.workspace,
        "workspace_id": str(item.workspace_id),
        "hired_agent_id": str(item.hired_agent_id) if item.hired_agent_id else None,
        "agent": item.agent,
        "granted_by": item.granted_by,
        "granted_at": time(item.granted_at),
        "expires_at": time(item.expires_at),
        "revoked_by": item.revoked_by,
        "revoked_at": time(item.revoked_at),
        "reason": item.reason,
    }
