"""Artifacts and their provenance."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from livery.api.http import render
from livery.api.http.catalog import Limit
from livery.api.http.door import Caller, Json, Served, uuid
from livery.api.http.models import NO_NUL
from livery.api.http.problems import problems

router = APIRouter(tags=["artifacts"])


@router.get("/artifacts", responses=problems(404, 422))
async def list_artifacts(
    caller: Caller,
    served: Served,
    run_id: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    kind: Annotated[
        str | None, Query(max_length=200, pattern=NO_NUL, description="the artifact's name")
    ] = None,
    cursor: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    limit: Limit = 50,
) -> Response:
    """Artifacts, newest first."""
    items = await served.artifacts.search(
        caller,
        run_id=uuid(run_id, "run") if run_id else None,
        name=kind,
        before=uuid(cursor, "cursor") if cursor else None,
        limit=limit,
    )
    following = str(items[-1].artifact_id) if len(items) == limit else None
    return Json({"items": [render.artifact(item) for item in items], "next_cursor": following})


@router.get("/artifacts/{artifact_id}", responses=problems(404))
async def get_artifact(artifact_id: str, caller: Caller, served: Served) -> Response:
    """One artifact without its bytes."""
    found = await served.artifacts.get(caller, uuid(artifact_id, "artifact"))
    return Json(render.artifact(found))


@router.get("/artifacts/{artifact_id}/content", responses=problems(404))
async def get_content(artifact_id: str, caller: Caller, served: Served) -> Response:
    """The bytes of an artifact. Sent so that no browser runs what a skill wrote."""
    artifact, content = await served.artifacts.content(caller, uuid(artifact_id, "artifact"))
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "attachment",
        "ETag": f'"{artifact.sha256}"',
    }
    return Response(content, headers=headers, media_type=artifact.media_type)


@router.get("/artifacts/{artifact_id}/provenance", responses=problems(404))
async def get_provenance(artifact_id: str, caller: Caller, served: Served) -> Response:
    """Where an artifact comes from: all that is needed to verify it offline."""
    found = await served.artifacts.provenance(caller, uuid(artifact_id, "artifact"))
    return Json(render.provenance(found))
