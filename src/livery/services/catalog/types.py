"""Values of the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from livery.manifest.diagnostics import Diagnostic
from livery.manifest.package import PackageFile
from livery.services import PLATFORM
from livery.services.audit.types import Entry


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill as the catalog lists it; status, version and digest are its newest version's."""

    skill_id: UUID
    workspace_id: UUID
    skill_key: str
    name: str
    description: str
    category: str
    owner: str
    status: str
    version: str
    digest: str
    created_at: datetime
    workspace: str | None = None
    """The slug of the workspace that owns it; None for the platform's own."""

    @property
    def ref(self) -> str:
        """What names this skill to everybody who sees it: `key`, or `workspace:key` for a workspace's own."""
        return f"{self.workspace}:{self.skill_key}" if self.workspace else self.skill_key


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version. `contract` is the contract as a mapping, `{}` where the package has none."""

    skill_id: UUID
    skill_key: str
    version: str
    digest: str
    status: str
    contract: Mapping[str, Any]
    created_by: str
    created_at: datetime
    reason: str | None
    workspace_id: UUID = PLATFORM
    """Its skill's."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What registering a package adds."""

    skill_id: UUID
    workspace_id: UUID
    skill_key: str
    name: str
    description: str
    category: str
    owner: str
    version: str
    digest: str
    contract: Mapping[str, Any]
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """A version that is in the catalog, in short."""

    skill_id: UUID
    workspace_id: UUID
    skill_key: str
    version: str
    status: str


@dataclass(frozen=True, slots=True)
class Change:
    """A step in a version's life. `in_flight` says what becomes of calls that run: `finish` or `withhold`."""

    before: str
    after: str
    reason: str | None = None
    in_flight: str = "finish"


@dataclass(frozen=True, slots=True)
class Move:
    """One move of a channel: `kind` is `promote` or `roll_back`; `statement` is its signed verification summary."""

    skill_id: UUID
    workspace_id: UUID
    channel: str
    version: str
    previous: str | None
    kind: str
    moved_by: str
    reason: str | None
    statement: Mapping[str, Any]
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """Which skills to list: each filter is None where all will do; `query` is in websearch syntax.

    `after` is key and workspace of the last skill of the page before; `owned_by` keeps what a workspace owns, `only`
    what is among these skills.
    """

    status: str | None = None
    category: str | None = None
    owner: str | None = None
    query: str | None = None
    after: tuple[str, UUID] | None = None
    limit: int = 100
    owned_by: UUID | None = None
    only: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Remarks:
    """What a loader said of the newest version of a skill; `workspace` as in Skill."""

    skill_key: str
    workspace_id: UUID
    workspace: str | None
    version: str
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A package that asks to become a version: what is added, its files, the record of it, and what its loader said."""

    new: NewVersion
    files: tuple[PackageFile, ...]
    entry: Entry
    diagnostics: tuple[Diagnostic, ...] = ()
    aliases: tuple[str, ...] = ()
    code: tuple[Diagnostic, ...] = ()
    """What of it is code: a workspace's own has none."""


@dataclass(frozen=True, slots=True)
class Held:
    """A version that is there, and who registered it."""

    version: str
    digest: str
    created_by: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A package that is registered, now or before; `path` is its folder in what was loaded."""

    path: str
    skill_key: str
    version: str
    digest: str
    status: str
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A package that is not, and why."""

    path: str
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Every package of what was loaded, in one of the two, by path."""

    loaded: tuple[Loaded, ...]
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """One place that composes a skill: `kind` is the composition point (`job_role`, `hired_agent`, `binding`, …).

    `version` is what it is held to now: the pinned version, or the one its `channel` names.
    """

    kind: str
    ref: str
    name: str
    workspace_id: UUID
    skill_key: str
    version: str
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a version stands at one moment. `status` is the version's, or `expired` or `not_certified` where its newest
    certificate ran out or is none, or `not_found`; `reason` is that of a revocation."""

    skill_id: UUID
    skill_key: str
    version: str
    status: str
    reason: str | None = None

    @property
    def certified(self) -> bool:
        """Whether something new may be composed of it."""
        return self.status == "certified"

    @property
    def runs(self) -> bool:
        """Whether what holds it already may go on with it."""
        return self.status in ("certified", "deprecated")

    @property
    def badge(self) -> str:
        """`key@version`."""
        return f"{self.skill_key}@{self.version}".removesuffix("@")
