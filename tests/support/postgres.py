"""One embedded PostgreSQL per test session, a fresh migrated database per test module.

All xdist workers join the same server. Fixtures:

    embedded_postgres  the server (its `admin_dsn` is the superuser's)
    new_database       async (base=…) -> DatabaseUrls of a fresh, migrated pair of databases
    templates          the server with its migrated templates
    database_urls      such a pair for this module
"""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from livery.integrations.postgres import EmbeddedPostgres, start_embedded, stop
from livery.integrations.postgres import bootstrap as roles
from livery.integrations.postgres.binaries import tool
from livery.integrations.postgres.passwords import role_passwords
from livery.integrations.postgres.urls import DatabaseUrls, role_url
from livery.integrations.queue.schema import apply_schema
from livery.storage.migrate import migrate
from livery.vault.migrate import migrate as migrate_vault

MIGRATIONS = files("livery.storage") / "migrations"
_RUN = "LIVERY_TEST_RUN"
MIGRATED = ("livery_template", "vault_template")
_TEMPLATE_LOCK = 7_240_614

NewDatabase = Callable[..., Awaitable[DatabaseUrls]]


def pytest_configure(config: pytest.Config) -> None:
    """Name this run; workers of xdist inherit the name."""
    if _RUN not in os.environ:
        os.environ[_RUN] = uuid.uuid4().hex[:12]
        config.stash[_STARTED_HERE] = True


_STARTED_HERE = pytest.StashKey[bool]()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the run started, once all workers are done."""
    if config.stash.get(_STARTED_HERE, False):
        home = session_home()
        if home.exists():
            asyncio.run(stop(home))
            shutil.rmtree(home, ignore_errors=True)
        del os.environ[_RUN]


def session_home() -> Path:
    """LIVERY_HOME of the session's shared server."""
    return Path(tempfile.gettempdir()) / f"livery-tests-{os.getuid()}-{os.environ[_RUN]}"


@dataclass(frozen=True, slots=True)
class Templates:
    """The session's server, its roles' passwords, and pairs of databases to copy."""

    server: EmbeddedPostgres
    passwords: dict[str, str]

    async def ensure(
        self,
        names: tuple[str, str],
        fill: Callable[[DatabaseUrls], Awaitable[None]],
        base: tuple[str, str] = ("template0", "template0"),
    ) -> None:
        """Make and fill this pair once for all workers; it is closed from then on."""
        async with session(self.server.admin_dsn) as admin:
            await admin.execute("select pg_advisory_lock($1)", _TEMPLATE_LOCK)
            closed = "select true from pg_database where datname = $1 and not datallowconn"
            if await admin.fetchval(closed, names[1]):
                return
            for name in names:
                await admin.execute(f"drop database if exists {name} with (force)")
            await fill(await create_pair(self.server, admin, self.passwords, *names, base))
            for name in names:
                await admin.execute(f"alter database {name} allow_connections false")


@pytest.fixture(scope="session")
async def embedded_postgres() -> AsyncIterator[EmbeddedPostgres]:
    server = await start_embedded(session_home())
    yield server
    await server.release()


@pytest.fixture(scope="session")
async def templates(embedded_postgres: EmbeddedPostgres) -> Templates:
    server = embedded_postgres
    await roles.bootstrap(server.admin_dsn, session_home())
    made = Templates(server, role_passwords(session_home(), roles.ROLES))
    await made.ensure(MIGRATED, _migrate)
    return made


async def _migrate(urls: DatabaseUrls) -> None:
    await migrate(urls.owner, MIGRATIONS)
    await apply_schema(urls.owner)
    async with session(urls.vault_owner) as owner:
        await migrate_vault(owner)


async def create_pair(
    server: EmbeddedPostgres,
    admin: Any,
    passwords: dict[str, str],
    livery: str,
    vault: str,
    templates: tuple[str, str] = ("template0", "template0"),
) -> DatabaseUrls:
    """A platform and a vault database with the real owners and grants."""
    readers = (roles.API, roles.WORKER, roles.AUDITOR)
    await roles.create_database(admin, livery, roles.OWNER, readers, templates[0])
    await roles.create_database(admin, vault, roles.VAULT_OWNER, (roles.VAULT_ROLE,), templates[1])
    urls = roles.database_urls(server.admin_dsn, passwords, livery, vault)
    for url in (urls.owner, urls.vault_owner):
        await roles.close_public_schema(url)
    return urls


@pytest.fixture(scope="module")
async def new_database(templates: Templates) -> AsyncIterator[NewDatabase]:
    """Makes fresh migrated databases; they are dropped after the module."""
    made: list[str] = []
    server, passwords = templates.server, templates.passwords
    async with session(server.admin_dsn) as admin:

        async def make(base: tuple[str, str] = MIGRATED) -> DatabaseUrls:
            suffix = uuid.uuid4().hex[:12]
            names = (f"livery_{suffix}", f"vault_{suffix}")
            made.extend(names)
            return await create_pair(server, admin, passwords, *names, base)

        yield make
        for name in made:
            await admin.execute(f"drop database if exists {name} with (force)")


@pytest.fixture(scope="module")
async def database_urls(new_database: NewDatabase) -> DatabaseUrls:
    """A fresh migrated pair of databases for this module."""
    return await new_database()


@pytest.fixture
async def empty_database(
    templates: Templates,
) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Makes empty databases; each call returns the platform owner's URL of one."""
    server = templates.server
    made: list[str] = []
    async with session(server.admin_dsn) as admin:

        async def make() -> str:
            name = f"empty_{uuid.uuid4().hex[:12]}"
            made.append(name)
            await roles.create_database(admin, name, roles.OWNER, ())
            password = templates.passwords[roles.OWNER]
            return role_url(server.admin_dsn, roles.OWNER, name, password)

        yield make
        for name in made:
            await admin.execute(f"drop database if exists {name} with (force)")


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Any]:
    """An asyncpg connection, closed at the end."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def schema_dump(dsn: str) -> str:
    """The definition of everything outside `public`, as `pg_dump` writes it, comments left out."""
    done = subprocess.run(
        [tool("pg_dump"), "--schema-only", "--exclude-schema=public", f"--dbname={dsn}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    # \restrict carries a random key; comments name versions.
    kept = [line for line in done.stdout.splitlines() if not line.startswith(("--", "\\"))]
    return re.sub(r"\n{2,}", "\n\n", "\n".join(kept)).strip() + "\n"
