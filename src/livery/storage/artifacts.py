"""Artifacts in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from livery.kernel.chain import epoch_us
from livery.services.artifacts.types import Artifact
from livery.storage.database import Database

_SLACK = timedelta(seconds=60)


class PostgresArtifacts:
    """See services.artifacts.ports.ArtifactStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(
        self, artifact_id: UUID, workspaces: Sequence[UUID], agent: UUID | None
    ) -> Artifact | None:
        """One artifact without its bytes; where an `agent` is named, one that it made."""
        async with self._database.read(workspaces) as tx:
            row = await tx.row("artifact_get", artifact_id, agent)
        return _artifact(row) if row else None

    async def content(self, artifact_id: UUID, workspaces: Sequence[UUID]) -> bytes | None:
        """Its bytes."""
        async with self._database.read(workspaces) as tx:
            content: bytes | None = await tx.value("artifact_content", artifact_id)
        return content

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
        """Newest first (artifact ids are UUIDv7: their order is that of time)."""
        async with self._database.read(workspaces) as tx:
            rows = await tx.rows("artifact_list", run_id, name, limit, before, agent)
        return [_artifact(row) for row in rows]

    async def journal_position(
        self, run_id: UUID, workspaces: Sequence[UUID]
    ) -> tuple[str, int] | None:
        """Where the record settled the run. The run's own times narrow the search to a few entries."""
        async with self._database.read(workspaces) as tx:
            times = await tx.row("run_times", run_id)
            if times is None or times["finished_at"] is None:
                return None
            row = await tx.row(
                "journal_position",
                str(run_id),
                epoch_us(times["created_at"] - _SLACK),
                epoch_us(times["finished_at"] + _SLACK),
            )
        return (row["chain_id"], row["seq"]) if row else None


def _artifact(row: Any) -> Artifact:
    return Artifact(
        row["artifact_id"],
        row["run_id"],
        row["workspace_id"],
        row["skill_key"],
        row["skill_version"],
        row["name"],
        row["media_type"],
        row["size"],
        row["sha256"],
        orjson.loads(row["statement"]),
        row["created_at"],
    )
