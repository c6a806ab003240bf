"""The ledger of effects in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from livery.services.audit.types import Entry
from livery.services.effects.types import Effect
from livery.storage.database import Database, Transaction

_BEFORE = {"confirmed": ["sent"], "failed": ["intended", "sent"], "unknown": ["sent"]}


class PostgresEffects:
    """See services.effects.ports: EffectLedger and EffectStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def intend(self, effect: Effect, correlation_id: str) -> bool:
        """Write `intended`, while the run is running."""
        async with self._database.write([effect.workspace_id]) as tx:
            written = await tx.value(
                "effect_intend",
                effect.effect_id,
                effect.run_id,
                effect.workspace_id,
                effect.action,
                effect.target,
                effect.request_hash,
            )
            if written is not None:
                await tx.append(_entry(effect, "intended", correlation_id))
        return written is not None

    async def sent(self, effect: Effect, correlation_id: str) -> bool:
        """Move to `sent`, while the run is running."""
        async with self._database.write([effect.workspace_id]) as tx:
            moved = await tx.value(
                "effect_sent", effect.effect_id, effect.run_id, effect.workspace_id
            )
            if moved is not None:
                await tx.append(_entry(effect, "sent", correlation_id))
        return moved is not None

    async def ended(
        self, effect: Effect, state: str, evidence: Mapping[str, Any], correlation_id: str
    ) -> None:
        """Move to its end, unless a sweep was first."""
        text = orjson.dumps(dict(evidence)).decode()
        async with self._database.write([effect.workspace_id]) as tx:
            moved = await tx.value("effect_ended", effect.effect_id, state, text, _BEFORE[state])
            if moved is not None:
                await tx.append(_entry(effect, state, correlation_id))

    async def list(
        self,
        workspaces: Sequence[UUID],
        *,
        run_id: UUID | None,
        state: str | None,
        agent: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> list[Effect]:
        """Effects, newest first."""
        async with self._database.read(workspaces) as tx:
            rows = await tx.rows("effect_list", run_id, state, before, limit, agent)
        return [_effect(row) for row in rows]

    async def resolve(
        self,
        run_id: UUID,
        workspaces: Sequence[UUID],
        outcome: str,
        evidence: Mapping[str, Any],
        by: str,
        correlation_id: str,
    ) -> str | None:
        """Settle an unknown run and its unknown effects."""
        async with self._database.write(workspaces) as tx:
            row = await tx.row("run_unknown", run_id)
            if row is None:
                return None
            note = {"resolved_by": by, "outcome": outcome, "evidence": dict(evidence)}
            await _settle(tx, row, outcome, note)
            entry = Entry(
                f"run.resolved_{outcome}",
                row["workspace_id"],
                str(run_id),
                note,
                correlation_id=correlation_id,
            )
            await tx.append(entry)
        return outcome


async def _settle(tx: Transaction, row: Any, outcome: str, note: Mapping[str, Any]) -> None:
    done = outcome == "succeeded"
    envelope = orjson.loads(row["envelope"]) if row["envelope"] else None
    if envelope is not None:
        envelope["status"] = outcome
        envelope["provenance"] = {**(envelope.get("provenance") or {}), "resolved": dict(note)}
    charged = row["cost"] or row["reserved"]
    await tx.rows(
        "run_resolve",
        row["run_id"],
        outcome,
        "tool_ok" if done else "execution_error",
        charged if done else 0,
        orjson.dumps(envelope).decode() if envelope is not None else None,
    )
    state = "confirmed" if done else "failed"
    await tx.rows("effects_resolve", row["run_id"], state, orjson.dumps(dict(note)).decode())
    if not done:
        await tx.rows(
            "run_refund", row["workspace_id"], charged, row["created_at"].strftime("%Y-%m")
        )
        await tx.rows("run_key_free", row["run_id"])


def _entry(effect: Effect, state: str, correlation_id: str) -> Entry:
    body = {
        "run_id": str(effect.run_id),
        "action": effect.action,
        "target": effect.target,
        "request": effect.request_hash,
    }
    return Entry(
        f"effect.{state}",
        effect.workspace_id,
        str(effect.effect_id),
        body,
        correlation_id=correlation_id,
    )


def _effect(row: Any) -> Effect:
    return Effect(
        row["effect_id"],
        row["run_id"],
        row["workspace_id"],
        row["action"],
        row["target"],
        row["request_hash"],
        row["state"],
        orjson.loads(row["evidence"]) if row["evidence"] else None,
        row["at"],
    )
