"""Reads of runs, and what calls are decided by, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from livery.kernel.standing import StandingApproval
from livery.manifest.slugs import resolve_alias
from livery.services import PLATFORM
from livery.services.runs.types import Call, Granted, Held, Resolved, RunRecord
from livery.storage.database import Database


class PostgresContracts:
    """See services.runs.ports.ContractStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def resolve(
        self, call: Call, workspace_id: UUID, hired_agent_id: UUID | None
    ) -> Resolved | None:
        """One statement, one snapshot: all facts are of the same moment as the epochs they are checked by."""
        async with self._database.read([PLATFORM, workspace_id]) as tx:
            row = await tx.row(
                "resolve",
                call.skill,
                resolve_alias(call.skill),
                workspace_id,
                hired_agent_id,
                call.version,
                call.channel,
                call.principal.token_id,
                datetime.now(UTC),
                PLATFORM,
            )
        if row is None or not row["agent_known"]:
            return None
        return Resolved(
            row["skill_key"],
            row["skill_id"],
            row["owner"],
            row["category"],
            row["version"],
            row["digest"],
            row["version_status"],
            orjson.loads(row["contract"]),
            row["certificate_id"],
            row["certificate_state"],
            row["certificate_expires_at"],
            orjson.loads(row["certificate_statement"]) if row["certificate_statement"] else None,
            row["agent_status"],
            row["entitled"],
            tuple(row["entitled_skills"]),
            row["kill_switch"],
            row["global_epoch"],
            row["local_epoch"] or 0,
            row["policy_text"] or "",
            row["token_alive"],
            orjson.loads(row["code_grants"]) if row["code_grants"] else {},
            _standing(row["standing"]),
            bool(row["four_eyes"]),
            row["owned"],
        )


def _standing(text: str | None) -> tuple[Granted, ...]:
    return tuple(
        Granted(
            StandingApproval(item["id"], item["target"], datetime.fromisoformat(item["expires"])),
            item["policy"],
            item["by"],
            UUID(item["token"]),
            tuple(item["hand"]),
            tuple(item["makers"]),
        )
        for item in orjson.loads(text or "[]")
    )


class PostgresRuns:
    """See services.runs.ports: RunStore and BudgetStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def budget(self, workspace_id: UUID) -> tuple[int, int, int] | None:
        """Cap, reserved and spent, in micro-USD."""
        async with self._database.read([workspace_id]) as tx:
            row = await tx.row("budget_of", workspace_id)
        return (row["cap"], row["reserved"], row["spent"]) if row else None

    async def get(self, run_id: UUID, workspaces: Sequence[UUID]) -> RunRecord | None:
        """One run with its input and envelope."""
        async with self._database.read(workspaces) as tx:
            row = await tx.row("run_get", run_id)
        return _run(row) if row else None

    async def list(
        self,
        workspaces: Sequence[UUID],
        *,
        status: str | None,
        code: str | None,
        skill_key: str | None,
        agent: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> list[RunRecord]:
        """Runs, newest first."""
        async with self._database.read(workspaces) as tx:
            rows = await tx.rows(
                "run_list", status, code, skill_key, before, limit, list(workspaces), agent
            )
        return [_run(row) for row in rows]

    async def held(self, workspace_id: UUID, skill_key: str, key: str) -> Held | None:
        """What an idempotency key stands for."""
        async with self._database.read([workspace_id]) as tx:
            row = await tx.row("run_held", workspace_id, skill_key, key)
        if row is None:
            return None
        return Held(
            row["run_id"],
            row["args_hash"],
            row["status"],
            orjson.loads(row["envelope"]) if row["envelope"] else None,
        )


def _run(row: Any) -> RunRecord:
    return RunRecord(
        row["run_id"],
        row["workspace_id"],
        row["workspace"],
        row["hired_agent_id"],
        row["skill_key"],
        row["skill_version"],
        row["digest"],
        row["principal"],
        row["status"],
        row["code"],
        row["cost"],
        row["duration_us"],
        row["dry_run"],
        row["approval_id"],
        row["correlation_id"],
        row["created_at"],
        row["finished_at"],
        tuple(orjson.loads(row["artifacts"])),
        orjson.loads(row["input"]) if row["input"] else None,
        orjson.loads(row["envelope"]) if row["envelope"] else None,
    )
