"""What a loader asks of the catalog, in PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson

from livery.manifest.diagnostics import Diagnostic
from livery.services import PLATFORM
from livery.services.catalog.types import Held, Remarks
from livery.storage.database import Database


class PostgresLoads:
    """See services.catalog.ports.LoadStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keys(self, names: Sequence[str], home: UUID) -> frozenset[str]:
        """Which of these names are keys of skills."""
        if not names:
            return frozenset()
        async with self._database.read([home]) as tx:
            rows = await tx.rows("skill_keys_taken", [PLATFORM, home], list(names))
        return frozenset(row["skill_key"] for row in rows)

    async def aliases(self, names: Sequence[str], home: UUID) -> Mapping[str, frozenset[str]]:
        """Which of these names are aliases, and of which skills."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        if names:
            async with self._database.read([home]) as tx:
                for row in await tx.rows("skill_aliases_taken", [PLATFORM, home], list(names)):
                    found[row["alias"]].add(row["skill_key"])
        return {alias: frozenset(keys) for alias, keys in found.items()}

    async def newest(
        self, keys: Sequence[str], home: UUID, by: str | None = None
    ) -> Mapping[str, Held]:
        """The newest version of each skill, of those that `by` registered where it is named."""
        if not keys:
            return {}
        async with self._database.read([home]) as tx:
            rows = await tx.rows("skill_versions_newest", home, list(keys), by)
        return {
            row["skill_key"]: Held(row["version"], row["digest"], row["created_by"]) for row in rows
        }

    async def statuses(
        self, refs: Sequence[tuple[str, str]], home: UUID
    ) -> Mapping[tuple[str, str], str]:
        """Status by (key, version)."""
        if not refs:
            return {}
        async with self._database.read([home]) as tx:
            rows = await tx.rows(
                "skill_statuses", home, [key for key, _ in refs], [v for _, v in refs]
            )
        return {(row["skill_key"], row["version"]): row["status"] for row in rows}

    async def note(self, digest: str, home: UUID) -> tuple[Diagnostic, ...]:
        """What was said of a package when it was taken."""
        async with self._database.read([home]) as tx:
            text = await tx.value("package_note_get", digest)
        return _diagnostics(text or "[]")

    async def notes(
        self, workspaces: Sequence[UUID], after: tuple[str, UUID] | None, limit: int
    ) -> Sequence[Remarks]:
        """The newest versions of which something was said."""
        key, home = after or (None, None)
        async with self._database.read(workspaces) as tx:
            rows = await tx.rows("skill_notes", key, limit, home)
        return [
            Remarks(
                row["skill_key"],
                row["workspace_id"],
                row["workspace"],
                row["version"],
                _diagnostics(row["diagnostics"]),
            )
            for row in rows
        ]


def _diagnostics(text: str) -> tuple[Diagnostic, ...]:
    return tuple(Diagnostic(**item) for item in orjson.loads(text))
