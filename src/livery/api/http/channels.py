"""Channels: promote, roll back, and what is different before one does."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livery.api.http.bodies import documented, read
from livery.api.http.catalog import Limit
from livery.api.http.door import Caller, CorrelationId, Json, Served, text
from livery.api.http.models import NO_NUL, ChannelMove
from livery.api.http.problems import problems
from livery.api.http.render import time
from livery.api.http.retirement import rendered_impact
from livery.services.catalog.channels import Moved
from livery.services.catalog.difference import Change, Difference, FileChange
from livery.services.catalog.types import Move, Skill, Version

router = APIRouter(tags=["channels"])
_CHANGES = problems(403, 404, 409, 413, 415, 422)
Name = Annotated[str | None, Query(max_length=128, pattern=NO_NUL)]


def _move(item: Move) -> dict[str, Any]:
    return {
        "channel": item.channel,
        "version": item.version,
        "previous": item.previous,
        "kind": item.kind,
        "moved_by": item.moved_by,
        "reason": item.reason,
        "moved_at": time(item.moved_at),
        "statement": item.statement,
    }


def _moved(item: Moved) -> dict[str, Any]:
    return {
        "skill_key": item.skill.skill_key,
        **_move(item.move),
        "moved": item.fresh,
        "impact": rendered_impact(item.impact),
    }


@router.post("/skills/{key}/promote", responses=_CHANGES, openapi_extra=documented(ChannelMove))
async def promote_newest(
    key: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Point a channel at the newest version."""
    body = await read(request, ChannelMove)
    return Json(
        _moved(
            await served.channels.promote(
                caller, text(key), None, body.channel, body.reason, correlation_id
            )
        )
    )


@router.post(
    "/skills/{key}/versions/{version}/promote",
    responses=_CHANGES,
    openapi_extra=documented(ChannelMove),
)
async def promote_version(
    key: str,
    version: str,
    request: Request,
    caller: Caller,
    served: Served,
    correlation_id: CorrelationId,
) -> Response:
    """Point a channel at a certified version; the move is signed. What is there already stays."""
    body = await read(request, ChannelMove)
    return Json(
        _moved(
            await served.channels.promote(
                caller, text(key), text(version), body.channel, body.reason, correlation_id
            )
        )
    )


@router.post("/skills/{key}/rollback", responses=_CHANGES, openapi_extra=documented(ChannelMove))
async def roll_back(
    key: str, request: Request, caller: Caller, served: Served, correlation_id: CorrelationId
) -> Response:
    """Point a channel at the version before the present one that may still run."""
    body = await read(request, ChannelMove)
    return Json(
        _moved(
            await served.channels.roll_back(
                caller, text(key), body.channel, body.reason, correlation_id
            )
        )
    )


@router.get("/skills/{key}/channels", responses=problems(404, 422))
async def list_channels(
    key: str, caller: Caller, served: Served, channel: Name = None, limit: Limit = 100
) -> Response:
    """What the channels of a skill name, and their moves, newest first, each with its signed summary."""
    skill, channels, moves = await served.channels.history(
        caller, text(key), text(channel) if channel else None, limit
    )
    return Json(
        {
            "skill_key": skill.skill_key,
            "channels": channels,
            "items": [_move(item) for item in moves],
            "next_cursor": None,
        }
    )


@router.get("/skills/{key}/diff", responses=problems(404, 422))
async def get_difference(
    key: str,
    caller: Caller,
    served: Served,
    older: Annotated[str | None, Query(alias="from", max_length=128, pattern=NO_NUL)] = None,
    newer: Annotated[str | None, Query(alias="to", max_length=128, pattern=NO_NUL)] = None,
    files: bool = False,
) -> Response:
    """What differs between two versions: to the newest, from production's or the one before; `files` adds diffs."""
    skill, before, after, found = await served.differences.of(
        caller, text(key), older, newer, diffs=files
    )
    return Json(_difference(skill, before, after, found))


def _difference(skill: Skill, before: Version, after: Version, found: Difference) -> dict[str, Any]:
    return {
        "skill_key": skill.skill_key,
        "from": _side(before),
        "to": _side(after),
        "verdict": {
            "compatible": found.compatible,
            "needs": found.needs,
            "sentence": found.sentence,
        },
        "interface": {
            "verdict": "compatible" if found.compatible else "breaking",
            "breaks": [
                {"side": item.side, "pointer": item.pointer, "message": item.message}
                for item in found.breaks
            ],
            "changes": [
                {"side": item.side, "pointer": item.pointer, "message": item.message}
                for item in found.eased
            ],
        },
        "capabilities": {
            "added": list(found.capabilities_added),
            "removed": list(found.capabilities_removed),
        },
        "budgets": [_change(item) for item in found.budgets],
        "runtime": [_change(item) for item in found.runtime],
        "contract": [_change(item) for item in found.contract],
        "instructions": _file(found.instructions) if found.instructions else None,
        "files": [_file(item) for item in found.files],
    }


def _side(item: Version) -> dict[str, Any]:
    return {"version": item.version, "digest": item.digest, "status": item.status}


def _change(item: Change) -> dict[str, Any]:
    return {"name": item.name, "before": item.before, "after": item.after}


def _file(item: FileChange) -> dict[str, Any]:
    shown = {
        "path": item.path,
        "change": item.change,
        "lines_added": item.lines_added,
        "lines_removed": item.lines_removed,
    }
    return shown if item.diff is None else {**shown, "diff": item.diff}
