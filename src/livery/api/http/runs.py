"""Runs: execute, list, show."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from livery.api.http import render
from livery.api.http.bodies import invalid, unread_body
from livery.api.http.catalog import Limit
from livery.api.http.door import (
    Caller,
    Json,
    Served,
    Written,
    bearer_token,
    correlation_id,
    header,
    services,
    uuid,
)
from livery.api.http.models import NO_NUL, NewRun
from livery.api.http.problems import problems
from livery.api.http.services import Services
from livery.manifest.denylist import find_secret
from livery.manifest.errors import LiveryError, Violation
from livery.services.identity.types import Principal
from livery.services.runs.queries import WAITING
from livery.services.runs.types import Call

router = APIRouter(tags=["runs"])
_BODY: dict[str, Any] = {
    "security": [{"HTTPBearer": []}],
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": NewRun.model_json_schema()}},
    },
}
_WAITS: dict[str, Any] = {
    "202": {
        "description": "It waits for its approval, or works.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}


@router.post(
    "/runs",
    responses=problems(401, 403, 404, 409, 413, 415, 422, 429, 503),
    openapi_extra=_BODY | {"responses": _WAITS},
)
async def create_run(request: Request) -> Response:
    """Execute a skill and answer its envelope. A denial is a problem document that carries the envelope too.

    With `wait_for_approval` a call that lacks its approval is 202: it is started under its `run_id` when the approval
    is granted.
    """
    # Read by hand, without FastAPI's dependencies: this is the hot path.
    served = services(request)
    principal = await served.tokens.authenticate_for_run(bearer_token(request))
    try:
        new = NewRun.model_validate(await unread_body(request, "input"))
    except ValidationError as error:
        raise invalid(error) from None
    skill, version, channel = await _called(served, principal, new)
    key = header(request, "idempotency-key")
    # These are kept with the run as they are; the input is judged by the run itself.
    if find_secret([key, new.approval_id]) is not None:
        raise LiveryError("secret_in_payload", "A key or an approval id holds a raw secret.")
    envelope = await served.runner.run(
        Call(
            principal,
            skill,
            new.input,
            new.workspace,
            new.hired_agent_id,
            version,
            channel,
            new.dry_run,
            new.approval_id,
            key,
            correlation_id(request),
            wait_for_approval=new.wait_for_approval,
        )
    )
    if envelope.status not in WAITING:
        return Written(envelope.encoded or orjson.dumps(envelope.to_dict()))
    answer = Json(envelope.to_dict(), 202)
    answer.headers["Location"] = f"/v1/runs/{envelope.run_id}"
    return answer


async def _called(
    served: Services, caller: Principal, new: NewRun
) -> tuple[str, str | None, str | None]:
    """The skill, version and channel of a call: as named, or as the slot of its workspace is bound."""
    named = [name for name in (new.skill_key, new.skill_id, new.binding) if name]
    if len(named) != 1:
        raise LiveryError(
            "validation_error",
            "Name the skill by skill_key or by skill_id, or a binding.",
            violations=(Violation("/skill_key", "one of skill_key, skill_id and binding"),),
        )
    if new.binding is None:
        return named[0], new.version, new.channel
    if new.version is not None or new.channel is not None:
        raise LiveryError(
            "validation_error",
            "A call through a binding takes the version that is bound.",
            violations=(Violation("/version", "not beside a binding"),),
        )
    bound = await served.bindings.target(caller, new.workspace, new.binding)
    return str(bound.skill_id), bound.version, bound.channel


@router.get("/runs", responses=problems(404, 422))
async def list_runs(
    caller: Caller,
    served: Served,
    status: Annotated[str | None, Query(max_length=32, pattern=NO_NUL)] = None,
    code: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    skill_key: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    cursor: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    limit: Limit = 50,
) -> Response:
    """Runs and denials, newest first. `status` is one of those that a run has, else 422 names them."""
    items = await served.runs.search(
        caller,
        status=status,
        code=code,
        skill_key=skill_key,
        before=uuid(cursor, "cursor") if cursor else None,
        limit=limit,
    )
    following = str(items[-1].run_id) if len(items) == limit else None
    return Json({"items": [render.run(item) for item in items], "next_cursor": following})


@router.get("/runs/{run_id}/explain", responses=problems(404))
async def explain_run(run_id: str, caller: Caller, served: Served) -> Response:
    """Which rule decided a run, by which facts, what would allow it, and what the same call would get now."""
    return Json(await served.explainer.explain(caller, uuid(run_id, "run")))


@router.get("/runs/{run_id}", responses=problems(404))
async def get_run(run_id: str, caller: Caller, served: Served) -> Response:
    """One run with its input and envelope."""
    return Json(render.run_detail(await served.runs.get(caller, uuid(run_id, "run"))))


@router.post("/runs/{run_id}/cancel", responses=problems(403, 404, 409))
async def cancel_run(run_id: str, caller: Caller, served: Served) -> Response:
    """Cancel a run that waits for its approval, or to be started."""
    done = await served.waiting.cancel(caller, uuid(run_id, "run"))
    return Json(render.run_detail(done))
