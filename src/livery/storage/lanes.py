"""A lane of the journal: one connection with its own chain, whose waiting rows are written by one statement.

A batch that fails is split and its rows retried alone: one bad row never fails its neighbours. A batch whose
connection broke is in doubt: what of it was written is read back before anything is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg

from livery.services.runs.errors import DatabaseAway, JournalUnavailable
from livery.services.runs.ports import Probe
from livery.services.runs.types import Intent, Outcome
from livery.storage.database import LOST, SQL, connect, scope
from livery.storage.room import Room

MAX_BATCH = 256
PATIENCE_S = 30.0
"""How long a broken connection is retried: past it the lease has run out and the sweep settles what was begun."""
RETRYABLE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

Row = TypeVar("Row", Intent, Outcome)


class Lane(Generic[Row]):
    """Collects rows while the batch before is being written."""

    def __init__(
        self,
        dsn: str,
        chain_id: str,
        sql: str,
        arguments: Callable[[Sequence[Row], str], list[object]],
        name: str,
        probe: Probe,
        written: Callable[[Any], Any],
        room: Room,
        orphaned: Callable[[Row, Any], None] | None = None,
        turn: asyncio.Lock | None = None,
    ) -> None:
        """`written` reads the verdict off the row of a run that is in doubt (`...` where it is not written);
        `orphaned` hears of verdicts that nobody waits for any more. A row of a lane with it is not sent in vain.
        Lanes that lock the same rows share a `turn`: they would wait for each other in the server anyway, and what
        gathers behind the turn is written as one larger batch."""
        self._written = written
        self._room = room
        self._turn = turn or asyncio.Lock()
        self._orphaned: Callable[[Row, Any], None] | None = orphaned
        self._dsn = dsn
        self._chain_id = chain_id
        self._sql = sql
        self._arguments: Callable[[Sequence[Row], str], list[object]] = arguments
        self._name = name
        self._probe = probe
        self._waiting: list[tuple[Row, asyncio.Future[Any]]] = []
        self._writing: list[tuple[Row, asyncio.Future[Any]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: Any = None

    async def open(self) -> None:
        """Connect, and go on. Raises DatabaseFull."""
        try:
            await self._connect()
        except asyncpg.InsufficientResourcesError as error:
            raise self._room.refused(error) from error
        self._task = asyncio.create_task(self._loop(), name=f"journal-{self._name}")

    async def close(self) -> None:
        """Stop; what still waits is told so."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        fail([*self._writing, *self._waiting], _stopping)
        if self._connection is not None:
            await self._connection.close()

    def put(self, row: Row) -> asyncio.Future[Any]:
        """The verdict on this row, when its batch is written."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, future))
        self._wake.set()
        return future

    async def _connect(self) -> None:
        self._connection = await connect(self._dsn)
        await self._connection.execute(SQL["chain_open"], self._chain_id)
        # One plan for every batch: planning this statement anew costs more than running it.
        await self._connection.execute("set plan_cache_mode = force_generic_plan")

    async def _loop(self) -> None:
        while True:
            await self._wake.wait()
            async with self._turn:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                if not self._waiting:
                    self._wake.clear()
                if self._orphaned is not None:
                    batch = [item for item in batch if not item[1].cancelled()]
                if batch:
                    self._writing = batch
                    await self._write(batch)
                    self._writing = []

    async def _write(self, batch: list[tuple[Row, asyncio.Future[Any]]]) -> None:
        sent = False
        try:
            if self._connection is None or self._connection.is_closed():
                await self._connect()
            sent = True
            verdicts = await self._send([row for row, _ in batch])
        except LOST as error:
            await self._resume(batch, error, sent=sent)
        except Exception as error:  # whatever it was, the calls behind it must hear of it
            if self._connection is None or self._connection.is_closed():
                await self._resume(batch, error, sent=sent)
            else:
                await self._alone(batch, error)
        else:
            self._room.found()
            for (row, future), verdict in zip(batch, verdicts, strict=True):
                self._answer(row, future, verdict)

    async def _send(self, rows: Sequence[Row]) -> list[Any]:
        self._probe(f"{self._name}.before")
        answer = await self._connection.fetch(self._sql, *self._arguments(rows, self._chain_id))
        self._probe(f"{self._name}.after")
        return [row[1] for row in answer]

    def _answer(self, row: Row, future: asyncio.Future[Any], verdict: Any) -> None:
        if not future.done():
            future.set_result(verdict)
        elif self._orphaned is not None and future.cancelled():
            self._orphaned(row, verdict)

    async def _alone(self, batch: list[tuple[Row, asyncio.Future[Any]]], error: Exception) -> None:
        if len(batch) > 1:
            for item in batch:
                await self._write([item])
        elif isinstance(error, RETRYABLE):
            await self._write(batch)
        else:
            fail(batch, lambda: self._failure(error), error)

    def _failure(self, error: Exception) -> JournalUnavailable:
        if isinstance(error, asyncpg.InsufficientResourcesError):
            return self._room.refused(error)
        # What PostgreSQL says may quote the row; only the kind of fault goes out.
        return JournalUnavailable(
            message=f"The record could not be written ({type(error).__name__})."
        )

    async def _resume(
        self, batch: list[tuple[Row, asyncio.Future[Any]]], error: Exception, *, sent: bool
    ) -> None:
        """Go on after a broken connection. A begin that was never sent fails at once; all else must be known."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        if not sent and self._orphaned is not None:
            fail(batch, _not_started, error)
            return
        until, pause = monotonic() + PATIENCE_S, 0.05
        while True:
            try:
                await self._connect()
                known = await self._read_back([row for row, _ in batch])
                break
            except Exception as again:  # the last one is told to the calls
                if monotonic() > until:
                    fail(batch, _out_of_reach, again)
                    return
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)
        left = []
        for row, future in batch:
            verdict = known.get(row.run_id, ...)
            if verdict is ...:
                left.append((row, future))
            else:
                self._answer(row, future, verdict)
        if left:
            await self._write(left)

    async def _read_back(self, rows: Sequence[Row]) -> dict[UUID, Any]:
        async with self._connection.transaction():
            await self._connection.execute(SQL["scope"], scope([row.workspace_id for row in rows]))
            # The lost statement may still run on the server: it holds its chain until it ends.
            await self._connection.execute(SQL["chain_wait"], self._chain_id)
            found = await self._connection.fetch(SQL["run_written"], [row.run_id for row in rows])
        verdicts = {row["run_id"]: self._written(row) for row in found}
        return {run_id: verdict for run_id, verdict in verdicts.items() if verdict is not ...}


def fail(
    batch: Sequence[tuple[Any, asyncio.Future[Any]]],
    made: Callable[[], JournalUnavailable],
    cause: Exception | None = None,
) -> None:
    """Tell all of a batch that its rows are not written; each call gets an error of its own, as it raises it."""
    for _, future in batch:
        if not future.done():
            failure = made()
            failure.__cause__ = cause
            future.set_exception(failure)


def _stopping() -> JournalUnavailable:
    return JournalUnavailable(message="The platform is shutting down.")


def _not_started() -> JournalUnavailable:
    return DatabaseAway("The record cannot be reached; nothing was started.")


def _out_of_reach() -> JournalUnavailable:
    return DatabaseAway("The record cannot be reached.")
