"""Suppressed findings in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.certification.types import Suppression
from livery.storage.database import Database


class PostgresSuppressions:
    """See services.certification.ports.SuppressionStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_version(
        self, skill_id: UUID, version: str, workspace_id: UUID
    ) -> Mapping[str, Suppression]:
        """Fingerprint -> suppression."""
        async with self._database.read([PLATFORM, workspace_id]) as tx:
            rows = await tx.rows("suppression_list", skill_id, version)
        return {
            row["fingerprint"]: Suppression(row["reason"], row["suppressed_by"]) for row in rows
        }

    async def add(
        self,
        skill_id: UUID,
        version: str,
        fingerprint: str,
        suppression: Suppression,
        entry: Entry,
    ) -> bool:
        """Keep it; False where the finding is suppressed already."""
        async with self._database.write([entry.workspace_id]) as tx:
            added = await tx.value(
                "suppression_add",
                skill_id,
                entry.workspace_id,
                version,
                fingerprint,
                suppression.reason,
                suppression.by,
            )
            if added:
                await tx.append(entry)
        return bool(added)
