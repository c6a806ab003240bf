"""Rows of a composition point as uses of a skill."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from livery.services.catalog.types import Use
from livery.storage.database import Database


async def uses(
    database: Database,
    kind: str,
    query: str,
    skill_id: UUID,
    version: str | None,
    workspaces: Sequence[UUID],
) -> list[Use]:
    """What a query of the form `(skill, version, workspaces) -> ref, name, workspace_id, skill_key, version, channel`
    finds."""
    async with database.read(workspaces) as tx:
        return [
            Use(
                kind,
                row["ref"],
                row["name"],
                row["workspace_id"],
                row["skill_key"],
                row["version"],
                row["channel"],
            )
            for row in await tx.rows(query, skill_id, version, list(workspaces))
        ]
