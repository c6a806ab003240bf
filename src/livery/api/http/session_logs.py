"""`/v1/session-logs`: session facts in. The server never opens a path of its caller."""

# Annotations are objects here: FastAPI could not find the closure's `caller` behind a string.

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from livery.api.http.models import NO_NUL
from livery.manifest.segment_frame import MAX_FRAME
from livery.services.sessions.errors import BatchTooLarge
from livery.services.sessions.ingest import MAX_PAGE, SessionIngestion

FRAME_TYPE = "application/vnd.livery.session-facts"
_FRAME = {
    "requestBody": {
        "required": True,
        "content": {FRAME_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
    "responses": {"200": {"description": "The same frame was stored before."}},
}


class Caller(Protocol):
    """Who asks, as the door has authenticated them for this route."""

    @property
    def workspace_id(self) -> UUID:
        """The workspace whose facts these are."""

    @property
    def correlation_id(self) -> str:
        """The request's correlation id."""


def session_logs_router(
    service: SessionIngestion, caller: Callable[..., Awaitable[Caller]]
) -> APIRouter:
    """Return the routes. `caller` is the door's dependency: it authenticates, checks the role
    (operator, customer_admin, customer_member, agent) and resolves the workspace.
    """
    router = APIRouter(prefix="/v1/session-logs", tags=["session-logs"])

    @router.get("/cursors")
    async def cursors(
        who: Annotated[Any, Depends(caller)],
        after: Annotated[str, Query(max_length=64, pattern=NO_NUL)] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
    ) -> dict[str, Any]:
        """How far each log file has been read, by file; `next` continues where a page is full."""
        items = await service.cursors(who.workspace_id, after=after, limit=limit)
        full = len(items) == limit
        return {"items": items, "next": items[-1]["file"] if full else None}

    @router.post("", status_code=201, openapi_extra=_FRAME)
    async def ingest(
        request: Request, response: Response, who: Annotated[Any, Depends(caller)]
    ) -> dict[str, Any]:
        """Store one frame of facts (`livery.manifest.segment_frame`): 201, or 200 if known."""
        body = await _body(request)
        done = await service.ingest(who.workspace_id, body, who.correlation_id)
        if not done.new_segments and not done.changed_cursors:
            response.status_code = 200
        return done.to_dict()

    return router


async def _body(request: Request) -> bytes:
    """Read the body, refusing it as soon as it is too large."""
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > MAX_FRAME:
        raise BatchTooLarge()
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_FRAME:
            raise BatchTooLarge()
        parts.append(part)
    return b"".join(parts)
