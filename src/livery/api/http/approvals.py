"""Approvals of actions, and grants of code."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served, text, uuid
from livery.api.http.models import NO_NUL, ApprovalDenial, ApprovalGrant, Reason
from livery.api.http.problems import problems
from livery.api.http.render import time
from livery.services.approvals.types import Approval, CodeGrant

router = APIRouter(tags=["approvals"])
_OPTIONAL = {"required": False}


def _optional(model: Any) -> dict[str, Any]:
    described = documented(model)
    described["requestBody"] = {**described["requestBody"], **_OPTIONAL}
    return described


@router.get("/approvals", responses=problems(422))
async def list_approvals(
    caller: Caller,
    served: Served,
    state: Annotated[str | None, Query(max_length=16, pattern=NO_NUL)] = None,
    cursor: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """Approvals, newest first; `state=requested` is what waits for a decision."""
    items = await served.approvals.list(caller, state=state, before=cursor, limit=limit)
    following = items[-1].approval_id if len(items) == limit else None
    return Json({"items": [_shown(item) for item in items], "next_cursor": following})


@router.get("/approvals/{approval_id}", responses=problems(404))
async def get_approval(approval_id: str, caller: Caller, served: Served) -> Response:
    """One approval: what would be done, by which code, where to, for whom."""
    return Json(_shown(await served.approvals.get(caller, text(approval_id))))


@router.post(
    "/approvals/{approval_id}/grant",
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=_optional(ApprovalGrant),
)
async def grant(
    approval_id: str,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
) -> Response:
    """Grant a request: the same call with this `approval_id` runs, once. `always_allow` grants the code besides."""
    body = await _body(request, ApprovalGrant)
    done = await served.approvals.grant(
        caller, text(approval_id), correlation_id, decision=body.decision
    )
    return Json(_shown(done))


@router.post(
    "/approvals/{approval_id}/deny",
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=_optional(ApprovalDenial),
)
async def deny(
    approval_id: str,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
) -> Response:
    """Deny a request; with `remember` this code is denied from now on."""
    body = await _body(request, ApprovalDenial)
    done = await served.approvals.deny(
        caller, text(approval_id), correlation_id, remember=body.remember, reason=body.reason
    )
    return Json(_shown(done))


@router.post(
    "/approvals/{approval_id}/revoke",
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=documented(Reason),
)
async def revoke(
    approval_id: str,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
) -> Response:
    """Take back what was granted and not used yet."""
    body = await read(request, Reason)
    return Json(
        _shown(
            await served.approvals.revoke(caller, text(approval_id), body.reason, correlation_id)
        )
    )


@router.get("/code-grants")
async def list_code_grants(caller: Caller, served: Served) -> Response:
    """Code that was allowed or denied once for all, newest first."""
    items = await served.code_grants.list(caller)
    return Json({"items": [_granted(item) for item in items], "next_cursor": None})


@router.delete("/code-grants/{grant_id}", status_code=204, responses=problems(403, 404))
async def revoke_code_grant(
    grant_id: str, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Forget a grant of code, or a denial that was remembered: the next call asks again."""
    await served.code_grants.revoke(caller, uuid(grant_id, "grant of code"), correlation_id)
    return Response(status_code=204)


async def _body(request: Request, model: Any) -> Any:
    """The body, or the defaults where none was sent."""
    if not await request.body():
        return model()
    return await read(request, model)


def _shown(item: Approval) -> dict[str, Any]:
    return {
        "approval_id": item.approval_id,
        "state": item.state,
        "decision": item.decision,
        "skill_key": item.skill_key,
        "version": item.version,
        "digest": item.digest,
        "action": item.action,
        "target": item.target,
        "input": item.input,
        "args_hash": item.args_hash,
        "policy_hash": item.policy_hash,
        "security_hash": item.security_hash,
        "workspace": item.workspace,
        "workspace_id": str(item.workspace_id),
        "hired_agent_id": str(item.hired_agent_id) if item.hired_agent_id else None,
        "agent": item.agent,
        "requested_by": item.requested_by,
        "decided_by": item.decided_by,
        "reason": item.reason,
        "run_id": str(item.run_id) if item.run_id else None,
        "created_at": time(item.created_at),
        "decided_at": time(item.decided_at),
        "expires_at": time(item.expires_at),
    }


def _granted(item: CodeGrant) -> dict[str, Any]:
    return {
        "grant_id": str(item.grant_id),
        "decision": item.decision,
        "skill_key": item.skill_key,
        "security_hash": item.security_hash,
        "workspace_id": str(item.workspace_id),
        "hired_agent_id": str(item.hired_agent_id) if item.hired_agent_id else None,
        "decided_by": item.decided_by,
        "decided_at": time(item.decided_at),
        "approval_id": item.approval_id,
    }
