"""How versions stand, read inside the transaction that builds on it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from livery.services.catalog.types import Standing
from livery.storage.database import Transaction


async def standings(
    tx: Transaction, pairs: Sequence[tuple[UUID, str]], *, hold: bool = False
) -> list[Standing]:
    """The standing of each (skill, version), in this order. With `hold` none of them changes before the transaction
    ends: a revocation waits, or was seen."""
    if not pairs:
        return []
    skills, versions = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if hold:
        await tx.rows("version_hold", skills, versions)
    return [
        Standing(
            row["skill_id"],
            row["skill_key"] or str(row["skill_id"]),
            row["version"],
            row["status"],
            row["reason"],
        )
        for row in await tx.rows("version_standing", skills, versions)
    ]
