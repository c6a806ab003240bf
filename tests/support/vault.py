"""The vault of a running platform, on its socket, over its own database; and where a text may not stand."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from tests.support.governed import owner
from tests.support.platform import Running
from tests.support.postgres import session

from livery.entrypoints.vault import VaultAddress, build_app
from livery.integrations.postgres import EmbeddedPostgres
from livery.vault.client import VaultClient
from livery.vault.tokens import read_token
from livery.vault.types import Grant


@asynccontextmanager
async def vault(running: Running) -> AsyncIterator[VaultClient]:
    """The vault of a home, and a client that may write, as the customer's terminal has."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    address = VaultAddress(uds=running.settings.run_dir / "vault.sock")
    address.check()
    async with build_app(running.urls.vault, running.settings.keys_dir) as app:
        server = Server(app, uds=address.uds, interface=Interfaces.ASGINL, log_access=False)
        listening = asyncio.Event()
        server.on_startup(listening.set)
        serving = asyncio.create_task(server.serve())
        async with asyncio.timeout(120):
            await listening.wait()
        token = read_token(running.settings.keys_dir, Grant.WRITE)
        try:
            async with VaultClient(token, uds=address.uds) as client:
                yield client
        finally:
            server.stop()
            await serving


async def home_of(running: Running) -> UUID:
    """The workspace that the operator acts in."""
    found = await running.platform.services.access.workspace(running.operator, None)
    return found.workspace_id


def forms(secret: str) -> list[str]:
    """A secret as it may travel."""
    raw = secret.encode()
    return [
        secret,
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
        quote(secret, safe=""),
    ]


def holds(text: str, secret: str) -> bool:
    """Whether a text has the secret in any form, in whatever case."""
    return any(form.lower() in text.lower() for form in forms(secret))


async def tables_with(
    running: Running, text: str, server: EmbeddedPostgres | None = None
) -> list[str]:
    """The tables of the platform that hold a text in any column; with the server, those of its queue and vault too."""
    if server is None:
        async with owner(running) as connection:
            return await _tables_with(connection, text)
    found = []
    for url in (running.urls.owner, running.urls.vault):
        # The superuser: nothing is held back from it.
        dsn = urlsplit(server.admin_dsn)._replace(path=urlsplit(url).path).geturl()
        async with session(dsn) as connection:
            found += await _tables_with(connection, text)
    return found


async def _tables_with(connection: Any, text: str) -> list[str]:
    tables = await connection.fetch(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind = 'r' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'"
        " and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')"
    )
    assert tables
    like = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    found = []
    for schema, table in tables:
        query = f'select count(*) from "{schema}"."{table}" t where t::text ilike $1'
        if await connection.fetchval(query, like):
            found.append(f"{schema}.{table}")
    return found


def files_with(folder: Path, text: str) -> list[str]:
    """The plain files below a folder that hold a text."""
    files = [path for path in folder.rglob("*") if not path.is_symlink() and path.is_file()]
    return [str(path) for path in files if text.encode() in path.read_bytes()]


def processes_with(text: str) -> list[str]:
    """The processes of this machine that show a text in their command or environment."""
    found = []
    for path in [*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")]:
        try:
            if text.encode() in path.read_bytes():
                found.append(str(path))
        except OSError:
            continue
    return found
