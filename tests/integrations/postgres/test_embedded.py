"""One process and its server."""

import asyncio
import os
import shutil
import time
from pathlib import Path

import asyncpg
import psycopg
import pytest

from livery.integrations.postgres import (
    EmbeddedPostgres,
    is_running,
    locks,
    spawn,
    start_embedded,
    stop,
)
from livery.integrations.postgres.errors import (
    DatabaseHomeRefused,
    DatabaseStartFailed,
    DatabaseVersionMismatch,
)
from livery.integrations.postgres.layout import MAX_SOCKET_PATH, Layout

from .conftest import wait_for


async def _ask(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_settings_that_promises_rest_on(embedded_postgres: EmbeddedPostgres) -> None:
    dsn = embedded_postgres.admin_dsn
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "jit": "off",
        "commit_delay": "0",
        "password_encryption": "scram-sha-256",
        "max_connections": "120",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
    }
    found = {name: await _ask(dsn, f"select current_setting('{name}')") for name in expected}
    assert found == expected
    assert await _ask(dsn, "select array_agg(distinct auth_method) from pg_hba_file_rules") == [
        "scram-sha-256"
    ]
    major = await _ask(dsn, "select current_setting('server_version_num')::int / 10000")
    assert major == 18


async def test_no_role_enters_without_its_password(embedded_postgres: EmbeddedPostgres) -> None:
    wrong = embedded_postgres.dsn("postgres", "postgres", "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(embedded_postgres.dsn("postgres", "postgres", ""), passfile="/dev/null")


async def test_urls_serve_both_drivers_whatever_the_environment_says(
    embedded_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGHOST": "nowhere.invalid",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGDATABASE": "nothing",
        "PGPASSWORD": "wrong",
        "PGSSLMODE": "require",
    }.items():
        monkeypatch.setenv(name, value)
    assert await _ask(embedded_postgres.admin_dsn, "select 1") == 1
    with psycopg.connect(embedded_postgres.admin_dsn) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def _modes(path: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_mode, p.stat().st_uid) for p in path.parents}


async def test_parent_folders_keep_their_modes(folder: Path) -> None:
    closed = folder / "closed" / "deeper"
    closed.mkdir(parents=True, mode=0o700)
    closed.parent.chmod(0o700)
    home = closed / "home"
    before = _modes(home)
    server = await start_embedded(home)
    try:
        assert await _ask(server.admin_dsn, "select 1") == 1
        assert _modes(home) == before
    finally:
        await server.release()
        assert await stop(home)
    assert _modes(home) == before


@pytest.mark.parametrize(
    "name",
    ["with spaces & 100% 'quotes'", "comma, here", "ü" * 60, "long-" + "x" * 120],
    ids=["spaces", "comma", "unicode", "long"],
)
async def test_home_may_have_any_name(folder: Path, name: str) -> None:
    home = folder / name
    server = await start_embedded(home)
    try:
        assert await _ask(server.admin_dsn, "select 1") == 1
        with psycopg.connect(server.admin_dsn) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert len(os.fsencode(server.socket_dir)) < MAX_SOCKET_PATH
        holding = server.socket_dir.parent.stat()
        assert holding.st_mode & 0o777 == 0o700
        assert is_running(home)
    finally:
        await server.release()
        assert await stop(home)
    link = server.socket_dir.parent
    if not link.is_relative_to(home):
        shutil.rmtree(link)


async def test_short_folder_of_somebody_else_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    layout = Layout.of(folder / ("x" * 120))
    squatter = layout.client_socket_dir().parent
    shutil.rmtree(squatter)
    squatter.symlink_to(folder)
    with pytest.raises(DatabaseHomeRefused, match=squatter.name):
        layout.client_socket_dir()


async def test_data_of_another_major_version_is_refused(home: Path) -> None:
    await (await start_embedded(home)).release()
    assert await stop(home)
    (Layout.of(home).data / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseVersionMismatch, match=r"PostgreSQL 16.*PostgreSQL 18"):
        await start_embedded(home)
    assert not is_running(home)


async def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    await (await start_embedded(home)).release()
    assert await stop(home)
    with (Layout.of(home).data / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(DatabaseStartFailed, match="no_such_setting"):
        await start_embedded(home)
    assert not list(Layout.of(home).holders.iterdir())


async def test_waiting_for_another_start_ends(home: Path) -> None:
    layout = Layout.of(home)
    layout.prepare()
    start = locks.try_lock(layout.start_lock)
    assert start is not None
    with pytest.raises(DatabaseStartFailed, match="another process"):
        await start_embedded(home, timeout_s=0.1)
    locks.unlock(start)


async def test_a_lost_superuser_password_is_said(home: Path) -> None:
    await (await start_embedded(home)).release()
    assert await stop(home)
    key = Layout.of(home).superuser_key
    kept = key.read_text()
    key.unlink()
    with pytest.raises(DatabaseHomeRefused, match="postgres-superuser"):
        await start_embedded(home)
    key.write_text("another")
    with pytest.raises(DatabaseHomeRefused, match="does not open"):
        await start_embedded(home)
    key.write_text(kept)
    server = await start_embedded(home)
    await server.release()


async def test_an_interrupted_first_start_is_begun_again(home: Path) -> None:
    layout = Layout.of(home)
    layout.prepare()
    (layout.staging / "data" / "base").mkdir(parents=True)
    layout.superuser_key.write_text("of the interrupted start")
    server = await start_embedded(home)
    assert await _ask(server.admin_dsn, "select 1") == 1
    assert not layout.staging.exists()
    await server.release()


async def test_stop_does_not_ask_the_holders(home: Path) -> None:
    server = await start_embedded(home)
    assert is_running(home)
    assert await stop(home)
    assert not is_running(home)
    again = await start_embedded(home)
    assert await _ask(again.admin_dsn, "select 1") == 1
    await again.release()
    await server.release()
    await server.release()  # twice is once


async def test_stop_of_nothing_is_done(home: Path) -> None:
    assert await stop(home)
    assert not is_running(home)
    assert not home.exists()


async def test_a_cancelled_start_leaves_no_hold(home: Path) -> None:
    starting = asyncio.create_task(start_embedded(home))
    await asyncio.sleep(0.05)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    layout = Layout.of(home)
    deadline = time.monotonic() + 240
    while locks.is_held(layout.start_lock) or locks.held(layout.holders):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)  # the callback that drops the hold runs in this loop
    wait_for(lambda: not locks.is_held(layout.watchdog_lock), "the server to stop")


async def test_the_log_quotes_no_statement(home: Path) -> None:
    server = await start_embedded(home)
    connection = await asyncpg.connect(server.admin_dsn)
    await connection.execute("create table t (secret text primary key)")
    await connection.execute("insert into t values ('hunter2-in-a-row')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("insert into t values ('hunter2-in-a-row')")
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await connection.execute("alter role postgres passwort 'hunter2-in-a-statement'")
    await connection.close()
    log = Layout.of(home).log.read_text()
    assert "unique constraint" in log  # it does say what went wrong
    assert "hunter2" not in log
    await server.release()


def test_a_long_log_is_put_aside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from livery.integrations.postgres import server

    monkeypatch.setattr(server, "_MAX_LOG_BYTES", 10)
    layout = Layout.of(home)
    layout.prepare()
    layout.log.write_text("x" * 11)
    os.close(server.open_log(layout))
    assert layout.log.read_text() == ""
    assert layout.log.with_name("postgres.log.1").read_text() == "x" * 11


def test_a_watchdog_that_says_nothing_is_an_error(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.of(home)
    layout.prepare()
    monkeypatch.setattr(spawn, "_WATCHDOG", "livery.integrations.postgres.ping")
    with pytest.raises(DatabaseStartFailed):
        spawn.spawn_watchdog(layout, time.monotonic() + 30)
