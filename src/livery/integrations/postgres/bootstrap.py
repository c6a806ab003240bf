"""Our roles and databases on a PostgreSQL server, made so that nothing is shared by accident.

database livery: owner livery_owner; livery_api, livery_worker, livery_auditor may connect
database vault:  owner livery_vault; nobody else may connect
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import asyncpg

from livery.integrations.postgres.errors import (
    DatabasePasswordLost,
    DatabaseUrlRefused,
    UnsafeDatabaseRole,
)
from livery.integrations.postgres.layout import Layout
from livery.integrations.postgres.passwords import role_passwords
from livery.integrations.postgres.scram import scram_verifier
from livery.integrations.postgres.urls import DatabaseUrls, admin_url, hosts_of, role_url

LIVERY, VAULT = "livery", "vault"
OWNER, API, WORKER = "livery_owner", "livery_api", "livery_worker"
VAULT_OWNER, VAULT_ROLE, AUDITOR = "livery_vault_owner", "livery_vault", "livery_auditor"
ROLES = (OWNER, API, WORKER, AUDITOR, VAULT_OWNER, VAULT_ROLE)
OLDEST_VERSION = 17
_LOCK = 0x11FE_27B0  # any constant: one bootstrap at a time on a server

_UNSAFE = """
select rolname, rolsuper from pg_catalog.pg_roles
where (rolsuper or rolbypassrls) and rolname = any($1::text[])
order by rolname
"""
_UNSAFE_SELF = """
select rolname, rolsuper from pg_catalog.pg_roles
where (rolsuper or rolbypassrls)
  and (pg_has_role(session_user, oid, 'member') or pg_has_role(current_user, oid, 'member'))
order by rolname = current_user desc, rolname
"""


async def bootstrap(
    admin_dsn: str, home: Path, *, reset_passwords: bool | None = None
) -> DatabaseUrls:
    """Make roles, databases and grants where they are missing; the URLs of the roles.

    `reset_passwords`: give a role a new password where the kept one no longer opens it. By
    default only on the embedded server: elsewhere another machine may be using the role.

    Raises:
        UnsafeDatabaseRole: one of our roles is superuser or bypasses row-level security.
        DatabasePasswordLost: a kept password does not open its role and may not be reset.
        DatabaseUrlRefused: the URL cannot be used, or the server is too old.
    """
    if reset_passwords is None:
        reset_passwords = str(Layout.of(home).client_socket_dir()) in hosts_of(admin_dsn)[1]
    async with _session(admin_url(admin_dsn)) as admin:
        await _check_version(admin)
        await admin.execute("select pg_advisory_lock($1)", _LOCK)
        passwords = role_passwords(home, ROLES)
        existing = await _ensure_roles(admin, passwords)
        await create_database(admin, LIVERY, OWNER, (API, WORKER, AUDITOR))
        await create_database(admin, VAULT, VAULT_OWNER, (VAULT_ROLE,))
        urls = database_urls(admin_dsn, passwords)
        lost = await _closed(urls, existing)
        if lost and not reset_passwords:
            raise DatabasePasswordLost(
                message=f"LIVERY_HOME/keys/database.json does not open {', '.join(lost)}",
                remedy="Copy the file from the machine that set the database up.",
            )
        for role in lost:
            await _run(admin, "alter role %I password %L", role, scram_verifier(passwords[role]))
    for url in (urls.owner, urls.vault_owner):
        await close_public_schema(url)
    return urls


async def close_public_schema(owner_url: str) -> None:
    """Leave the schema `public` to the database's owner, who keeps its migration table there."""
    async with _session(owner_url) as owner:
        await owner.execute("revoke all on schema public from public")


def database_urls(
    admin_dsn: str, passwords: Mapping[str, str], livery: str = LIVERY, vault: str = VAULT
) -> DatabaseUrls:
    """The URLs of our roles on the server of `admin_dsn`."""

    def url(role: str) -> str:
        name = vault if role in {VAULT_OWNER, VAULT_ROLE} else livery
        return role_url(admin_dsn, role, name, passwords[role])

    return DatabaseUrls(*(url(role) for role in ROLES))


async def create_database(
    admin: Any, name: str, owner: str, readers: Iterable[str], template: str = "template0"
) -> None:
    """Make database `name` if it is missing, and let only `owner` and `readers` connect."""
    if not await admin.fetchval("select true from pg_catalog.pg_database where datname = $1", name):
        locale = (
            " encoding 'UTF8' locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'"
            if template == "template0"
            else ""
        )
        await _run(admin, "create database %I owner %I template %I" + locale, name, owner, template)
    await _run(admin, "revoke all on database %I from public", name)
    for role in readers:
        await _run(admin, "grant connect on database %I to %I", name, role)


async def refuse_unsafe_role(connection: Any) -> None:
    """Refuse a session whose role, or a role it can become, escapes row-level security.

    Raises:
        UnsafeDatabaseRole: superuser or BYPASSRLS.
    """
    _refuse(await connection.fetch(_UNSAFE_SELF))


def _refuse(rows: list[Any]) -> None:
    if rows:
        name, is_super = rows[0]
        what = "is a superuser" if is_super else "bypasses row-level security"
        raise UnsafeDatabaseRole(
            message=f"the database role {name} {what}; Livery's processes refuse such a role",
            remedy=f"Take the attribute from {name} (alter role … nosuperuser nobypassrls).",
        )


async def _check_version(admin: Any) -> None:
    found = await admin.fetchval("select current_setting('server_version_num')::int / 10000")
    if found < OLDEST_VERSION:
        raise DatabaseUrlRefused(
            message=f"the server is PostgreSQL {found}; Livery needs {OLDEST_VERSION} or newer",
            remedy="Upgrade it, or leave LIVERY_DATABASE_URL empty for the embedded database.",
        )


async def _ensure_roles(admin: Any, passwords: Mapping[str, str]) -> frozenset[str]:
    """Make missing roles; those that were there before."""
    _refuse(await admin.fetch(_UNSAFE, list(ROLES)))
    rows = await admin.fetch(
        "select rolname from pg_catalog.pg_roles where rolname = any($1::text[])", list(ROLES)
    )
    existing = frozenset(row[0] for row in rows)
    is_super = await admin.fetchval("select current_setting('is_superuser') = 'on'")
    for role in ROLES:
        if role not in existing:
            verifier = scram_verifier(passwords[role])
            await _run(admin, "create role %I login noinherit password %L", role, verifier)
        if not is_super and role in {OWNER, VAULT_OWNER}:
            # To give a database away one must be able to act as its new owner.
            await _run(admin, "grant %I to current_user with inherit true, set true", role)
    return existing


async def _closed(urls: DatabaseUrls, existing: frozenset[str]) -> list[str]:
    """Those of the `existing` roles that their URL does not open."""
    by_role = dict(zip(ROLES, astuple(urls), strict=True))
    asked = [role for role in ROLES if role in existing]
    opened = await asyncio.gather(*(_opens(by_role[role]) for role in asked))
    return [role for role, is_open in zip(asked, opened, strict=True) if not is_open]


async def _opens(url: str) -> bool:
    try:
        async with _session(url):
            return True
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
        return False


async def _run(admin: Any, template: str, *names: str) -> None:
    """Run a statement that takes no parameters, its names quoted by the server."""
    marks = ", ".join(f"${n}::text" for n in range(2, len(names) + 2))
    statement = await admin.fetchval(f"select format($1, {marks})", template, *names)
    await admin.execute(statement)


@asynccontextmanager
async def _session(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        yield connection
    finally:
        await connection.close()
