"""Runs that wait for an approval, in PostgreSQL: every move is a row and an entry in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from livery.manifest.envelope import error_envelope
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.identity.types import Principal
from livery.services.runs.types import Call, Parked
from livery.storage.database import Database, Transaction


class PostgresWaiting:
    """See services.runs.ports.WaitingStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def park(self, parked: Parked, process_id: UUID) -> UUID | None:
        """Keep a run that waits for this approval, or find the one that stands for the same call."""
        async with self._database.write([parked.workspace_id]) as tx:
            # The approval is held first: a decision waits, and then finds this run.
            state = await tx.value("approval_hold", parked.approval_id)
            if state not in ("requested", "granted"):
                return None
            if parked.key is None:
                known: UUID | None = await tx.value(
                    "waiting_known", parked.approval_id, parked.token_id
                )
                if known is not None:
                    return known
            elif not await tx.value(
                "waiting_key",
                parked.workspace_id,
                parked.skill_key,
                parked.key,
                parked.args_hash,
                parked.run_id,
            ):
                return None  # somebody was faster: the caller looks again
            status = "awaiting_approval" if state == "requested" else "queued"
            await _insert(tx, parked, status, process_id)
            body = {
                "approval_id": parked.approval_id,
                "args": parked.args_hash,
                "digest": parked.digest,
                "skill": f"{parked.skill_key}@{parked.version}",
            }
            await tx.append(_entry(f"run.{status}", parked, body))
        return parked.run_id

    async def claim(
        self, workspaces: Sequence[UUID], process_id: UUID, limit: int
    ) -> list[tuple[UUID, UUID]]:
        """Queued runs (run, workspace) that no living process has: from now on this one has them."""
        async with self._database.write(workspaces) as tx:
            rows = await tx.rows("waiting_claim", process_id, limit)
        return [(row["run_id"], row["workspace_id"]) for row in rows]

    async def release(self, run_id: UUID, workspace_id: UUID, process_id: UUID) -> None:
        """Give a claim back, or, where the run is not queued any more, forget that it waited."""
        async with self._database.write([workspace_id]) as tx:
            await tx.rows("waiting_unclaim", run_id, process_id)
            await tx.rows("waiting_clear", run_id)

    async def clear(self, workspaces: Sequence[UUID]) -> None:
        """Forget what waits no more: what a process left that died while it ran."""
        async with self._database.write(workspaces) as tx:
            await tx.rows("waiting_clear", None)

    async def call(self, run_id: UUID, workspace_id: UUID) -> Call | None:
        """The call of a queued run, as it was made; None where it is not queued any more."""
        async with self._database.read([PLATFORM, workspace_id]) as tx:
            row = await tx.row("waiting_call", run_id)
        if row is None or row["token_id"] is None:
            return None
        caller = Principal(
            row["token_id"],
            row["name"],
            row["role"],
            row["home"],
            row["agent"],
            row["expires_at"],
            tuple(row["hand"]),
            tuple(row["makers"]),
        )
        return Call(
            caller,
            str(row["skill_id"]),
            orjson.loads(row["input"]),
            str(row["workspace_id"]),
            row["hired_agent_id"],
            row["version"],
            row["channel"],
            approval_id=row["approval_id"],
            idempotency_key=row["key"],
            correlation_id=row["correlation_id"],
            run_id=row["run_id"],
        )

    async def end(
        self,
        run_id: UUID,
        workspaces: Sequence[UUID],
        *,
        status: str,
        code: str,
        message: str,
        by: str,
    ) -> bool:
        """End a run that waits, `denied` or `canceled`, with the approval that nobody needs any more."""
        async with self._database.write(workspaces) as tx:
            approval_id = await tx.value("waiting_approval", run_id)
            if approval_id is not None:  # the order of locks: approval, then run
                await tx.value("approval_hold", approval_id)
            row = await tx.row("waiting_one", run_id)
            if row is None:
                return False
            entries = [await _end(tx, row, status, code, message, by)]
            if status == "canceled":
                withdrawn = await tx.value("approval_withdraw", approval_id, message)
                if withdrawn is not None:
                    body = {"by": by, "reason": message}
                    entries.append(
                        Entry(f"approval.{withdrawn}", row["workspace_id"], approval_id, body)
                    )
            for entry in entries:
                await tx.append(entry)
        return True


async def queue_waiting(tx: Transaction, approval_id: str, by: str) -> list[Entry]:
    """Queue what waits for an approval that is granted; the entries to append."""
    return [
        Entry(
            "run.queued",
            row["workspace_id"],
            str(row["run_id"]),
            {"approval_id": approval_id, "by": by},
            correlation_id=row["correlation_id"],
        )
        for row in await tx.rows("waiting_queue", approval_id)
    ]


async def deny_waiting(
    tx: Transaction, approval_id: str, code: str, message: str, by: str
) -> list[Entry]:
    """Deny what waits for an approval that will not come; the entries to append."""
    return [
        await _end(tx, row, "denied", code, message, by)
        for row in await tx.rows("waiting_of", approval_id)
    ]


async def _insert(tx: Transaction, parked: Parked, status: str, process_id: UUID) -> None:
    await tx.rows(
        "waiting_run_add",
        parked.run_id,
        parked.workspace_id,
        parked.hired_agent_id,
        parked.skill_key,
        parked.version,
        parked.digest,
        parked.principal,
        status,
        parked.args_hash,
        parked.input,
        parked.approval_id,
        parked.correlation_id,
        process_id,
    )
    await tx.rows(
        "waiting_add",
        parked.run_id,
        parked.workspace_id,
        parked.approval_id,
        parked.token_id,
        parked.skill_id,
        parked.asked_version,
        parked.asked_channel,
        parked.key,
    )


async def _end(tx: Transaction, row: Any, status: str, code: str, message: str, by: str) -> Entry:
    envelope = error_envelope(
        code,
        run_id=str(row["run_id"]),
        skill_key=row["skill_key"],
        skill_version=row["skill_version"],
        digest=row["digest"],
        correlation_id=row["correlation_id"],
        status=status,
        message=message,
        retryable=False,
        approval_id=row["approval_id"],
    )
    document = orjson.dumps(envelope.to_dict()).decode()
    await tx.rows("waiting_end", row["run_id"], status, code, document)
    await tx.rows("waiting_forget", row["run_id"])
    return Entry(
        f"run.{status}",
        row["workspace_id"],
        str(row["run_id"]),
        {"approval_id": row["approval_id"], "by": by, "reason": message},
        code=code,
        correlation_id=row["correlation_id"],
    )


def _entry(kind: str, parked: Parked, body: dict[str, Any]) -> Entry:
    return Entry(
        kind, parked.workspace_id, str(parked.run_id), body, correlation_id=parked.correlation_id
    )
