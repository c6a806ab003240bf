"""The journal's writer: calls wait together, one statement and one commit write them all.

Calls of one workspace share a lane, so lanes do not wait for each other's budget row. While PostgreSQL writes the
batch of one lane, Python works on the calls of the other one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from livery.kernel.decide import Permit
from livery.manifest.envelope import error_envelope
from livery.services.runs.errors import DatabaseAway, JournalUnavailable
from livery.services.runs.ports import Probe
from livery.services.runs.types import Intent, Outcome
from livery.storage.database import LOST, SQL, Database, scope
from livery.storage.lanes import PATIENCE_S, RETRYABLE, Lane

_AGAIN = (DatabaseAway, *LOST, *RETRYABLE, asyncpg.InterfaceError)


class JournalWriter:
    """Begins and settles runs. `lanes` pairs of connections; open it before use."""

    def __init__(
        self, database: Database, dsn: str, process_id: UUID, probe: Probe, *, lanes: int = 2
    ) -> None:
        self._database = database
        self._probe = probe
        self._renew: Callable[[], Awaitable[None]] | None = None
        self.process_id = process_id
        turns = [asyncio.Lock() for _ in range(lanes)]
        self._begin = [
            Lane[Intent](
                dsn,
                f"begin-{lane}:{process_id}",
                SQL["begin_batch"],
                self._begin_arguments,
                "begin",
                probe,
                lambda row: _begun(row, self.process_id),
                database.room,
                self._abandon,
                turns[lane],
            )
            for lane in range(lanes)
        ]
        self._settle = [
            Lane[Outcome](
                dsn,
                f"settle-{lane}:{process_id}",
                SQL["settle_batch"],
                _settle_arguments,
                "settle",
                probe,
                _settled,
                database.room,
                turn=turns[lane],
            )
            for lane in range(lanes)
        ]

    def adopt(self, process_id: UUID) -> None:
        """Begin runs under this lease from now on."""
        self.process_id = process_id

    def on_lost(self, renew: Callable[[], Awaitable[None]]) -> None:
        """Call this when a begin finds the lease run out; it adopts another one before the call is tried again."""
        self._renew = renew

    async def open(self) -> None:
        """Connect the lanes."""
        for lane in self._lanes():
            await lane.open()

    async def close(self) -> None:
        """Stop; what still waits is told so."""
        for lane in self._lanes():
            await lane.close()

    def _lanes(self) -> list[Lane[Any]]:
        return [*self._begin, *self._settle]

    async def begin(self, intent: Intent) -> str | None:
        """See services.runs.ports.Journal."""
        permit = intent.permit
        if intent.denied is None and not (
            isinstance(permit, Permit)
            and permit.args_hash == intent.args_hash
            and permit.digest == intent.digest
        ):
            raise TypeError("Nothing begins without the kernel's Permit for exactly this call.")
        waiting = self._begin[_lane(intent.workspace_id, len(self._begin))].put(intent)
        try:
            verdict: str | None = await waiting
        except asyncio.CancelledError:
            # The caller may be gone in the very moment in which its verdict has come.
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self._abandon(intent, waiting.result())
            raise
        if verdict == "!lease" and self._renew is not None:
            await self._renew()
        return verdict

    async def settle(self, outcome: Outcome) -> bool | None:
        """See services.runs.ports.Journal."""
        if outcome.artifacts:
            return await self._settle_with_artifacts(outcome)
        settled: bool | None = await self._settle[
            _lane(outcome.workspace_id, len(self._settle))
        ].put(outcome)
        return settled

    def _abandon(self, intent: Intent, verdict: str | None) -> None:
        """The caller of a run that has just begun is gone: nothing will invoke it, so it ends here."""
        if verdict is None:
            lane = self._settle[_lane(intent.workspace_id, len(self._settle))]
            lane.put(_never_invoked(intent)).add_done_callback(_retrieved)

    async def _settle_with_artifacts(self, outcome: Outcome) -> bool | None:
        until, pause = monotonic() + PATIENCE_S, 0.05
        while True:
            try:
                return await self._write_artifacts(outcome)
            except Exception as error:
                if not isinstance(error, _AGAIN) or monotonic() > until:
                    if isinstance(error, JournalUnavailable):
                        raise
                    message = f"The record could not be written ({type(error).__name__})."
                    raise JournalUnavailable(message=message) from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    async def _write_artifacts(self, outcome: Outcome) -> bool | None:
        async with self._database.write([outcome.workspace_id]) as tx:
            arguments = _settle_arguments([outcome], self._database.chain_id)
            self._probe("settle.before")
            answer = await tx.connection.fetch(SQL["settle_batch"], *arguments)
            if answer[0][1] is None:
                return None
            if not answer[0][1]:
                # Where the connection broke at the commit of an attempt before, that attempt may have counted.
                found = await tx.row("run_written", [outcome.run_id])
                return found is not None and _settled(found) is True
            for item in outcome.artifacts:
                made = item.artifact
                await tx.value(
                    "artifact_add",
                    made.artifact_id,
                    made.run_id,
                    made.workspace_id,
                    made.skill_key,
                    made.skill_version,
                    made.name,
                    made.media_type,
                    made.size,
                    made.sha256,
                    item.content,
                    orjson.dumps(made.statement).decode(),
                    made.created_at,
                )
        self._probe("settle.after")
        return True

    def _begin_arguments(self, rows: Sequence[Intent], chain_id: str) -> list[object]:
        # The permit stays here: what the database is sent are the columns of livery.intent.
        workspaces = scope([row.workspace_id for row in rows])
        return [workspaces, self.process_id, chain_id, [row[:-1] for row in rows]]


def _settle_arguments(rows: Sequence[Outcome], chain_id: str) -> list[object]:
    # Artifacts are written beside: what is sent are the columns of livery.outcome.
    return [scope([row.workspace_id for row in rows]), chain_id, [row[:-1] for row in rows]]


def _lane(workspace_id: UUID, lanes: int) -> int:
    return workspace_id.int % lanes


def _begun(row: Any, process_id: UUID) -> Any:
    if row["status"] == "queued":  # it was there before, and is not begun
        return ...
    # A run that waited may be in the hands of whoever claimed it meanwhile: it is not started twice.
    if row["waited"] and row["status"] != "denied" and row["process_id"] != process_id:
        return "!taken"
    return row["code"] if row["status"] == "denied" else None


def _settled(row: Any) -> Any:
    # Only a settle writes an envelope: a run that the sweep has ended has none.
    return True if row["status"] != "running" and row["answered"] else ...


def _never_invoked(intent: Intent) -> Outcome:
    envelope = error_envelope(
        "execution_error",
        run_id=str(intent.run_id),
        skill_key=intent.skill_key,
        skill_version=intent.version,
        digest=intent.digest,
        correlation_id=intent.correlation_id,
        message="The caller went away before the skill was called.",
        retryable=True,
    )
    return Outcome(
        intent.run_id,
        intent.workspace_id,
        intent.skill_key,
        envelope.status,
        envelope.code,
        intent.estimate,
        0,
        0,
        0,
        0,
        True,
        intent.key,
        intent.correlation_id,
        orjson.dumps(envelope.to_dict()).decode(),
        '{"invoked":false}',
    )


def _retrieved(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
