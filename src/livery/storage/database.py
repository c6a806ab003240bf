"""The pool, and transactions that see only the workspaces of their request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.runs.errors import DatabaseAway
from livery.storage.room import Room
from livery.storage.sqlfiles import merge_queries

SQL = merge_queries(
    "livery.storage.sql",
    (
        "platform.sql",
        "catalog.sql",
        "loader.sql",
        "certification.sql",
        "composition.sql",
        "approvals.sql",
        "standing.sql",
        "effects.sql",
        "control.sql",
    ),
)
NOTIFY_CHANNEL = "livery_epoch"
LOST = (OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)
"""What asyncpg raises where the server has gone, or is coming up or down."""


async def _codecs(connection: Any) -> None:
    # jsonb travels as text both ways; values are encoded once, by whoever made them.
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=str, decoder=str, format="text"
        )


async def connect(dsn: str) -> Any:
    """One connection with our codecs."""
    connection = await asyncpg.connect(dsn, server_settings={"application_name": "livery"})
    await _codecs(connection)
    return connection


class Transaction:
    """An open transaction: queries, and the record of what it changes."""

    def __init__(self, connection: Any, chain_id: str) -> None:
        self.connection = connection
        self._chain_id = chain_id

    async def rows(self, name: str, *args: object) -> list[Any]:
        """All rows of a named query."""
        return list(await self.connection.fetch(SQL[name], *args))

    async def row(self, name: str, *args: object) -> Any:
        """The first row, or None."""
        return await self.connection.fetchrow(SQL[name], *args)

    async def value(self, name: str, *args: object) -> Any:
        """The first value, or None."""
        return await self.connection.fetchval(SQL[name], *args)

    async def many(self, name: str, rows: Sequence[Sequence[object]]) -> None:
        """A named query once for each row of arguments, in their order, sent together."""
        await self.connection.executemany(SQL[name], rows)

    async def append(self, entry: Entry) -> int:
        """Write an entry of the record; returns its sequence number."""
        seq: int = await self.value("journal_append", *self._row(entry))
        return seq

    async def append_all(self, entries: Sequence[Entry]) -> None:
        """Write entries of the record, in their order, sent together."""
        await self.many("journal_append", [self._row(entry) for entry in entries])

    def _row(self, entry: Entry) -> tuple[object, ...]:
        return (
            self._chain_id,
            entry.kind,
            entry.workspace_id,
            entry.subject_id,
            entry.code,
            entry.correlation_id,
            orjson.dumps(dict(entry.body), option=orjson.OPT_SORT_KEYS).decode(),
        )

    async def bump(self, workspace_id: UUID = PLATFORM) -> None:
        """End the epoch: every execution contract made before is refused from the commit on, in every process."""
        await self.connection.execute(SQL["epoch_bump"], workspace_id)


class Database:
    """A pool on one role. Start it with `open`."""

    def __init__(self, pool: Any, chain_id: str) -> None:
        self._pool = pool
        self.chain_id = chain_id
        self.room = Room()

    @classmethod
    async def open(cls, dsn: str, process_id: UUID, *, size: int = 8) -> Database:
        """Connect, and make the chain of this process's mutations."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            init=_codecs,
            command_timeout=60,
            server_settings={"application_name": "livery"},
        )
        database = cls(pool, f"control:{process_id}")
        async with database.connection() as connection:
            await connection.execute(SQL["chain_open"], database.chain_id)
        return database

    async def close(self) -> None:
        """Give the connections back."""
        await self._pool.close()

    @asynccontextmanager
    async def read(self, workspaces: Sequence[UUID]) -> AsyncIterator[Transaction]:
        """A read-only transaction that sees these workspaces."""
        async with self.connection() as connection, connection.transaction(readonly=True):
            await connection.execute(SQL["scope"], scope(workspaces))
            yield Transaction(connection, self.chain_id)

    @asynccontextmanager
    async def write(self, workspaces: Sequence[UUID]) -> AsyncIterator[Transaction]:
        """A transaction that sees and writes these workspaces and the platform's own rows."""
        async with self.connection() as connection, connection.transaction():
            await connection.execute(SQL["scope"], scope([PLATFORM, *workspaces]))
            yield Transaction(connection, self.chain_id)
        self.room.found()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A bare connection, for the functions that set their own scope.

        Raises:
            DatabaseAway: there is no server to connect to, or it went away meanwhile.
            DatabaseFull: its disk is full, or it lacks something else that it needs.
        """
        try:
            connection = await self._pool.acquire()
        except (*LOST, asyncpg.TooManyConnectionsError) as error:
            raise DatabaseAway from error
        try:
            yield connection
        except (*LOST, asyncpg.InterfaceError) as error:
            # What else is an OSError here came from the body, and says nothing of the server.
            if connection.is_closed():
                raise DatabaseAway from error
            raise
        except asyncpg.InsufficientResourcesError as error:
            raise self.room.refused(error) from error
        finally:
            await self._pool.release(connection)


def scope(workspaces: Sequence[UUID]) -> str:
    """The value of livery.workspaces."""
    return ",".join(sorted(map(str, set(workspaces))))
