"""What session facts need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from livery.services.sessions.types import CheckedBatch, Ingested, StoredSegment


class SegmentSource(Protocol):
    """Reads of kept segments: what the semantic layer builds its data window from."""

    async def segments(self, workspace_id: UUID) -> list[StoredSegment]:
        """All segments of a workspace in the order of ingestion, without their bytes."""

    async def contents(self, workspace_id: UUID, hashes: Sequence[str]) -> Mapping[str, bytes]:
        """The bytes of segments by SHA-256 (hex); what is not there is left out."""


class SessionStore(SegmentSource, Protocol):
    """Segments and the cursors of the files they came from."""

    async def cursors(
        self, workspace_id: UUID, *, after: str, limit: int
    ) -> list[Mapping[str, Any]]:
        """Cursors of files with an identifier above `after`, by identifier."""

    async def save(self, workspace_id: UUID, batch: CheckedBatch, correlation_id: str) -> Ingested:
        """Store a batch whole, with its entry in the record, in one transaction.

        A segment that is there already (by hash) is not stored again, and a batch that changes
        nothing leaves no entry.
        """
