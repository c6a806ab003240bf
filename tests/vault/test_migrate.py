from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from livery.vault.errors import VaultMisconfigured
from livery.vault.migrate import migrate
from livery.vault.store import Store

from .conftest import Make, Vault, at

SHAPE = """
SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
WHERE table_schema = 'vault' ORDER BY 1, 2"""
LEFT = "SELECT 1 FROM pg_namespace WHERE nspname = 'vault'"


async def test_forward_back_and_forward(make_database: Make) -> None:
    database = await make_database()
    before = await database.rows(SHAPE)
    connection = await asyncpg.connect(database.urls.vault_owner)
    assert await migrate(connection) == 1  # again: nothing to do
    assert await migrate(connection, 0) == 0
    assert await database.rows(LEFT) == []
    assert await migrate(connection) == 1
    assert await database.rows(SHAPE) == before
    assert len(before) == 3 + 11 + 11
    await connection.close()


async def test_the_walls_between_the_databases(make_database: Make) -> None:
    urls = (await make_database()).urls
    platform, vault = (urlsplit(url).path.lstrip("/") for url in (urls.api, urls.vault))
    for role in (urls.api, urls.worker, urls.auditor, urls.owner):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await asyncpg.connect(at(role, vault))
        await (await asyncpg.connect(at(role, platform))).close()
    for role in (urls.vault, urls.vault_owner):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await asyncpg.connect(at(role, platform))
        await (await asyncpg.connect(at(role, vault))).close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM vault.credentials",
        "TRUNCATE vault.credentials",
        "UPDATE vault.credentials SET workspace_id = gen_random_uuid()",
        "UPDATE vault.credentials SET kind = 'other'",
        "UPDATE vault.access SET outcome = 'ok'",
        "DELETE FROM vault.access",
        "ALTER TABLE vault.credentials DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE vault.other (a int)",
        "SET ROLE postgres",
        "SET ROLE livery_vault_owner",
    ],
)
async def test_what_the_role_of_the_vault_may_not_do(vault: Vault, statement: str) -> None:
    connection = await asyncpg.connect(vault.database.dsn)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def test_a_role_above_row_level_security_is_refused(make_database: Make) -> None:
    database = await make_database()
    with pytest.raises(VaultMisconfigured, match="superuser"):
        async with Store.open(database.admin_dsn):
            pytest.fail("opened")


async def test_an_owner_is_refused(make_database: Make) -> None:
    database = await make_database()
    await database.rows("ALTER TABLE vault.credentials OWNER TO livery_vault")
    with pytest.raises(VaultMisconfigured, match="owns"):
        async with Store.open(database.dsn):
            pytest.fail("opened")


async def test_the_owner_role_is_refused(make_database: Make) -> None:
    with pytest.raises(VaultMisconfigured, match="owns"):
        async with Store.open((await make_database()).urls.vault_owner):
            pytest.fail("opened")


async def test_a_bare_database_is_refused(make_database: Make, tmp_path: Path) -> None:
    database = await make_database()
    connection = await asyncpg.connect(database.urls.vault_owner)
    await migrate(connection, 0)
    await connection.close()
    with pytest.raises(VaultMisconfigured, match="no tables"):
        async with Store.open(database.dsn):
            pytest.fail("opened")
