"""Sign-offs in PostgreSQL."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.certification.types import SignOff
from livery.storage.database import Database


class PostgresSignOffs:
    """See services.certification.ports.SignOffStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_version(
        self, skill_id: UUID, version: str, digest: str, workspace_id: UUID
    ) -> list[SignOff]:
        """Those of one digest, oldest first."""
        async with self._database.read([PLATFORM, workspace_id]) as tx:
            rows = await tx.rows("sign_off_list", skill_id, version, digest)
        return [_sign_off(row) for row in rows]

    async def add(
        self, skill_id: UUID, version: str, digest: str, signed: SignOff, entry: Entry
    ) -> SignOff:
        """Keep it with its entry, or return the one that is there."""
        async with self._database.write([entry.workspace_id]) as tx:
            added = await tx.value(
                "sign_off_add",
                skill_id,
                entry.workspace_id,
                version,
                digest,
                signed.approver,
                signed.note,
                signed.signed_at,
            )
            if added:
                await tx.append(entry)
                return signed
            rows = await tx.rows("sign_off_list", skill_id, version, digest)
        return next(_sign_off(row) for row in rows if row["approver"] == signed.approver)


def _sign_off(row: Any) -> SignOff:
    return SignOff(row["approver"], row["note"], row["signed_at"])
