"""Skills, versions, packages and certificates in PostgreSQL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from livery.manifest.package import PackageFile
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.catalog.types import Change, Listing, Offer, Registered, Skill, Version
from livery.storage.archives import pack, unpack
from livery.storage.database import Database, Transaction
from livery.storage.offers import add_all

_NOT_KEY = re.compile(r"[^a-z0-9]+")


class PostgresCatalog:
    """See services.catalog.ports.CatalogStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, offers: Sequence[Offer]) -> list[str]:
        """Add versions, and their skills where they are new, with one end of the epoch for all of them."""
        async with self._database.read([PLATFORM]) as tx:
            rows = await tx.rows("packages_known", [offer.new.digest for offer in offers])
        known = {row["digest"] for row in rows}
        packed = await asyncio.to_thread(
            lambda: [b"" if o.new.digest in known else pack(o.files) for o in offers]
        )
        async with self._database.write([offer.new.workspace_id for offer in offers]) as tx:
            return await add_all(tx, offers, packed)

    async def named(
        self, ref: str, workspaces: Sequence[UUID], owner: UUID | None = None
    ) -> list[Skill]:
        """Whom a key or id means."""
        async with self._database.read([PLATFORM, *workspaces]) as tx:
            return [_skill(row) for row in await tx.rows("skill_get", ref, owner)]

    async def skills(self, workspaces: Sequence[UUID], listing: Listing) -> list[Skill]:
        """Skills by key."""
        query = (listing.query or "").strip() or None
        # What is typed as a key is found while it is typed: `weekly-di` and `Weekly Di` lead to weekly-digest.
        prefix = _NOT_KEY.sub("-", query.lower()).strip("-") if query else None
        async with self._database.read([PLATFORM, *workspaces]) as tx:
            rows = await tx.rows(
                "skill_list",
                listing.status,
                query,
                prefix or None,
                listing.after[0] if listing.after else None,
                listing.limit,
                listing.category,
                listing.owner,
                listing.owned_by,
                listing.after[1] if listing.after else None,
                None if listing.only is None else list(listing.only),
            )
        return [_skill(row) for row in rows]

    async def registered(self, names: Sequence[tuple[UUID, str]]) -> list[Registered]:
        """Every version of these skills."""
        workspaces = sorted({workspace for workspace, _ in names})
        async with self._database.read([PLATFORM, *workspaces]) as tx:
            rows = await tx.rows(
                "version_registered", [pair[0] for pair in names], [pair[1] for pair in names]
            )
        return [
            Registered(
                row["skill_id"],
                row["workspace_id"],
                row["skill_key"],
                row["version"],
                row["status"],
            )
            for row in rows
        ]

    async def contract(self, skill_id: UUID, version: str, home: UUID) -> Mapping[str, Any]:
        """The contract document of a version."""
        async with self._database.read([home]) as tx:
            text = await tx.value("version_contract", skill_id, version)
        found: Mapping[str, Any] = orjson.loads(text) if text else {}
        return found

    async def versions(self, skill_id: UUID, home: UUID) -> list[Version]:
        """The versions of a skill, newest first."""
        async with self._database.read([home]) as tx:
            return [_version(row) for row in await tx.rows("version_list", skill_id)]

    async def channels(self, skill_id: UUID, home: UUID) -> dict[str, str]:
        """Channel -> version."""
        async with self._database.read([home]) as tx:
            return {
                row["channel"]: row["version"] for row in await tx.rows("channel_list", skill_id)
            }

    async def set_status(
        self,
        skill_id: UUID,
        version: str,
        change: Change,
        workspaces: Sequence[UUID],
        entry: Entry,
    ) -> bool:
        """Move a version, and end the epoch."""
        async with self._database.write(workspaces) as tx:
            moved = await tx.value(
                "version_move",
                skill_id,
                version,
                change.before,
                change.after,
                change.reason,
                change.in_flight,
            )
            if moved is None:
                return False
            if change.after == "revoked":
                await tx.rows("certificate_revoke", skill_id, version)
            await tx.bump()
            await tx.append(entry)
        return True

    async def delete(
        self, gone: Sequence[Version], workspaces: Sequence[UUID], entries: Sequence[Entry]
    ) -> list[str]:
        """Ask and delete in one transaction, after the end of the epoch: what is admitted later is decided anew."""
        async with self._database.write(workspaces) as tx:
            # In the order of all writers: the skill, its versions, the epoch.
            await tx.rows("skill_turn", gone[0].skill_id)
            await tx.rows("version_lock", gone[0].skill_id)
            await tx.bump()
            blocked = [words for item in gone for words in await _in_the_way(tx, item)]
            if blocked:
                return blocked
            for item in gone:
                change = (item.status, "deleted", item.reason, "finish")
                await tx.rows("version_move", item.skill_id, item.version, *change)
            for entry in entries:
                await tx.append(entry)
        return []

    async def recorded(self, entry: Entry, act: Callable[[], Awaitable[None]]) -> None:
        """The entry counts once the act is done, and the act is known everywhere from then on."""
        async with self._database.write([entry.workspace_id]) as tx:
            await tx.append(entry)
            await act()
            await tx.bump()

    async def archive(self, digest: str, home: UUID) -> bytes | None:
        """A package as its stored zip."""
        async with self._database.read([home]) as tx:
            data: bytes | None = await tx.value("package_get", digest)
        return data

    async def package(self, digest: str, home: UUID) -> tuple[PackageFile, ...] | None:
        """The files of a package."""
        data = await self.archive(digest, home)
        return unpack(data) if data is not None else None


async def _in_the_way(tx: Transaction, gone: Version) -> list[str]:
    """What keeps a version from being deleted."""
    name = f"{gone.skill_key}@{gone.version}"
    used = await tx.row(
        "version_used", gone.skill_id, gone.version, gone.skill_key, gone.digest, gone.created_at
    )
    blocked = [f"{name} has runs on record"] if used["ran"] else []
    blocked += [f"{name} became {used['status']}"] if used["status"] != gone.status else []
    return blocked + [f"{channel} names {name}" for channel in used["channels"]]


def _skill(row: Any) -> Skill:
    return Skill(
        row["skill_id"],
        row["workspace_id"],
        row["skill_key"],
        row["name"],
        row["description"],
        row["category"],
        row["owner"],
        row["status"],
        row["version"],
        row["digest"],
        row["created_at"],
        row["workspace"],
    )


def _version(row: Any) -> Version:
    return Version(
        row["skill_id"],
        row["skill_key"],
        row["version"],
        row["digest"],
        row["status"],
        orjson.loads(row["contract"]),
        row["created_by"],
        row["created_at"],
        row["reason"],
        row["workspace_id"],
    )
