"""Job roles in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import orjson

from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.catalog.types import Standing, Use
from livery.services.roles.types import JobRole, RoleVersion
from livery.storage.database import Database, Transaction
from livery.storage.standing import standings
from livery.storage.uses import uses


class PostgresRoles:
    """See services.roles.ports.RoleStore and services.catalog.ports.UseSource."""

    kind = "job_role"
    tables = frozenset({"job_role_skill"})

    def __init__(self, database: Database) -> None:
        self._database = database

    async def roles(
        self, *, status: str | None, after: str | None, limit: int, certified: bool
    ) -> list[JobRole]:
        """Roles by key."""
        async with self._database.read([PLATFORM]) as tx:
            rows = await tx.rows("job_role_list", status, after, limit, certified)
            return await _roles(tx, [row["role_id"] for row in rows])

    async def role(self, ref: str) -> JobRole | None:
        """A role by key or id."""
        async with self._database.read([PLATFORM]) as tx:
            role_id = await tx.value("job_role_find", ref)
            return (await _roles(tx, [role_id]))[0] if role_id is not None else None

    async def add(self, version: RoleVersion, entry: Entry) -> Sequence[Standing] | None:
        """Add a version; the primary key lets one of two that came at once through."""
        async with self._database.write([]) as tx:
            stood = await standings(tx, _pairs(version), hold=True)
            if not all(item.certified for item in stood):
                return stood
            added = await tx.value(
                "job_role_add",
                version.role_id,
                PLATFORM,
                version.role_key,
                version.version,
                version.name,
                version.description,
                version.created_by,
                version.created_at,
            )
            if added is None:
                return None
            await tx.rows(
                "job_role_skill_add",
                version.role_id,
                version.version,
                PLATFORM,
                [skill.skill_id for skill in version.skills],
                [skill.version for skill in version.skills],
            )
            await tx.append(entry)
        return stood

    async def certify(
        self, version: RoleVersion, by: str, at: datetime, entry: Entry
    ) -> Sequence[Standing] | None:
        """Certify, while nobody can revoke one of its skills."""
        async with self._database.write([]) as tx:
            stood = await standings(tx, _pairs(version), hold=True)
            if not all(item.certified for item in stood):
                return stood
            moved = await tx.value(
                "job_role_certify", version.role_id, version.version, version.status, by, at
            )
            if moved is None:
                return None
            await tx.append(entry)
        return stood

    async def revoke(self, version: RoleVersion, reason: str, entry: Entry) -> bool:
        """Revoke a version."""
        async with self._database.write([]) as tx:
            moved = await tx.value(
                "job_role_revoke", version.role_id, version.version, version.status, reason
            )
            if moved is not None:
                await tx.append(entry)
        return moved is not None

    async def uses_of(
        self, skill_id: UUID, version: str | None, workspaces: Sequence[UUID]
    ) -> Sequence[Use]:
        """Roles that hold the skill."""
        return await uses(self._database, self.kind, "job_role_uses", skill_id, version, workspaces)


def _pairs(version: RoleVersion) -> list[tuple[UUID, str]]:
    return [(skill.skill_id, skill.version) for skill in version.skills]


async def _roles(tx: Transaction, role_ids: Sequence[UUID]) -> list[JobRole]:
    rows = await tx.rows("job_role_versions", role_ids)
    held = [_held(row) for row in rows]
    distinct = list({pair: None for pairs in held for pair in pairs})
    known = dict(zip(distinct, await standings(tx, distinct), strict=True))
    versions = [
        _version(row, (known[pair] for pair in pairs))
        for row, pairs in zip(rows, held, strict=True)
    ]
    return [JobRole(tuple(group)) for _, group in groupby(versions, lambda item: item.role_key)]


def _held(row: Any) -> list[tuple[UUID, str]]:
    return [(UUID(skill_id), version) for skill_id, version in orjson.loads(row["skills"])]


def _version(row: Any, skills: Iterable[Standing]) -> RoleVersion:
    return RoleVersion(
        role_id=row["role_id"],
        role_key=row["role_key"],
        version=row["version"],
        name=row["name"],
        description=row["description"],
        status=row["status"],
        skills=tuple(skills),
        created_by=row["created_by"],
        created_at=row["created_at"],
        certified_by=row["certified_by"],
        certified_at=row["certified_at"],
        reason=row["reason"],
    )
