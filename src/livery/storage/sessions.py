"""Session facts in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from livery.services.audit.types import Entry
from livery.services.sessions.types import CheckedBatch, Ingested, StoredSegment
from livery.storage.database import Database, Transaction
from livery.storage.sqlfiles import load_queries

SQL = load_queries("livery.storage.sql", "sessions.sql")


class PostgresSessions:
    """See services.sessions.ports.SessionStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cursors(
        self, workspace_id: UUID, *, after: str, limit: int
    ) -> list[Mapping[str, Any]]:
        """Cursors of files with an identifier above `after`, by identifier."""
        async with self._database.read([workspace_id]) as tx:
            rows = await tx.connection.fetch(SQL["cursor_list"], workspace_id, after, limit)
        return [_cursor(row) for row in rows]

    async def save(self, workspace_id: UUID, batch: CheckedBatch, correlation_id: str) -> Ingested:
        """Store a batch whole, with its entry in the record, in one transaction."""
        async with self._database.write([workspace_id]) as tx:
            new = await _add_segments(tx, workspace_id, batch)
            changed = await _set_cursors(tx, workspace_id, batch)
            done = Ingested(batch.batch_id, len(new), sum(s.rows for s in new), changed)
            if new or changed:
                body = {
                    "segments": [f"{s.entity}:{s.sha256}" for s in new],
                    "rows": done.rows,
                    "files": changed,
                }
                entry = Entry(
                    "sessions.ingested",
                    workspace_id,
                    batch.batch_id,
                    body,
                    correlation_id=correlation_id,
                )
                await tx.append(entry)
        return done

    async def segments(self, workspace_id: UUID) -> list[StoredSegment]:
        """All segments of a workspace in the order of ingestion, without their bytes."""
        async with self._database.read([workspace_id]) as tx:
            rows = await tx.connection.fetch(SQL["segment_list"], workspace_id)
        return [
            StoredSegment(row["seq"], row["entity"], row["sha256"], row["rows"], row["size"])
            for row in rows
        ]

    async def contents(self, workspace_id: UUID, hashes: Sequence[str]) -> Mapping[str, bytes]:
        """The bytes of segments by SHA-256 (hex); what is not there is left out."""
        async with self._database.read([workspace_id]) as tx:
            rows = await tx.connection.fetch(SQL["segment_contents"], workspace_id, list(hashes))
        return {row["sha256"]: row["content"] for row in rows}


async def _add_segments(tx: Transaction, workspace_id: UUID, batch: CheckedBatch) -> list[Any]:
    new = []
    for segment in batch.segments:
        seq = await tx.connection.fetchval(
            SQL["segment_add"],
            workspace_id,
            segment.sha256,
            segment.entity,
            segment.rows,
            segment.data,
            batch.batch_id,
        )
        if seq is not None:
            new.append(segment)
    return new


async def _set_cursors(tx: Transaction, workspace_id: UUID, batch: CheckedBatch) -> int:
    changed = 0
    # In one order, so that two batches never wait for each other in a circle.
    for cursor in sorted(batch.cursors, key=lambda cursor: str(cursor["file"])):
        changed += bool(
            await tx.connection.fetchval(
                SQL["cursor_set"],
                workspace_id,
                *(cursor[name] for name in ("file", "label", "format", "offset", "line")),
                cursor["skipping"],
                cursor["proof"],
                orjson.dumps(cursor["state"]).decode(),
            )
        )
    return changed


def _cursor(row: Any) -> dict[str, Any]:
    return {
        "file": row["file"],
        "label": row["label"],
        "format": row["format"],
        "offset": row["byte_offset"],
        "line": row["line_number"],
        "skipping": row["skipping"],
        "proof": row["proof"],
        "state": orjson.loads(row["state"]),
    }
