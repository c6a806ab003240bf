"""Values of job roles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from livery.services.catalog.types import Standing


@dataclass(frozen=True, slots=True)
class RoleVersion:
    """One version of a job role: what it says is immutable, its status is not. `skills` are its pinned versions as they
    stand now."""

    role_id: UUID
    role_key: str
    version: int
    name: str
    description: str
    status: str
    skills: tuple[Standing, ...]
    created_by: str
    created_at: datetime
    certified_by: str | None = None
    certified_at: datetime | None = None
    reason: str | None = None

    @property
    def degraded_by(self) -> tuple[Standing, ...]:
        """The skills that a certified role cannot rely on any more."""
        if self.status != "certified":
            return ()
        return tuple(skill for skill in self.skills if not skill.runs)

    @property
    def badge(self) -> str:
        """How the record names it: `key@2`."""
        return f"{self.role_key}@{self.version}"


@dataclass(frozen=True, slots=True)
class JobRole:
    """A job role: its versions, newest first, never none."""

    versions: tuple[RoleVersion, ...]

    @property
    def newest(self) -> RoleVersion:
        """The newest version; its status is the role's."""
        return self.versions[0]

    @property
    def certified(self) -> RoleVersion | None:
        """The version in force: the newest certified one."""
        return next((item for item in self.versions if item.status == "certified"), None)
