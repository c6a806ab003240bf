"""What job roles need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from livery.services.audit.types import Entry
from livery.services.catalog.types import Standing
from livery.services.roles.types import JobRole, RoleVersion


class RoleStore(Protocol):
    """Job roles. A change answers how the role's skills stood in its transaction, where none of them could change; it
    is made only if all were certified. None: another change came first, nothing was written."""

    async def roles(
        self, *, status: str | None, after: str | None, limit: int, certified: bool
    ) -> list[JobRole]:
        """Roles by key, by the status of their newest version; with `certified` only versions that are."""

    async def role(self, ref: str) -> JobRole | None:
        """A role by key or id."""

    async def add(self, version: RoleVersion, entry: Entry) -> Sequence[Standing] | None:
        """Add a version of a role, its first one too; None where this number or key is taken."""

    async def certify(
        self, version: RoleVersion, by: str, at: datetime, entry: Entry
    ) -> Sequence[Standing] | None:
        """Certify a version that has still the status that it is handed over with."""

    async def revoke(self, version: RoleVersion, reason: str, entry: Entry) -> bool:
        """Revoke a version that has still the status that it is handed over with, whatever its skills; False if not."""
