"""Policies: versions, cases, previews."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from livery.api.http.bodies import documented, read
from livery.api.http.door import Caller, CorrelationId, Json, Served
from livery.api.http.models import NewPolicy
from livery.api.http.problems import problems
from livery.api.http.render import time
from livery.kernel.policy_cases import CaseResult
from livery.services.policies.types import PolicyVersion, Preview

router = APIRouter(tags=["policies"])


def _policy(item: PolicyVersion) -> dict[str, Any]:
    return {
        "version": item.version,
        "policy_hash": item.policy_hash,
        "active": item.active,
        "note": item.note,
        "cases": len(item.cases),
        "created_by": item.created_by,
        "created_at": time(item.created_at),
    }


def _case(item: CaseResult) -> dict[str, Any]:
    return {
        "name": item.name,
        "ok": item.ok,
        "expect": item.expect,
        "got": item.got,
        "policies": list(item.policies),
    }


def _preview(item: Preview) -> dict[str, Any]:
    return {
        "version": item.version,
        "active_hash": item.active_hash,
        "runs": item.runs,
        "same": item.same,
        "changes": [
            {
                "run_id": str(change.run_id),
                "skill_key": change.skill_key,
                "principal": change.principal,
                "before": change.before,
                "after": change.after,
                "policies": list(change.policies),
            }
            for change in item.changes
        ],
    }


@router.get("/policies", responses=problems(403))
async def list_policies(caller: Caller, served: Served) -> Response:
    """Versions, newest first."""
    items = await served.policies.versions(caller)
    return Json({"items": [_policy(item) for item in items], "next_cursor": None})


@router.post(
    "/policies",
    status_code=201,
    responses=problems(403, 413, 415, 422),
    openapi_extra=documented(NewPolicy),
)
async def add_policy(
    request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Keep a version. It must decide each of its cases as written; it decides nothing else yet."""
    body = await read(request, NewPolicy)
    done = await served.policies.add(caller, body.text, body.cases, body.note, correlation_id)
    return Json(_policy(done), 201)


@router.get("/policies/{version}", responses=problems(403, 404))
async def get_policy(version: int, caller: Caller, served: Served) -> Response:
    """One version with its text and what becomes of its cases."""
    found = await served.policies.get(caller, version)
    results = await served.policies.test(caller, version)
    cases = [dict(case) for case in found.cases]
    return Json(
        {
            **_policy(found),
            "text": found.text,
            "case_documents": cases,
            "results": [_case(item) for item in results],
        }
    )


@router.get("/policies/{version}/preview", responses=problems(403, 404))
async def preview_policy(version: int, caller: Caller, served: Served) -> Response:
    """What this version would have decided over the last 1,000 runs."""
    return Json(_preview(await served.policies.preview(caller, version)))


@router.post("/policies/{version}/activate", responses=problems(403, 404, 422))
async def activate_policy(
    version: int, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Let a version decide, from the next call on; an older one is the way back."""
    return Json(_policy(await served.policies.activate(caller, version, correlation_id)))
