"""Registered targets and standing approvals in PostgreSQL; their runs are counted by `livery.begin_batch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from livery.manifest.slugs import resolve_alias
from livery.services import PLATFORM
from livery.services.approvals.types import NewStanding, RegisteredTarget, StandingGrant, Subject
from livery.services.audit.types import Entry
from livery.storage.database import Database


class PostgresRegisteredTargets:
    """See services.approvals.ports.TargetStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, workspace_id: UUID) -> list[RegisteredTarget]:
        """Those of a workspace, by name."""
        async with self._database.read([workspace_id]) as tx:
            rows = await tx.rows("registered_target_list", workspace_id)
        return [RegisteredTarget(**dict(row)) for row in rows]

    async def register(self, target: RegisteredTarget, entry: Entry) -> bool:
        """Keep it; False where it is there already."""
        async with self._database.write([target.workspace_id]) as tx:
            made = await tx.value(
                "registered_target_add",
                target.workspace_id,
                target.host,
                target.note,
                target.registered_by,
            )
            if made is None:
                return False
            await tx.append(entry)
        return True

    async def remove(self, workspace_id: UUID, host: str, by: str, entry: Entry) -> bool:
        """Remove it, and revoke the standing approvals for it."""
        reason = f"The target {host} was removed."
        async with self._database.write([workspace_id]) as tx:
            if await tx.value("registered_target_remove", workspace_id, host) is None:
                return False
            revoked = await tx.rows("standing_revoke_target", workspace_id, host, by, reason)
            await tx.bump(workspace_id)
            await tx.append(entry)
            for row in revoked:
                body = {"by": by, "reason": reason, "used": row["used"]}
                await tx.append(
                    Entry(
                        "standing_approval.revoked",
                        workspace_id,
                        row["standing_id"],
                        body,
                        correlation_id=entry.correlation_id,
                    )
                )
        return True


class PostgresStanding:
    """See services.approvals.ports.StandingStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def subject(
        self, workspace_id: UUID, skill: str, version: str | None, hired_agent_id: UUID | None
    ) -> Subject | None:
        """What a call of this skill would run in this workspace."""
        async with self._database.read([PLATFORM, workspace_id]) as tx:
            row = await tx.row(
                "standing_subject",
                skill,
                resolve_alias(skill),
                workspace_id,
                hired_agent_id,
                version,
                PLATFORM,
            )
        if row is None or row["policy_hash"] is None:
            return None
        return Subject(
            row["skill_id"],
            row["skill_key"],
            row["version"],
            row["digest"],
            row["policy_hash"],
            orjson.loads(row["contract"]),
        )

    async def grant(self, standing: NewStanding, entry: Entry) -> bool:
        """Keep it; its target stays registered until the transaction ends."""
        subject = standing.subject
        async with self._database.write([standing.workspace_id]) as tx:
            if not await tx.value("registered_target_hold", standing.workspace_id, standing.target):
                return False
            await tx.rows(
                "standing_add",
                standing.standing_id,
                standing.workspace_id,
                standing.hired_agent_id,
                subject.skill_id,
                subject.skill_key,
                subject.version,
                subject.digest,
                standing.target,
                subject.policy_hash,
                standing.runs,
                standing.expires_at,
                standing.granted_by,
                standing.granted_by_token,
                standing.granted_hand,
                standing.granted_makers,
            )
            await tx.bump(standing.workspace_id)
            await tx.append(entry)
        return True

    async def list(
        self, workspaces: Sequence[UUID], standing_id: str | None, limit: int
    ) -> list[StandingGrant]:
        """Newest first; with an id, that one."""
        async with self._database.read(workspaces) as tx:
            return [_standing(row) for row in await tx.rows("standing_list", standing_id, limit)]

    async def revoke(self, known: StandingGrant, by: str, reason: str, entry: Entry) -> bool:
        """Revoke it, and end the epoch of its workspace."""
        async with self._database.write([known.workspace_id]) as tx:
            if await tx.value("standing_revoke", known.standing_id, by, reason) is None:
                return False
            await tx.bump(known.workspace_id)
            await tx.append(entry)
        return True


def _standing(row: Any) -> StandingGrant:
    return StandingGrant(**dict(row))
