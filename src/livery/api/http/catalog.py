"""Skills: register, list, show."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from livery.api.http import render
from livery.api.http.bodies import read
from livery.api.http.door import Caller, CorrelationId, Json, Served, text
from livery.api.http.models import NO_NUL, NewSkill
from livery.api.http.owned import Workspace, after, cursor_of, one_of
from livery.api.http.problems import problems
from livery.manifest.errors import LiveryError
from livery.services.catalog.types import Listing

router = APIRouter(tags=["skills"])
MAX_UPLOAD = 32 * 1024 * 1024
Limit = Annotated[int, Query(ge=1, le=500)]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": NewSkill.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"package": {"type": "string", "format": "binary"}},
                    "required": ["package"],
                }
            },
        },
    }
}


@router.post(
    "/skills",
    status_code=201,
    responses=problems(403, 404, 409, 413, 415, 422),
    openapi_extra=_BODY,
)
async def create_skill(
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
    workspace: Workspace = None,
) -> Response:
    """Add an instructions-only skill (JSON), or a version from a zipped package (multipart `package`).

    For the platform, or for a workspace; a customer's admin adds to the own one. A workspace's own hold no code.
    """
    if request.headers.get("content-type", "").startswith("multipart/"):
        made = await served.loader.take(
            caller, await _upload(request), correlation_id, workspace=workspace
        )
        return Json(render.skill(made), 201)
    new = await read(request, NewSkill)
    made = await served.catalog.create(
        caller,
        new.name,
        new.description,
        new.category,
        skill_key=new.skill_key,
        workspace=one_of(workspace, new.workspace),
        correlation_id=correlation_id,
    )
    return Json(render.skill(made), 201)


async def _upload(request: Request) -> bytes:
    parser = MultiPartParser(request.headers, _bounded(request), max_files=1, max_fields=1)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise LiveryError("validation_error", "The body is no multipart form.") from None
    try:
        part = form.get("package")
        if part is None or isinstance(part, str):
            raise LiveryError("validation_error", "Send the zip as the part `package`.")
        return await part.read()
    finally:
        await form.close()


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    # The parser writes what comes to disk, so that it is counted before.
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_UPLOAD:
            raise LiveryError("payload_too_large", f"A package is at most {MAX_UPLOAD} bytes.")
        yield chunk


@router.get("/skills", responses=problems(404, 422))
async def list_skills(
    caller: Caller,
    served: Served,
    status: Annotated[str | None, Query(max_length=32, pattern=NO_NUL)] = None,
    category: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    owner: Annotated[str | None, Query(max_length=200, pattern=NO_NUL)] = None,
    q: Annotated[str | None, Query(max_length=200, pattern=NO_NUL)] = None,
    cursor: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    workspace: Workspace = None,
    limit: Limit = 100,
) -> Response:
    """Skills by key; all but deleted ones unless filtered by status. `q`: words (websearch), or how a key begins.

    `workspace`: only what this workspace owns.
    """
    home = await served.access.authorize(caller, workspace) if workspace is not None else None
    listing = Listing(status, category, owner, q, after(cursor), limit, home)
    items = await served.catalog.search(caller, listing)
    following = cursor_of(items[-1]) if len(items) == limit else None
    held, now = await served.certifier.of_skills(items), datetime.now(UTC)
    shown = [
        {**render.skill(item), "certificate": render.worth(held.get(item.skill_id), now)}
        for item in items
    ]
    return Json({"items": shown, "next_cursor": following})


@router.get("/skills/{key}", responses=problems(404))
async def get_skill(key: str, caller: Caller, served: Served) -> Response:
    """One skill with its contract, versions and certificates; by key, `workspace:key` or id, as everywhere."""
    found = await served.catalog.get(caller, text(key))
    versions, channels = await served.catalog.versions(found)
    certificates = await served.certifier.of_skill(found)
    detail = render.skill_detail(found, versions, channels, certificates, datetime.now(UTC))
    said = await served.loader.said_of(found, detail["contract"])
    return Json({**detail, "diagnostics": [item.to_dict() for item in said]})


@router.get("/skills/{key}/versions", responses=problems(404))
async def list_versions(key: str, caller: Caller, served: Served) -> Response:
    """The versions of a skill, newest by SemVer precedence first, with the channels that name each."""
    found = await served.catalog.get(caller, text(key))
    versions, channels = await served.catalog.versions(found)
    certificates = await served.certifier.of_skill(found)
    detail = render.skill_detail(found, versions, channels, certificates, datetime.now(UTC))
    return Json({"items": detail["versions"], "next_cursor": None})


@router.get("/skills/{key}/versions/{version}/certificate", responses=problems(404))
async def get_certificate(key: str, version: str, caller: Caller, served: Served) -> Response:
    """The newest certificate of a version."""
    found = await served.catalog.get(caller, text(key))
    held = await served.certifier.newest(found, text(version))
    if held is None:
        raise LiveryError("not_found", f"{found.skill_key}@{version[:64]} has no certificate.")
    return Json(render.certificate(held, datetime.now(UTC)))


@router.get("/skills/{key}/versions/{version}/package", responses=problems(404))
async def get_package(key: str, version: str, caller: Caller, served: Served) -> Response:
    """The package of a version as a zip, byte for byte what was certified."""
    found = await served.catalog.get(caller, text(key))
    known = await served.catalog.version(found, text(version))
    name = f"{found.skill_key}-{known.version}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    data = await served.catalog.archive(known.digest, found.workspace_id)
    return Response(data, headers=headers, media_type="application/zip")
