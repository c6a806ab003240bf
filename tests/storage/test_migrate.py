import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.postgres import session

from livery.storage import migrate as module
from livery.storage.migrate import (
    Applied,
    Migration,
    MigrationFailed,
    MigrationRefused,
    migrate,
    plan,
    read_folder,
    status,
)

NewDatabase = Callable[[], Awaitable[str]]
_AT = datetime(2026, 1, 1, tzinfo=UTC)


def _write(folder: Path, label: str, up: str, down: str = "select 1;") -> None:
    (folder / f"{label}.up.sql").write_text(up)
    (folder / f"{label}.down.sql").write_text(down)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _write(
        tmp_path,
        "0001_one",
        "create schema a; create table a.one (n int);",
        "drop schema a cascade;",
    )
    _write(tmp_path, "0002_two", "create table a.two (n int);", "drop table a.two;")
    _write(tmp_path, "0003_three", "create table a.three (n int);", "drop table a.three;")
    (tmp_path / "__init__.py").touch()
    return tmp_path


async def _tables(dsn: str) -> list[str]:
    async with session(dsn) as connection:
        rows = await connection.fetch(
            "select relname::text from pg_class"
            " where relnamespace = to_regnamespace('a') order by 1"
        )
    return [row[0] for row in rows]


async def test_forward_back_and_forward(empty_database: NewDatabase, folder: Path) -> None:
    dsn = await empty_database()
    assert [(s.version, s.applied_at) for s in await status(dsn, folder)] == [
        (1, None),
        (2, None),
        (3, None),
    ]
    assert await migrate(dsn, folder, 2) == ["0001_one", "0002_two"]
    assert await _tables(dsn) == ["one", "two"]
    assert await migrate(dsn, folder) == ["0003_three"]
    assert await migrate(dsn, folder) == []
    assert await migrate(dsn, folder, 1) == ["0003_three", "0002_two"]
    assert await _tables(dsn) == ["one"]
    found = await status(dsn, folder)
    assert [(s.name, s.applied_at is None) for s in found] == [
        ("one", False),
        ("two", True),
        ("three", True),
    ]
    assert await migrate(dsn, folder, 0) == ["0001_one"]
    assert await _tables(dsn) == []
    assert len(await migrate(dsn, folder)) == 3


async def test_processes_that_migrate_at_once_run_each_once(
    empty_database: NewDatabase, folder: Path
) -> None:
    dsn = await empty_database()
    done = await asyncio.gather(*(migrate(dsn, folder) for _ in range(5)))
    assert sorted(itertools.chain(*done)) == ["0001_one", "0002_two", "0003_three"]


async def test_a_failing_migration_leaves_nothing_of_itself(
    empty_database: NewDatabase, folder: Path
) -> None:
    dsn = await empty_database()
    _write(folder, "0003_three", "create table a.three (n int);\n\nselect * from a.missing;")
    with pytest.raises(MigrationFailed, match=r"0003_three\.up\.sql, line 3: .*a\.missing"):
        await migrate(dsn, folder)
    assert await _tables(dsn) == ["one", "two"]
    assert [s.applied_at is None for s in await status(dsn, folder)] == [False, False, True]


async def test_a_migration_may_not_commit(empty_database: NewDatabase, folder: Path) -> None:
    dsn = await empty_database()
    _write(folder, "0001_one", "create schema a; commit;")
    with pytest.raises(MigrationFailed, match="ends the transaction"):
        await migrate(dsn, folder)


async def test_an_applied_migration_must_stay_what_it_was(
    empty_database: NewDatabase, folder: Path
) -> None:
    dsn = await empty_database()
    await migrate(dsn, folder, 2)
    path = folder / "0001_one.up.sql"
    original = path.read_text()
    path.write_text(original + "\n")
    for attempt in (migrate(dsn, folder), migrate(dsn, folder, 0), status(dsn, folder)):
        with pytest.raises(MigrationRefused, match="0001_one is not the one that was applied"):
            await attempt
    path.write_text(original)
    (folder / "0001_one.down.sql").write_text("drop schema a cascade; -- corrected")
    assert await migrate(dsn, folder) == ["0003_three"]


async def test_a_database_of_a_newer_livery_is_left_alone(
    empty_database: NewDatabase, folder: Path
) -> None:
    dsn = await empty_database()
    await migrate(dsn, folder)
    for half in folder.glob("0003*"):
        half.unlink()
    with pytest.raises(MigrationRefused, match="0003_three, this Livery knows 2"):
        await migrate(dsn, folder)


@pytest.mark.parametrize("target", [-1, 4])
async def test_a_target_that_does_not_exist(
    empty_database: NewDatabase, folder: Path, target: int
) -> None:
    with pytest.raises(MigrationRefused, match="no migration"):
        await migrate(await empty_database(), folder, target)


async def test_a_migrator_that_waits_too_long_gives_up(
    empty_database: NewDatabase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = await empty_database()
    monkeypatch.setattr(module, "_LOCK_WAIT", "50ms")
    async with session(dsn) as other:
        await other.execute("select pg_advisory_lock(7240613)")
        with pytest.raises(MigrationFailed, match="another process"):
            await migrate(dsn, folder)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["0001_a.up.sql"], "0001 has no .down.sql"),
        (["0001_a.down.sql"], "0001 has no .up.sql"),
        (["0002_a.up.sql", "0002_a.down.sql"], "0001 is missing"),
        (["0001_a.up.sql", "0001_b.down.sql"], "two migrations are numbered 0001"),
        (["1_a.up.sql"], "1_a.up.sql is not named"),
        (["0001_A.up.sql"], "0001_A.up.sql is not named"),
    ],
)
def test_a_folder_that_is_not_in_order(tmp_path: Path, files: list[str], message: str) -> None:
    for name in files:
        (tmp_path / name).write_text("select 1;")
    with pytest.raises(MigrationRefused, match=message):
        read_folder(tmp_path)


def test_line_ends_do_not_change_a_migration() -> None:
    unix, windows = (Migration(1, "a", f"select 1;{end}", "") for end in ("\n", "\r\n"))
    assert unix.checksum == windows.checksum
    # printf 'select 1;\n' | sha256sum
    assert unix.checksum == "4a45092ccf992ea92250053a80b931b787924ba61648f420555511b84f10ab6c"


def _row(migration: Migration) -> Applied:
    return Applied(migration.version, migration.name, migration.checksum, _AT)


_KNOWN = [Migration(n, f"m{n}", f"up {n}", f"down {n}") for n in range(1, 7)]


@given(st.integers(0, 6), st.integers(0, 6))
def test_a_plan_leads_from_anywhere_to_anywhere(current: int, target: int) -> None:
    at = current
    for step in plan(_KNOWN, [_row(m) for m in _KNOWN[:current]], target):
        if step.forward:
            at += 1
            assert step.migration.version == at
        else:
            assert step.migration.version == at
            at -= 1
    assert at == target


def test_a_gap_in_the_database_is_refused() -> None:
    with pytest.raises(MigrationRefused, match="lacks migration 0002"):
        plan(_KNOWN, [_row(_KNOWN[0]), _row(_KNOWN[2])], None)
