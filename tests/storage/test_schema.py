"""The migrations against the schema they make.

`LIVERY_WRITE_SCHEMA=1 pytest tests/storage/test_schema.py` writes `storage/schema.sql` anew.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.support.postgres import MIGRATIONS, NewDatabase, schema_dump, session

import livery.storage
from livery.storage.migrate import migrate, read_folder
from livery.vault.migrate import migrate as migrate_vault

_SCHEMA = Path(livery.storage.__file__).with_name("schema.sql")
Empty = Callable[[], Awaitable[str]]


async def test_migrations_equal_the_schema(empty_database: Empty) -> None:
    migrated, loaded = await empty_database(), await empty_database()
    await migrate(migrated, MIGRATIONS)
    expected = schema_dump(migrated)
    if os.environ.get("LIVERY_WRITE_SCHEMA"):
        _SCHEMA.write_text(expected)
    async with session(loaded) as connection:
        await connection.execute(_SCHEMA.read_text())
    assert schema_dump(loaded) == expected


async def test_each_migration_goes_back_to_what_was_there(empty_database: Empty) -> None:
    dsn = await empty_database()
    versions = [0, *(m.version for m in read_folder(MIGRATIONS))]
    forward = {}
    for version in versions:
        await migrate(dsn, MIGRATIONS, version)
        forward[version] = schema_dump(dsn)
    for version in reversed(versions):
        await migrate(dsn, MIGRATIONS, version)
        assert schema_dump(dsn) == forward[version]
    await migrate(dsn, MIGRATIONS)
    assert schema_dump(dsn) == forward[versions[-1]]


async def test_the_vault_goes_back_and_forth_too(new_database: NewDatabase) -> None:
    url = (await new_database()).vault_owner
    before = schema_dump(url)
    async with session(url) as connection:
        await migrate_vault(connection, 0)
    assert "create table" not in schema_dump(url).lower()
    async with session(url) as connection:
        await migrate_vault(connection)
    assert schema_dump(url) == before
