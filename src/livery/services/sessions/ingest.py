"""Take session facts in: check, store, journal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from livery.manifest.segment_frame import MAX_FRAME
from livery.services.sessions.check import check_batch
from livery.services.sessions.errors import BatchInvalid, BatchTooLarge
from livery.services.sessions.ports import SessionStore
from livery.services.sessions.types import Ingested

MAX_PAGE = 5_000


class SessionIngestion:
    """The use cases of `/v1/session-logs`. Storing is append-only and idempotent."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    async def cursors(
        self, workspace_id: UUID, *, after: str = "", limit: int = MAX_PAGE
    ) -> list[Mapping[str, Any]]:
        """Return a page of the workspace's file cursors. BatchInvalid for a limit out of bounds."""
        if not 1 <= limit <= MAX_PAGE:
            raise BatchInvalid(message=f"A page holds between 1 and {MAX_PAGE} cursors.")
        return await self._store.cursors(workspace_id, after=after, limit=limit)

    async def ingest(self, workspace_id: UUID, body: bytes, correlation_id: str) -> Ingested:
        """Store one frame. Raises BatchTooLarge, BatchInvalid; then nothing of it is stored."""
        if len(body) > MAX_FRAME:
            raise BatchTooLarge()
        batch = await asyncio.to_thread(check_batch, body)
        return await self._store.save(workspace_id, batch, correlation_id)
