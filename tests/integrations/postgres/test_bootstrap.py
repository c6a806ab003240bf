"""Roles and databases on a real server of their own (roles belong to a whole server)."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from tests.support.postgres import session

from livery.integrations.postgres import EmbeddedPostgres, start_embedded
from livery.integrations.postgres.bootstrap import ROLES, bootstrap, refuse_unsafe_role
from livery.integrations.postgres.errors import (
    DatabaseHomeRefused,
    DatabasePasswordLost,
    UnsafeDatabaseRole,
)
from livery.integrations.postgres.urls import DatabaseUrls


@pytest.fixture
async def server(home: Path) -> AsyncIterator[EmbeddedPostgres]:
    held = await start_embedded(home)
    yield held
    await held.release()


async def _who(url: str) -> tuple[str, str]:
    async with session(url) as connection:
        row = await connection.fetchrow("select current_user::text, current_database()::text")
        return row[0], row[1]


def _elsewhere(url: str, database: str) -> str:
    head, _, tail = url.rpartition("?")
    return f"{head.rpartition('/')[0]}/{database}?{tail}"


async def _may_connect(url: str) -> bool:
    try:
        await (await asyncpg.connect(url)).close()
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True


async def test_each_role_reaches_its_database_and_no_other(
    server: EmbeddedPostgres, home: Path
) -> None:
    urls = await bootstrap(server.admin_dsn, home)
    assert [await _who(url) for url in astuple(urls)] == [
        ("livery_owner", "livery"),
        ("livery_api", "livery"),
        ("livery_worker", "livery"),
        ("livery_auditor", "livery"),
        ("livery_vault_owner", "vault"),
        ("livery_vault", "vault"),
    ]
    with psycopg.connect(urls.api) as connection:
        assert connection.execute("select current_user").fetchone() == ("livery_api",)
    for url in (urls.owner, urls.api, urls.worker, urls.auditor):
        assert not await _may_connect(_elsewhere(url, "vault"))
    for url in (urls.vault, urls.vault_owner):
        assert not await _may_connect(_elsewhere(url, "livery"))


async def test_process_roles_can_create_nothing(server: EmbeddedPostgres, home: Path) -> None:
    urls = await bootstrap(server.admin_dsn, home)
    for url in (urls.api, urls.worker, urls.auditor, urls.vault):
        async with session(url) as connection:
            await refuse_unsafe_role(connection)
            for statement in (
                "create table public.t (n int)",
                "create schema s",
                "create temporary table t (n int)",
                "create role r",
                "create database d",
                "set role livery_owner",
                "set role postgres",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)


async def test_again_and_at_once_changes_nothing(server: EmbeddedPostgres, home: Path) -> None:
    first = await asyncio.gather(*(bootstrap(server.admin_dsn, home) for _ in range(4)))
    assert {astuple(urls) for urls in first} == {astuple(await bootstrap(server.admin_dsn, home))}
    kept = home / "keys" / "database.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(kept.read_text())) == set(ROLES)


async def test_lost_passwords_are_reset_on_the_embedded_server(
    server: EmbeddedPostgres, home: Path
) -> None:
    before = await bootstrap(server.admin_dsn, home)
    kept = home / "keys" / "database.json"
    passwords = json.loads(kept.read_text())
    del passwords["livery_api"]
    kept.write_text(json.dumps(passwords))
    after = await bootstrap(server.admin_dsn, home)
    assert before.worker == after.worker
    assert before.api != after.api
    assert await _who(after.api) == ("livery_api", "livery")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(before.api)
    kept.unlink()
    await _who((await bootstrap(server.admin_dsn, home)).vault)


async def test_another_machine_does_not_take_the_roles_over(
    server: EmbeddedPostgres, home: Path, folder: Path
) -> None:
    first = await bootstrap(server.admin_dsn, home)
    other = folder / "another machine"
    with pytest.raises(DatabasePasswordLost, match="livery_api"):
        await bootstrap(server.admin_dsn, other)
    assert await _who(first.api) == ("livery_api", "livery")
    second = await bootstrap(server.admin_dsn, other, reset_passwords=True)
    assert await _who(second.api) == ("livery_api", "livery")


async def test_a_damaged_password_file_is_not_overwritten(
    server: EmbeddedPostgres, home: Path
) -> None:
    kept = home / "keys" / "database.json"
    kept.write_text("{")
    with pytest.raises(DatabaseHomeRefused, match="damaged"):
        await bootstrap(server.admin_dsn, home)
    assert kept.read_text() == "{"


async def test_an_administrator_who_is_no_superuser_is_enough(
    server: EmbeddedPostgres, home: Path, folder: Path
) -> None:
    async with session(server.admin_dsn) as connection:
        await connection.execute("create role admin login createrole createdb password 'a'")
    admin = server.dsn("admin", "postgres", "a")
    urls = await bootstrap(admin, folder / "external")
    assert await _who(urls.owner) == ("livery_owner", "livery")
    assert await bootstrap(admin, folder / "external")


@pytest.mark.parametrize("attribute", ["superuser", "bypassrls"])
async def test_a_role_above_row_level_security_is_refused(
    server: EmbeddedPostgres, home: Path, attribute: str
) -> None:
    urls = await bootstrap(server.admin_dsn, home)
    async with session(server.admin_dsn) as admin:
        with pytest.raises(UnsafeDatabaseRole, match="postgres is a superuser"):
            await refuse_unsafe_role(admin)
        await admin.execute(f"alter role livery_api {attribute}")
        await _refused(urls, "livery_api")
        with pytest.raises(UnsafeDatabaseRole, match="livery_api"):
            await bootstrap(server.admin_dsn, home)
        await admin.execute(f"alter role livery_api no{attribute}")
        # It is enough that the role could become one.
        await admin.execute(f"create role high {attribute}; grant high to livery_api")
        await _refused(urls, "high")


async def _refused(urls: DatabaseUrls, name: str) -> None:
    connection: Any
    async with session(urls.api) as connection:
        with pytest.raises(UnsafeDatabaseRole, match=name):
            await refuse_unsafe_role(connection)


async def test_no_password_reaches_the_server_or_its_log(
    server: EmbeddedPostgres, home: Path
) -> None:
    async with session(server.admin_dsn) as admin:
        await admin.execute("alter system set log_statement = 'all'")
        await admin.execute("select pg_reload_conf()")
    await bootstrap(server.admin_dsn, home)
    log = (home / "logs" / "postgres.log").read_text()
    passwords = json.loads((home / "keys" / "database.json").read_text())
    assert "create role livery_api" in log
    assert not [role for role, password in passwords.items() if password in log]
