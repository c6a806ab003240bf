"""Packages in, many at once, and what was said of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livery.api.http.door import Caller, CorrelationId, Json, Served
from livery.api.http.models import NO_NUL
from livery.api.http.owned import Workspace, after, cursor_of
from livery.api.http.problems import problems
from livery.manifest.errors import LiveryError
from livery.services.catalog.owners import REGISTER
from livery.services.identity.access import require

router = APIRouter(tags=["skills"])
MAX_TREE = 80 * 1024 * 1024
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
Commit = Annotated[str | None, Query(pattern="^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.post("/skills/batch", responses=problems(403, 404, 413, 415, 422), openapi_extra=_BODY)
async def load_skills(
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
    commit: Commit = None,
    dirty: bool = False,
    workspace: Workspace = None,
) -> Response:
    """Register every package of a zip, each by itself; `commit` and `dirty` say what was loaded from a work tree.

    For the platform, or for a workspace; a customer's admin adds to the own one. A workspace's own hold no code.
    """
    require(caller, *REGISTER)  # before 80 MB are taken in
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/zip":
        raise LiveryError("unsupported_media_type", "Send a zip, as application/zip.")
    source = {"commit": commit, "dirty": dirty} if commit else None
    report = await served.loader.load(
        caller,
        await _bytes(request),
        workspace=workspace,
        source=source,
        correlation_id=correlation_id,
    )
    loaded = [
        {
            "path": item.path,
            "key": item.skill_key,
            "version": item.version,
            "digest": item.digest,
            "status": item.status,
            "diagnostics": [found.to_dict() for found in item.diagnostics],
        }
        for item in report.loaded
    ]
    rejected = [
        {"path": item.path, "diagnostics": [found.to_dict() for found in item.diagnostics]}
        for item in report.rejected
    ]
    return Json({"loaded": loaded, "rejected": rejected})


@router.get("/skill-diagnostics", responses=problems(422))
async def list_diagnostics(
    caller: Caller,
    served: Served,
    cursor: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    limit: Limit = 100,
) -> Response:
    """What the loader said of the newest version of each skill that you see, by key, where it said something."""
    found = await served.loader.said(caller, after(cursor), limit)
    items = [
        {
            "key": item.skill_key,
            "workspace": item.workspace,
            "version": item.version,
            "diagnostics": [said.to_dict() for said in item.diagnostics],
        }
        for item in found
    ]
    following = cursor_of(found[-1]) if len(found) == limit else None
    return Json({"items": items, "next_cursor": following})


async def _bytes(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_TREE:
            raise LiveryError(
                "payload_too_large", f"A tree of packages is at most {MAX_TREE} bytes."
            )
        chunks.append(chunk)
    return b"".join(chunks)
