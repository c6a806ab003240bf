"""The databases of a platform: embedded or external, with roles and schema in place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

import asyncpg

from livery.entrypoints.settings import Settings
from livery.integrations.postgres.account import refuse_nameless
from livery.integrations.postgres.bootstrap import bootstrap
from livery.integrations.postgres.embedded import start_embedded
from livery.integrations.postgres.errors import disk_full
from livery.integrations.postgres.layout import Layout
from livery.integrations.postgres.urls import DatabaseUrls
from livery.integrations.queue.schema import apply_schema
from livery.manifest.errors import LiveryError
from livery.storage.migrate import migrate
from livery.storage.room import lack_behind
from livery.vault.migrate import migrate as migrate_vault


def prepare(settings: Settings) -> None:
    """Make the folders of a home that starts its own database, unless that cannot start: then nothing is made.

    Raises:
        DatabaseHomeRefused: this user cannot run `initdb`.
    """
    if settings.database_url is None:
        refuse_nameless(Layout.of(settings.home))
    settings.prepare()


@asynccontextmanager
async def open_databases(settings: Settings) -> AsyncIterator[DatabaseUrls]:
    """The URLs of all roles. The embedded server stays while any process holds it.

    Raises:
        DatabaseDiskFull: the embedded server found no room when it started.
        DatabaseFull: a server found none for roles, tables or migrations.
    """
    prepare(settings)
    if settings.database_url is not None:
        yield await _ready(settings.database_url, settings)
        return
    server = await start_embedded(settings.home)
    try:
        yield await _ready(server.admin_dsn, settings)
    finally:
        await server.release()


async def _ready(admin_dsn: str, settings: Settings) -> DatabaseUrls:
    try:
        urls = await bootstrap(admin_dsn, settings.home)
        await migrate(urls.owner, files("livery.storage") / "migrations")
        await apply_schema(urls.owner)
        connection = await asyncpg.connect(urls.vault_owner)
        try:
            await migrate_vault(connection)
        finally:
            await connection.close()
    except (LiveryError, asyncpg.PostgresError) as error:
        full = lack_behind(error)
        if full is None:
            raise
        here = settings.home if settings.database_url is None else None
        raise (here and disk_full(here, seen=True)) or full from error
    return urls
