"""The vault's own database: asyncpg, named SQL, one workspace in view per transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg

from livery.vault import sql
from livery.vault.envelope import Place, Sealed
from livery.vault.errors import VaultMisconfigured
from livery.vault.keys import check_value
from livery.vault.types import OK, Call, Credential


class Session:
    """Statements of one transaction, bound to one workspace by row-level security."""

    def __init__(self, connection: Any, workspace_id: UUID) -> None:
        self._db = connection
        self._workspace = workspace_id
        self._sql = sql.load("credentials")

    async def insert(self, place: Place, label: str, sealed: Sealed) -> Credential:
        """Add a credential at version 1."""
        row = await self._db.fetchrow(
            self._sql["insert"], place.credential_ref, self._workspace, place.kind, label,
            sealed.key_version, sealed.wrapped_key, sealed.ciphertext,
        )  # fmt: skip
        return Credential(**row)

    async def lock(self, ref: str) -> Mapping[str, Any] | None:
        """Lock a credential and return its kind, version and `revoked_at`."""
        row: Mapping[str, Any] | None = await self._db.fetchrow(
            self._sql["lock"], ref, self._workspace
        )
        return row

    async def replace(self, place: Place, sealed: Sealed) -> Credential:
        """Put a new version in the place of the old."""
        row = await self._db.fetchrow(
            self._sql["replace"], place.credential_ref, self._workspace, place.version,
            sealed.key_version, sealed.wrapped_key, sealed.ciphertext,
        )  # fmt: skip
        return Credential(**row)

    async def revoke(self, ref: str) -> Credential | None:
        """Erase the sealed secret; the first time of revocation stays."""
        row = await self._db.fetchrow(self._sql["revoke"], ref, self._workspace)
        return Credential(**row) if row else None

    async def page(self, after: str, limit: int) -> list[Credential]:
        """Return metadata beyond the ref `after`."""
        rows = await self._db.fetch(self._sql["page"], self._workspace, after, limit)
        return [Credential(**row) for row in rows]

    async def sealed(self, ref: str) -> Mapping[str, Any] | None:
        """Return the row as it is sealed."""
        row: Mapping[str, Any] | None = await self._db.fetchrow(
            self._sql["sealed"], ref, self._workspace
        )
        return row

    async def record(self, call: Call, outcome: str = OK) -> None:
        """Append to the access table."""
        await _record(self._db, call, outcome)


class Store:
    """A pool of connections as `livery_vault`, and the statements outside any workspace."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._keys_sql = sql.load("keys")

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, pool_size: int = 4) -> AsyncIterator[Store]:
        """Connect, and refuse a role that escapes row-level security or a bare database."""
        async with asyncpg.create_pool(dsn, min_size=1, max_size=pool_size) as pool:
            store = cls(pool)
            await store._check()
            yield store

    @asynccontextmanager
    async def session(self, workspace_id: UUID) -> AsyncIterator[Session]:
        """Open a transaction that sees this workspace only."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(sql.load("credentials")["scope"], str(workspace_id))
            yield Session(connection, workspace_id)

    async def refuse(self, call: Call, outcome: str) -> None:
        """Record a refusal in a transaction of its own."""
        async with self._pool.acquire() as connection:
            await _record(connection, call, outcome)

    async def register(self, keys: Mapping[int, bytes]) -> bool:
        """Tell the database of the newest key; False if the database knows a newer one.

        Raises `VaultMisconfigured` if a key in the file is not the one the database knows.
        """
        async with self._pool.acquire() as connection:
            newest = max(keys)
            await connection.execute(self._keys_sql["register"], newest, check_value(keys[newest]))
            known = {
                row["version"]: row["check_value"]
                for row in await connection.fetch(self._keys_sql["versions"])
            }
        for version in known.keys() & keys.keys():
            if known[version] != check_value(keys[version]):
                raise VaultMisconfigured(
                    f"Key version {version} of vault-kek.json is not the key of this database.",
                    remedy="Restore the key file that belongs to this database.",
                )
        return max(known, default=newest) == newest

    async def stale_workspaces(self, newest: int) -> list[UUID]:
        """Return the workspaces that have data keys wrapped by another key."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(self._keys_sql["stale_workspaces"], newest)
        return [row["workspace_id"] for row in rows]

    @asynccontextmanager
    async def stale_rows(
        self, workspace_id: UUID, newest: int, limit: int
    ) -> AsyncIterator[tuple[list[Mapping[str, Any]], Any]]:
        """Lock up to `limit` rows to rewrap; yields `(rows, save(ref, key_version, wrapped))`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(sql.load("credentials")["scope"], str(workspace_id))
            rows = await connection.fetch(self._keys_sql["stale_rows"], workspace_id, newest, limit)

            async def save(ref: str, key_version: int, wrapped_key: bytes) -> None:
                await connection.execute(self._keys_sql["rewrap"], ref, key_version, wrapped_key)

            yield rows, save

    async def retire(self, newest: int) -> bool:
        """Forget all keys older than `newest`; False if a row is still wrapped by one of them."""
        async with self._pool.acquire() as connection:
            try:
                await connection.execute(self._keys_sql["retire"], newest)
            except asyncpg.ForeignKeyViolationError:
                return False
        return True

    async def _check(self) -> None:
        async with self._pool.acquire() as connection:
            role = await connection.fetchrow(self._keys_sql["role"])
        if role["unsafe"]:
            raise VaultMisconfigured(
                "The vault's database role is superuser, bypasses row-level security or owns it.",
                remedy="Connect as livery_vault and apply migrations as another role.",
            )
        if not role["migrated"]:
            raise VaultMisconfigured("The vault's database has no tables.", remedy="Migrate it.")


async def _record(connection: Any, call: Call, outcome: str) -> None:
    await connection.execute(
        sql.load("credentials")["record"], call.caller, call.actor, call.action,
        call.workspace_id, call.credential_ref, call.run_id, call.skill_key, outcome,
        call.correlation_id,
    )  # fmt: skip
