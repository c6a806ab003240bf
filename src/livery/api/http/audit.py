"""The record: search, verify, checkpoint, export."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from livery.api.http import render
from livery.api.http.catalog import Limit
from livery.api.http.door import Caller, Json, Served
from livery.api.http.models import NO_NUL
from livery.api.http.problems import problems
from livery.manifest.errors import LiveryError
from livery.services.audit.types import Position, Recorded
from livery.services.identity.access import require

router = APIRouter(tags=["audit"])
_STAFF = ("operator", "auditor")


@router.get("/audit", responses=problems(403, 422))
async def search(
    caller: Caller,
    served: Served,
    after: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    cursor: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    kind: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    run_id: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    code: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    correlation_id: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    limit: Limit = 100,
) -> Response:
    """Entries that the caller may see, newest first; `cursor` (or `after`) goes on where a page ended."""
    require(caller, "operator", "auditor", "approver", "customer_admin")
    before = cursor or after
    try:
        position = Position.parse(before) if before else None
    except ValueError:
        raise LiveryError(
            "validation_error", "A cursor is what the page before answered."
        ) from None
    items = await served.audit.search(
        await served.access.visible(caller),
        before=position,
        kind=kind,
        subject_id=run_id,
        correlation_id=correlation_id,
        code=code,
        limit=limit,
    )
    following = str(Position.of(items[-1])) if len(items) == limit else None
    return Json({"items": [render.entry(item) for item in items], "next_cursor": following})


@router.get("/audit/checkpoint", responses=problems(403))
async def checkpoint(caller: Caller, served: Served) -> Response:
    """Sign the heads of all chains now; keep the answer where this platform cannot reach it."""
    require(caller, *_STAFF)
    return Json(await served.audit.checkpoint())


@router.get("/audit/checkpoints", responses=problems(403))
async def checkpoints(caller: Caller, served: Served) -> Response:
    """Whether checkpoints were removed: by their count, the newest, and this machine's copy of its number."""
    require(caller, *_STAFF)
    state = await served.audit.checkpoints()
    return Json(
        {"ok": state.ok, "count": state.entries, "newest": state.head, "detail": state.detail}
    )


@router.get("/audit/verify", responses=problems(403))
async def verify(caller: Caller, served: Served) -> Response:
    """Walk every chain."""
    require(caller, *_STAFF)
    states = await served.audit.verify()
    chains = [
        {
            "chain_id": state.chain_id,
            "entries": state.entries,
            "head": state.head,
            "ok": state.ok,
            "detail": state.detail,
        }
        for state in states
    ]
    return Json({"ok": all(state.ok for state in states), "chains": chains})


@router.get("/audit/export", responses=problems(403))
async def export(caller: Caller, served: Served) -> Response:
    """Every chain as NDJSON, with its links, up to a checkpoint that is signed now: verified by `livery verify`."""
    require(caller, *_STAFF)
    statement, entries = await served.audit.export()
    return StreamingResponse(_lines(statement, entries), media_type="application/x-ndjson")


async def _lines(
    statement: Mapping[str, Any], entries: AsyncIterator[tuple[Recorded, bytes | None]]
) -> AsyncIterator[bytes]:
    first = 1
    chain = None
    async for item, link in entries:
        if item.chain_id != chain:
            chain, first = item.chain_id, 1
        line = {
            "type": "entry",
            "chain_id": item.chain_id,
            "seq": item.seq,
            "at_us": item.at_us,
            "kind": item.kind,
            "workspace_id": str(item.workspace_id),
            "subject_id": item.subject_id,
            "code": item.code,
            "correlation_id": item.correlation_id,
            "body": item.body,
        }
        yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        if link is not None:
            closing = {
                "type": "link",
                "chain_id": item.chain_id,
                "first_seq": first,
                "last_seq": item.seq,
                "hash": link.hex(),
            }
            first = item.seq + 1
            yield orjson.dumps(closing, option=orjson.OPT_APPEND_NEWLINE)
    end = {"type": "checkpoint", "statement": statement}
    yield orjson.dumps(end, option=orjson.OPT_APPEND_NEWLINE)
