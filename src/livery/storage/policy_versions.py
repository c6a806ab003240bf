"""Policy versions in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from livery.services.audit.types import Entry
from livery.services.policies.types import PastRun, PolicyVersion
from livery.storage.database import Database


class PostgresPolicyVersions:
    """See services.policies.ports.PolicyStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active_text(self) -> str:
        """The text that decides now."""
        async with self._database.read([]) as tx:
            row = await tx.row("policy_active")
        return str(row["text"]) if row is not None else ""

    async def versions(self, limit: int) -> list[PolicyVersion]:
        """Newest first."""
        async with self._database.read([]) as tx:
            return [_version(row) for row in await tx.rows("policy_versions", limit)]

    async def version(self, version: int) -> PolicyVersion | None:
        """One version."""
        async with self._database.read([]) as tx:
            row = await tx.row("policy_version", version)
        return _version(row) if row else None

    async def add(
        self,
        policy_hash: str,
        text: str,
        cases: Sequence[Mapping[str, Any]],
        note: str,
        by: str,
        entry: Entry,
    ) -> int:
        """Keep a version."""
        kept = orjson.dumps([dict(case) for case in cases]).decode()
        async with self._database.write([]) as tx:
            version: int = await tx.value("policy_version_add", policy_hash, text, kept, note, by)
            await tx.append(entry)
        return version

    async def activate(self, version: PolicyVersion, by: str, entry: Entry) -> None:
        """Let it decide, and end the epoch."""
        async with self._database.write([]) as tx:
            await tx.rows("policy_switch_off")
            await tx.rows("policy_switch_on", version.policy_hash, version.text, by)
            await tx.bump()
            await tx.append(entry)

    async def recent_runs(self, workspaces: Sequence[UUID], limit: int) -> list[PastRun]:
        """The last runs whose skill is known."""
        async with self._database.read(workspaces) as tx:
            return [_past(row) for row in await tx.rows("recent_runs", limit)]


def _version(row: Any) -> PolicyVersion:
    return PolicyVersion(
        row["version"],
        row["policy_hash"],
        row["text"],
        tuple(orjson.loads(row["cases"])),
        row["note"],
        row["active"],
        row["created_by"],
        row["created_at"],
    )


def _past(row: Any) -> PastRun:
    contract: dict[str, Any] = orjson.loads(row["contract"]) or {}
    effects = (contract.get("capabilities") or {}).get("effects") or []
    return PastRun(
        row["run_id"],
        row["workspace_id"],
        row["hired_agent_id"],
        row["principal"],
        row["status"],
        row["code"],
        row["dry_run"],
        row["approval_id"] is not None,
        row["reserved"],
        row["skill_key"],
        row["skill_id"],
        row["owner"],
        row["category"],
        (contract.get("runtime") or {}).get("kind", "instructions"),
        tuple(effects),
    )
