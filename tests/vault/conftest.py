"""A vault on a real PostgreSQL; each test that needs one gets its own database."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from tests.support.postgres import NewDatabase

from livery.integrations.postgres import EmbeddedPostgres
from livery.integrations.postgres.urls import DatabaseUrls
from livery.vault.client import VaultClient
from livery.vault.postgres import PostgresBackend
from livery.vault.server import make_app
from livery.vault.tokens import Callers, read_token
from livery.vault.types import Grant

CANARY = "cAnArY-7f3a9b51d2e84c06"


@dataclass(frozen=True, slots=True)
class Database:
    """One migrated vault database, and the platform's beside it."""

    urls: DatabaseUrls
    admin_dsn: str

    @property
    def dsn(self) -> str:
        """As the vault connects."""
        return self.urls.vault

    async def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Run a query as the superuser, who sees every row."""
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()


Make = Callable[[], Awaitable[Database]]


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault behind its door, without a network between."""

    database: Database
    keys_dir: Path
    backend: PostgresBackend
    transport: httpx.ASGITransport
    writer: VaultClient
    resolver: VaultClient

    def raw(self, grant: Grant | None = None) -> httpx.AsyncClient:
        """An HTTP client with the token of `grant`, or none."""
        headers = {}
        if grant:
            headers["authorization"] = f"Bearer {read_token(self.keys_dir, grant).reveal()}"
        return httpx.AsyncClient(
            transport=self.transport, base_url="http://vault.localhost", headers=headers
        )

    async def access(self, correlation_id: str) -> list[dict[str, Any]]:
        """The access table's rows of one call."""
        return await self.database.rows(
            "SELECT * FROM vault.access WHERE correlation_id = $1", correlation_id
        )


def at(url: str, database: str) -> str:
    """The same URL for another database."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


@pytest.fixture(scope="module")
def make_database(embedded_postgres: EmbeddedPostgres, new_database: NewDatabase) -> Make:
    """Return a function that makes a migrated vault database."""

    async def make() -> Database:
        urls = await new_database()
        name = urlsplit(urls.vault).path.lstrip("/")
        return Database(urls, at(embedded_postgres.admin_dsn, name))

    return make


@asynccontextmanager
async def open_vault(database: Database, keys_dir: Path) -> AsyncIterator[Vault]:
    async with PostgresBackend.open(database.dsn, keys_dir) as backend:
        app = make_app(backend, Callers.load_or_create(keys_dir))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        writer, resolver = (
            VaultClient(read_token(keys_dir, grant), transport=transport)
            for grant in (Grant.WRITE, Grant.RESOLVE)
        )
        async with writer, resolver:
            yield Vault(database, keys_dir, backend, transport, writer, resolver)


@pytest.fixture(scope="module")
async def vault(
    make_database: Make, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Vault]:
    """One vault for all tests that keep to a workspace of their own."""
    async with open_vault(await make_database(), tmp_path_factory.mktemp("keys")) as opened:
        yield opened


@pytest.fixture
async def own_vault(make_database: Make, tmp_path: Path) -> AsyncIterator[Vault]:
    """A vault that a test may damage."""
    async with open_vault(await make_database(), tmp_path / "keys") as opened:
        yield opened


@pytest.fixture
def workspace() -> uuid.UUID:
    return uuid.uuid4()
