"""The built-in backend: sealed in PostgreSQL, wrapped by a key that PostgreSQL never sees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import orjson
import uuid_utils

from livery.manifest.canonical import canonical_json
from livery.vault.envelope import Place, Sealed, rewrap, seal, unseal
from livery.vault.errors import (
    CredentialNotFound,
    CredentialNotGranted,
    CredentialRevoked,
    RotationInProgress,
    VaultMisconfigured,
)
from livery.vault.keys import KeyFile
from livery.vault.secret import Secret
from livery.vault.store import Session, Store
from livery.vault.types import Call, Credential, Resolved

_BATCH = 200
T = TypeVar("T")


class PostgresBackend:
    """`Backend` on the vault's own database; see `docs/decisions/0003-vault.md`."""

    def __init__(self, store: Store, key_file: KeyFile, keys: Mapping[int, bytes]) -> None:
        self._store = store
        self._file = key_file
        self._keys = keys

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, keys_dir: Path) -> AsyncIterator[PostgresBackend]:
        """Connect, load (or make) the key, and finish a key rotation that a crash cut short."""
        async with Store.open(dsn) as store:
            key_file = KeyFile(keys_dir)
            backend = cls(store, key_file, key_file.load_or_create())
            await backend._reload()
            if len(backend._keys) > 1:
                with suppress(RotationInProgress), key_file.exclusive():
                    await backend._finish_rotation()
            yield backend

    async def store(
        self,
        call: Call,
        workspace_id: UUID,
        *,
        kind: str,
        label: str,
        secret: Secret[Mapping[str, Any]],
    ) -> Credential:
        """See `Backend`."""
        place = Place(workspace_id, f"cred_{uuid_utils.uuid7().hex}", 1, kind)

        async def write(session: Session) -> Credential:
            credential = await session.insert(place, label, self._seal(secret, place))
            await session.record(_about(call, place.credential_ref))
            return credential

        return await self._write(workspace_id, write)

    async def rotate(
        self, call: Call, workspace_id: UUID, ref: str, secret: Secret[Mapping[str, Any]]
    ) -> Credential:
        """See `Backend`."""

        async def write(session: Session) -> Credential:
            row = await session.lock(ref)
            if row is None:
                raise CredentialNotFound
            if row["revoked_at"] is not None:
                raise CredentialRevoked("The credential is revoked.", remedy="Store a new one.")
            place = Place(workspace_id, ref, row["version"] + 1, row["kind"])
            credential = await session.replace(place, self._seal(secret, place))
            await session.record(call)
            return credential

        return await self._write(workspace_id, write)

    async def page(
        self, call: Call, workspace_id: UUID, *, after: str, limit: int
    ) -> Sequence[Credential]:
        """See `Backend`."""
        async with self._store.session(workspace_id) as session:
            credentials = await session.page(after, limit)
            await session.record(call)
        return credentials

    async def revoke(self, call: Call, workspace_id: UUID, ref: str) -> Credential:
        """See `Backend`."""
        async with self._store.session(workspace_id) as session:
            credential = await session.revoke(ref)
            if credential is None:
                raise CredentialNotFound
            await session.record(call)
        return credential

    async def resolve(self, call: Call, workspace_id: UUID, ref: str, *, kind: str) -> Resolved:
        """See `Backend`."""
        async with self._store.session(workspace_id) as session:
            row = await session.sealed(ref)
            if row is None:
                raise CredentialNotFound
            if row["revoked_at"] is not None:
                raise CredentialNotGranted("The credential is revoked.")
            if row["kind"] != kind:
                raise CredentialNotGranted("The credential is of another kind.")
            if row["key_version"] not in self._keys:
                await self._reload()  # another process has rotated the key
            sealed = Sealed(row["key_version"], row["wrapped_key"], row["ciphertext"])
            place = Place(workspace_id, ref, row["version"], row["kind"])
            plaintext = unseal(self._keys, sealed, place)
            await session.record(call)
        return Resolved(Secret(orjson.loads(plaintext)), row["version"])

    async def refuse(self, call: Call, outcome: str) -> None:
        """See `Backend`."""
        await self._store.refuse(call, outcome)

    async def rotate_kek(self) -> int:
        """Make a new key, rewrap every data key with it, retire the old; returns its version.

        A crash leaves everything readable: old keys stay usable until no row needs them, and the
        next start finishes the work. Other vault processes on the same file follow by themselves.
        """
        with self._file.exclusive():
            self._keys = self._file.add()
            await self._reload()
            await self._finish_rotation()
        return max(self._keys)

    async def _finish_rotation(self) -> None:
        newest = max(self._keys)
        while True:
            for workspace_id in await self._store.stale_workspaces(newest):
                while await self._rewrap_batch(workspace_id, newest):
                    pass
            # A writer that still held the old key may have come between: look again.
            if await self._store.retire(newest):
                break
        self._keys = self._file.retire_below(newest)

    async def _rewrap_batch(self, workspace_id: UUID, newest: int) -> bool:
        async with self._store.stale_rows(workspace_id, newest, _BATCH) as (rows, save):
            for row in rows:
                ref = row["credential_ref"]
                place = Place(workspace_id, ref, row["version"], row["kind"])
                wrapped = rewrap(self._keys, row["key_version"], row["wrapped_key"], place)
                await save(ref, *wrapped)
            return bool(rows)

    async def _write(self, workspace_id: UUID, write: Callable[[Session], Awaitable[T]]) -> T:
        try:
            async with self._store.session(workspace_id) as session:
                return await write(session)
        except asyncpg.ForeignKeyViolationError:  # our key was retired meanwhile
            await self._reload()
        async with self._store.session(workspace_id) as session:
            return await write(session)

    def _seal(self, secret: Secret[Mapping[str, Any]], place: Place) -> Sealed:
        return seal(self._keys, canonical_json(secret.reveal()), place)

    async def _reload(self) -> None:
        keys = self._file.load()
        if not await self._store.register(keys):
            keys = self._file.load()  # a rotation passed between reading and registering
            if not await self._store.register(keys):
                raise VaultMisconfigured(
                    "vault-kek.json is older than the database.",
                    remedy="Restore the newest key file.",
                )
        self._keys = keys


def _about(call: Call, ref: str) -> Call:
    return replace(call, credential_ref=ref)
