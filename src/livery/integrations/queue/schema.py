"""procrastinate's own schema and migrations, in the schema `queue`, with grants for our roles.

What was applied stands in `queue.livery_applied`, so that a newer procrastinate brings only what is new. The version
that did it is the comment of that table: while it is the one installed here, the library is not even imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg

from livery.integrations.queue.errors import QueueSchemaFailed, QueueSchemaUnknown

SCHEMA = "queue"
_LOCK = 0x11FE_27B1  # any constant: one process at a time brings the schema up
_WHOLE = "schema"

_PREPARE = """
create schema if not exists queue;
revoke all on schema queue from public;
create table if not exists queue.livery_applied (
    name text primary key, applied_at timestamptz not null default clock_timestamp());
"""
_STAMP = "select obj_description(to_regclass('queue.livery_applied'))"
_APPLIED = "select name from queue.livery_applied"
_RECORD = "insert into queue.livery_applied (name) select unnest($1::text[])"
# The API defers and nothing else; the worker fetches, finishes and forgets.
_GRANTS = """
revoke all on all functions in schema queue from public;
grant usage on schema queue to livery_api, livery_worker;
grant select, insert on queue.procrastinate_jobs to livery_api;
grant insert on queue.procrastinate_events to livery_api;
grant select, insert, update, delete on all tables in schema queue to livery_worker;
revoke all on queue.livery_applied from livery_worker;
grant usage on all sequences in schema queue to livery_api, livery_worker;
grant execute on all functions in schema queue to livery_api, livery_worker;
"""


async def apply_schema(owner_dsn: str, folder: Path | None = None) -> list[str]:
    """Bring the queue to this procrastinate's version; returns what ran. Processes at once wait for each other.

    `folder` holds the migrations; by default it is the library's.

    Raises:
        QueueSchemaUnknown: the database has steps that this procrastinate does not know.
        QueueSchemaFailed: a step failed; nothing of it stays.
    """
    stamp = f"procrastinate {version('procrastinate')}, grants 1" if folder is None else ""
    connection = await asyncpg.connect(owner_dsn, timeout=30)
    try:
        if stamp and await connection.fetchval(_STAMP) == stamp:
            return []
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(_PREPARE)
        ran = await _bring_up(connection, folder)
        await connection.execute(_GRANTS)
        await connection.execute(f"comment on table queue.livery_applied is '{stamp}'")
        return ran
    finally:
        await connection.close()


async def _bring_up(connection: Any, folder: Path | None) -> list[str]:
    from procrastinate.schema import SchemaManager

    folder = folder or Path(SchemaManager.get_migrations_path())
    known = {file.name: file for file in sorted(folder.glob("*.sql"))}
    applied = {row["name"] for row in await connection.fetch(_APPLIED)}
    if unknown := sorted(applied - known.keys() - {_WHOLE}):
        raise QueueSchemaUnknown(
            message=f"The queue has {unknown[-1]}, which this procrastinate does not know.",
            remedy="Run the Livery that made this database, or a newer one.",
        )
    if not applied:
        # The whole schema holds every migration of its version.
        await _run(connection, _WHOLE, SchemaManager.get_schema(), [_WHOLE, *known])
        return [_WHOLE]
    missing = [name for name in known if name not in applied]
    for name in missing:
        await _run(connection, name, known[name].read_text(encoding="utf-8"), [name])
    return missing


async def _run(connection: Any, name: str, sql: str, record: Sequence[str]) -> None:
    try:
        async with connection.transaction():
            await connection.execute("set local search_path = queue")
            await connection.execute(sql)
            await connection.execute(_RECORD, list(record))
    except asyncpg.PostgresError as error:
        raise QueueSchemaFailed(message=f"procrastinate, {name}: {error}") from error
