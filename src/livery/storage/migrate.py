"""Numbered migrations, forward and back.

A folder holds `NNNN_name.up.sql` and `NNNN_name.down.sql`, numbered from 0001 without a gap.
Each runs in one transaction together with its row in `public.livery_migrations`.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import asyncpg

from livery.manifest.errors import LiveryError
from livery.storage.sqlfiles import load_queries

_FILE = re.compile(r"^(\d{4})_([a-z0-9_]+)\.(up|down)\.sql$")
_LOCK_WAIT = "60s"


class MigrationRefused(LiveryError):
    """The folder and the database do not fit together."""

    code = "configuration_error"


class MigrationFailed(LiveryError):
    """A migration did not run; the database is as it was before it."""

    code = "internal_error"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step; `checksum` is the SHA-256 of `up` with \\n line ends."""

    version: int
    name: str
    up: str
    down: str

    @property
    def checksum(self) -> str:
        """What must not change once the migration has been applied."""
        return hashlib.sha256(self.up.replace("\r\n", "\n").encode()).hexdigest()

    @property
    def label(self) -> str:
        """`0001_first`, as in its file names."""
        return f"{self.version:04d}_{self.name}"


@dataclass(frozen=True, slots=True)
class Applied:
    """A row of `livery_migrations`."""

    version: int
    name: str
    checksum: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """One migration of the folder and when it was applied (None: it waits)."""

    version: int
    name: str
    applied_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """Run one migration, forward or back."""

    migration: Migration
    forward: bool


async def migrate(dsn: str, folder: Path | Traversable, target: int | None = None) -> list[str]:
    """Bring the database to version `target` (None: the newest), forward or back.

    `dsn` is the owner's. Returns the labels of what ran, in that order. Processes that migrate
    at once wait for each other.

    Raises:
        MigrationRefused: a gap, a changed or unknown migration, a target that does not exist.
        MigrationFailed: SQL failed; nothing of that migration stays.
    """
    known = read_folder(folder)
    async with _locked(dsn) as (connection, queries):
        await connection.execute(queries["create_table"])
        steps = plan(known, await _applied(connection, queries), target)
        for step in steps:
            await _run(connection, queries, step)
    return [step.migration.label for step in steps]


async def status(dsn: str, folder: Path | Traversable) -> list[MigrationStatus]:
    """Every migration of the folder with its time of application.

    Raises:
        MigrationRefused: as `migrate`.
    """
    known = read_folder(folder)
    queries = load_queries("livery.storage.sql", "migrate.sql")
    connection = await asyncpg.connect(dsn, timeout=30)
    try:
        exists = await connection.fetchval(queries["table_exists"])
        applied = await _applied(connection, queries) if exists else []
    finally:
        await connection.close()
    plan(known, applied, None)
    times = {row.version: row.applied_at for row in applied}
    return [MigrationStatus(m.version, m.name, times.get(m.version)) for m in known]


def read_folder(folder: Path | Traversable) -> list[Migration]:
    """The migrations of `folder`, by number.

    Raises:
        MigrationRefused: a file with a strange name, a number twice, a gap, a missing half.
    """
    halves: dict[int, dict[str, tuple[str, str]]] = {}
    for entry in folder.iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE.match(entry.name)
        if match is None:
            raise MigrationRefused(
                message=f"{entry.name} is not named NNNN_name.up.sql or NNNN_name.down.sql"
            )
        version, name, way = int(match[1]), match[2], match[3]
        found = halves.setdefault(version, {})
        if way in found or any(other != name for other, _ in found.values()):
            raise MigrationRefused(message=f"two migrations are numbered {version:04d}")
        found[way] = (name, entry.read_text(encoding="utf-8"))
    for expected, version in enumerate(sorted(halves), start=1):
        if version != expected:
            raise MigrationRefused(message=f"migration {expected:04d} is missing")
        if len(halves[version]) != 2:
            half = "down" if "up" in halves[version] else "up"
            raise MigrationRefused(message=f"migration {version:04d} has no .{half}.sql")
    return [
        Migration(version, found["up"][0], found["up"][1], found["down"][1])
        for version, found in sorted(halves.items())
    ]


def plan(known: Sequence[Migration], applied: Sequence[Applied], target: int | None) -> list[Step]:
    """What leads from `applied` (by version) to `target`. Pure.

    Raises:
        MigrationRefused: see `migrate`.
    """
    for position, row in enumerate(applied, start=1):
        if row.version != position:
            raise MigrationRefused(message=f"the database lacks migration {position:04d}")
        if position > len(known):
            raise MigrationRefused(
                message=f"the database has migration {row.version:04d}_{row.name}, "
                f"this Livery knows {len(known)}",
                remedy="Run the Livery that made this database, or a newer one.",
            )
        here = known[position - 1]
        if (here.name, here.checksum) != (row.name, row.checksum):
            raise MigrationRefused(
                message=f"migration {here.label} is not the one that was applied "
                f"as {row.version:04d}_{row.name}",
                remedy="An applied migration never changes: restore it and add a new one.",
            )
    goal = len(known) if target is None else target
    if not 0 <= goal <= len(known):
        raise MigrationRefused(message=f"there is no migration {goal:04d} to go to")
    current = len(applied)
    if goal >= current:
        return [Step(migration, forward=True) for migration in known[current:goal]]
    return [Step(migration, forward=False) for migration in reversed(known[goal:current])]


async def _run(connection: Any, queries: Any, step: Step) -> None:
    migration = step.migration
    sql, way = (migration.up, "up") if step.forward else (migration.down, "down")
    file = f"{migration.label}.{way}.sql"
    try:
        async with connection.transaction():
            await connection.execute(sql)
            if not connection.is_in_transaction():
                raise MigrationFailed(message=f"{file} ends the transaction that it runs in")
            if step.forward:
                values = (migration.version, migration.name, migration.checksum)
                await connection.execute(queries["record"], *values)
            else:
                await connection.execute(queries["forget"], migration.version)
    except asyncpg.PostgresError as error:
        raise MigrationFailed(message=f"{file}{_line(error, sql)}: {error}") from error


def _line(error: Any, sql: str) -> str:
    position = getattr(error, "position", None)
    if position is None:
        return ""
    return f", line {sql.count(chr(10), 0, int(position) - 1) + 1}"


async def _applied(connection: Any, queries: Any) -> list[Applied]:
    return [Applied(*row) for row in await connection.fetch(queries["applied"])]


@asynccontextmanager
async def _locked(dsn: str) -> AsyncIterator[tuple[Any, Any]]:
    """A session in which no other process migrates this database."""
    queries = load_queries("livery.storage.sql", "migrate.sql")
    connection = await asyncpg.connect(
        dsn, timeout=30, server_settings={"lock_timeout": _LOCK_WAIT}
    )
    try:
        await connection.execute(queries["lock"])
        yield connection, queries
    except asyncpg.LockNotAvailableError as error:
        raise MigrationFailed(
            message=f"another process held the database for more than {_LOCK_WAIT}",
            remedy="See who migrates it (pg_stat_activity), then try again.",
        ) from error
    finally:
        await connection.close()
