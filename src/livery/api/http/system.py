"""Health, readiness, metrics, keys, and who one is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from livery.api.http.door import Caller, Json, Served
from livery.api.http.services import NotReady
from livery.manifest.denylist import redact_text
from livery.manifest.errors import LiveryError

router = APIRouter(tags=["system"])
open_router = APIRouter(tags=["system"])


@open_router.get("/health")
async def health(served: Served) -> Response:
    """The process answers."""
    return Json({"status": "ok", "version": served.version})


@open_router.get("/ready", responses={503: {"description": "Something that is needed is missing."}})
async def ready(served: Served) -> Response:
    """What the platform needs in order to work, each with what was found."""
    checks: dict[str, Any] = {}
    for name, check in served.ready.items():
        try:
            checks[name] = {"ok": True, "detail": await check()}
        except Exception as error:
            said = (
                str(error) if isinstance(error, LiveryError) else f"{type(error).__name__}: {error}"
            )
            checks[name] = {"ok": False, "detail": redact_text(said)[:200]}
            if isinstance(error, NotReady):
                checks[name]["remedy"] = error.remedy
    whole = all(check["ok"] for check in checks.values())
    status = "ready" if whole else "degraded"
    return Json({"status": status, "checks": checks}, 200 if whole else 503)


@open_router.get("/metrics")
async def metrics(served: Served) -> Response:
    """Prometheus metrics. Counts only: no tenant, no argument, no name of a person."""
    return Response(served.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


@open_router.get("/keys")
async def keys(served: Served) -> Response:
    """The public keys that verify certificates, provenance and checkpoints, and the state of each.

    `active` signs, `former` verifies what it signed, `retired` too, but the certificates that it signed count no more.
    """
    return Json(
        {
            "keys": {key: pem.decode() for key, pem in served.public_keys().items()},
            "states": served.key_states(),
        }
    )


@router.get("/whoami")
async def whoami(caller: Caller, served: Served) -> Response:
    """Whose token this is."""
    workspace = None
    if caller.workspace_id is not None:
        found = await served.access.workspace(caller, None)
        workspace = {"id": str(found.workspace_id), "slug": found.slug}
    return Json(
        {
            "principal": caller.name,
            "role": caller.role,
            "workspace": workspace,
            "hired_agent_id": str(caller.hired_agent_id) if caller.hired_agent_id else None,
        }
    )
