"""Streams new facts to a server: cursors from it, batches to it, in order, resumable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Protocol

import httpx

from livery.client.session_logs.batches import plan_reads, read_batches
from livery.client.session_logs.discovery import LogFile
from livery.client.session_logs.reader import FileCursor, Pending

FRAME_TYPE = "application/vnd.livery.session-facts"
PATH = "/v1/session-logs"
SEND_TIMEOUT_S = 120.0


class Sender(Protocol):
    """What sends requests: `httpx.AsyncClient`, or the client's `Connection`."""

    async def request(self, method: str, url: str, /, **options: Any) -> httpx.Response:
        """Send one request."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingestion is; bytes of logs."""

    files: int
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingestion did. `files` were looked at, `read` of them had something new.

    `pending` are lines that are there and could not be counted yet, and files that could not be
    opened (line 0).
    """

    files: int = 0
    read: int = 0
    bytes_read: int = 0
    rows: int = 0
    new_rows: int = 0
    batches: int = 0
    pending: tuple[Pending, ...] = ()


async def ingest_logs(
    client: Sender,
    logs: Sequence[LogFile],
    *,
    workspace: str | None = None,
    processes: int = 2,
    unread: Sequence[Pending] = (),
    progress: Callable[[Progress], None] | None = None,
) -> IngestReport:
    """Read what is new in `logs` and store its facts; the texts stay here.

    An interrupted ingestion goes on where the server's cursors stand; sending the same twice
    changes nothing. `unread` is reported with what this finds pending.

    `workspace` names one where the token is not bound to it. Raises
    `httpx.HTTPStatusError` (or what the sender raises) when the server refuses.
    """
    params = {"workspace": workspace} if workspace else {}
    plans, unreadable = plan_reads(logs, await _cursors(client, params))
    total = sum(plan.left for plan in plans)
    report = IngestReport(files=len(logs), read=len(plans), pending=(*unread, *unreadable))
    async with aclosing(read_batches(plans, processes)) as batches:
        async for batch in batches:
            new = 0
            if batch.frame is not None:
                new = await _send(client, batch.frame, params)
            report = replace(
                report,
                bytes_read=report.bytes_read + batch.bytes_read,
                rows=report.rows + batch.rows,
                new_rows=report.new_rows + new,
                batches=report.batches + (batch.frame is not None),
                pending=report.pending + batch.pending,
            )
            if progress:
                progress(Progress(len(plans), report.bytes_read, total))
    return report


async def _cursors(client: Sender, params: Mapping[str, str]) -> dict[str, FileCursor]:
    known: dict[str, FileCursor] = {}
    after: str | None = ""
    while after is not None:
        response = await client.request(
            "GET", f"{PATH}/cursors", params={**params, "after": after}, timeout=SEND_TIMEOUT_S
        )
        response.raise_for_status()
        page = response.json()
        for item in page["items"]:
            known[item["file"]] = FileCursor.from_dict(item)
        after = page["next"]
    return known


async def _send(client: Sender, frame: bytes, params: Mapping[str, str]) -> int:
    """Send one frame; return the number of facts that were new."""
    response = await client.request(
        "POST",
        PATH,
        params=dict(params),
        content=frame,
        headers={"Content-Type": FRAME_TYPE},
        timeout=SEND_TIMEOUT_S,
    )
    response.raise_for_status()
    return int(response.json()["rows"])
