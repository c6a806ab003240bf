"""What artifacts need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from livery.services.artifacts.types import Artifact


class ArtifactStore(Protocol):
    """Reads of artifacts; the journal writes them when it settles their run."""

    async def get(
        self, artifact_id: UUID, workspaces: Sequence[UUID], agent: UUID | None
    ) -> Artifact | None:
        """One artifact without its bytes; where an `agent` is named, one that it made."""

    async def content(self, artifact_id: UUID, workspaces: Sequence[UUID]) -> bytes | None:
        """Its bytes."""

    async def list(
        self,
        workspaces: Sequence[UUID],
        *,
        run_id: UUID | None,
        name: str | None,
        agent: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> list[Artifact]:
        """Newest first (artifact ids are UUIDv7: their order is that of time), those before `before`."""

    async def journal_position(
        self, run_id: UUID, workspaces: Sequence[UUID]
    ) -> tuple[str, int] | None:
        """Where the record settled the run: chain and sequence number."""
