"""Reads of the record in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from livery.services import PLATFORM
from livery.services.audit.types import Chain, Link, Position, Recorded
from livery.storage.database import SQL, Database

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PostgresAudit:
    """See services.audit.ports.AuditStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self,
        workspaces: Sequence[UUID],
        *,
        before: Position | None,
        kind: str | None,
        subject_id: str | None,
        correlation_id: str | None,
        code: str | None,
        limit: int,
    ) -> list[Recorded]:
        """Entries of these workspaces, newest first."""
        pattern = _pattern(kind) if kind else None
        async with self._database.read(workspaces) as tx:
            rows = await tx.rows(
                "audit_search",
                before.at_us if before else None,
                pattern,
                subject_id,
                correlation_id,
                code,
                limit,
                before.chain_id if before else None,
                before.seq if before else None,
            )
        return [_recorded(row) for row in rows]

    async def chains(self) -> list[Chain]:
        """Every chain, by id."""
        async with self._database.read([PLATFORM]) as tx:
            return _chains(await tx.rows("chain_list"))

    async def entries(self, chain_id: str, after: int, limit: int) -> list[Recorded]:
        """Entries of one chain behind `after`, of all workspaces."""
        async with self._database.connection() as connection:
            return [
                _recorded(row)
                for row in await connection.fetch(SQL["chain_entries"], chain_id, after, limit)
            ]

    async def links(self, chain_id: str) -> list[Link]:
        """The links of one chain, oldest first."""
        async with self._database.read([PLATFORM]) as tx:
            rows = await tx.rows("chain_links", chain_id)
        return [Link(row["first_seq"], row["last_seq"], row["hash"]) for row in rows]

    async def add_checkpoint(
        self, sign: Callable[[list[Chain], int, Mapping[str, Any] | None], Mapping[str, Any]]
    ) -> None:
        """Keep what `sign` makes of all chains, the number of checkpoints and the newest."""
        async with self._database.write([]) as tx:
            # The lock comes first: each statement behind it sees what its holder before has committed.
            await tx.rows("checkpoint_lock")
            count, newest = _newest(await tx.row("checkpoint_newest"))
            statement = sign(_chains(await tx.rows("chain_list")), count, newest)
            await tx.rows("checkpoint_add", uuid7(), orjson.dumps(dict(statement)).decode())

    async def newest_checkpoint(self) -> tuple[int, Mapping[str, Any] | None]:
        """How many checkpoints there are, and the newest."""
        async with self._database.read([PLATFORM]) as tx:
            return _newest(await tx.row("checkpoint_newest"))

    async def checkpoints(self) -> list[Mapping[str, Any]]:
        """All checkpoints, oldest first."""
        async with self._database.read([PLATFORM]) as tx:
            return [orjson.loads(row["statement"]) for row in await tx.rows("checkpoint_list")]


def _chains(rows: Sequence[Any]) -> list[Chain]:
    return [Chain(row["chain_id"], row["seq"], row["head"]) for row in rows]


def _newest(row: Any) -> tuple[int, Mapping[str, Any] | None]:
    return row["count"], orjson.loads(row["statement"]) if row["statement"] is not None else None


def _pattern(kind: str) -> str:
    """`run.*` as LIKE reads it; every other character stands for itself."""
    for char in "\\%_":
        kind = kind.replace(char, f"\\{char}")
    return kind.replace("*", "%")


def _recorded(row: Any) -> Recorded:
    return Recorded(
        row["chain_id"],
        row["seq"],
        _EPOCH + timedelta(microseconds=row["at_us"]),
        row["at_us"],
        row["kind"],
        row["workspace_id"],
        row["subject_id"],
        row["code"],
        row["correlation_id"],
        row["body"],
    )
