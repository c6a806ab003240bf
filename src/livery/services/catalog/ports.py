"""What the catalog needs from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from livery.manifest.diagnostics import Diagnostic
from livery.manifest.package import PackageFile
from livery.manifest.tree import Tree
from livery.services.audit.types import Entry
from livery.services.catalog.types import (
    Change,
    Held,
    Listing,
    Move,
    Offer,
    Registered,
    Remarks,
    Skill,
    Use,
    Version,
)


class Entitlements(Protocol):
    """What hired agents may use."""

    async def entitled(self, hired_agent_id: UUID, workspace_id: UUID) -> frozenset[UUID]:
        """The skills of a hired agent."""


class CatalogStore(Protocol):
    """Skills, versions and packages."""

    async def add(self, offers: Sequence[Offer]) -> list[str]:
        """Add versions, and their skills where they are new, in one transaction. For each: `added`, `same` (this
        digest is there), `held:` and who has the key (`platform`, or slugs), or the other digest that this version
        already has."""

    async def named(
        self, ref: str, workspaces: Sequence[UUID], owner: UUID | None = None
    ) -> list[Skill]:
        """Whom a key or id means: by id that skill; a workspace's own that is alive before the platform's, and that
        before one of which all versions are revoked or deleted. More than one where workspaces have one key each.
        `owner` leaves the others out."""

    async def skills(self, workspaces: Sequence[UUID], listing: Listing) -> list[Skill]:
        """Skills by key; all but deleted ones unless `status` asks for them."""

    async def registered(self, names: Sequence[tuple[UUID, str]]) -> list[Registered]:
        """Every version of the skills with these (workspace, key)."""

    async def contract(self, skill_id: UUID, version: str, home: UUID) -> Mapping[str, Any]:
        """The contract document of a version, `{}` where it has none. `home` is the workspace that owns the skill,
        here as in what follows: of another one nothing is found."""

    async def versions(self, skill_id: UUID, home: UUID) -> list[Version]:
        """The versions of a skill, newest first."""

    async def channels(self, skill_id: UUID, home: UUID) -> dict[str, str]:
        """Channel -> version."""

    async def set_status(
        self,
        skill_id: UUID,
        version: str,
        change: Change,
        workspaces: Sequence[UUID],
        entry: Entry,
    ) -> bool:
        """Move a version; a revocation also revokes its certificates. Seen by the next call in every process.

        False where it is no longer in the state that the change leads from: nothing is written."""

    async def delete(
        self, gone: Sequence[Version], workspaces: Sequence[UUID], entries: Sequence[Entry]
    ) -> list[str]:
        """Delete versions of one skill, all or none: those of which no run is on record and that no channel names.

        Returns what stands in the way, in words; nothing where they are deleted.
        """

    async def recorded(self, entry: Entry, act: Callable[[], Awaitable[None]]) -> None:
        """Write an entry of the record, do what it says, and end the epoch; where that fails nothing is written."""

    async def archive(self, digest: str, home: UUID) -> bytes | None:
        """A package as its stored zip, where a version that `home` sees is of it."""

    async def package(self, digest: str, home: UUID) -> tuple[PackageFile, ...] | None:
        """Its files."""


class Proof(Protocol):
    """The certificate of a version, as it is worth now."""

    @property
    def certificate_id(self) -> UUID:
        """Its id."""

    @property
    def digest(self) -> str:
        """Of which code it is."""

    @property
    def state(self) -> str:
        """`valid`, `stale`, `expired` or `revoked`."""

    @property
    def statement(self) -> Mapping[str, Any]:
        """The signed statement, in DSSE."""


class Proofs(Protocol):
    """Looks certificates up; certification, a later slice, does it."""

    async def __call__(self, skill: Skill) -> Mapping[str, Proof]:
        """The newest certificate of each version, by version."""


class ChannelStore(Protocol):
    """Channels and their moves."""

    async def moves(self, skill: Skill, channel: str | None, limit: int | None) -> list[Move]:
        """Moves, newest first."""

    async def move(self, move: Move, certificate_id: UUID, entry: Entry) -> bool:
        """Write a move, point the channel there and end the epoch.

        False, and nothing is written, where the channel is no longer at `previous`, the version's newest certificate
        is no longer this one and valid, or the version may not run any more (a promotion needs it certified).
        """


class PackageReader(Protocol):
    """Reads what a caller uploads."""

    def read_zip(self, data: bytes) -> tuple[tuple[PackageFile, ...], tuple[Diagnostic, ...]]:
        """Files of a zip, or diagnostics: never both, never an exception."""

    def read_tree(self, data: bytes) -> Tree:
        """The same of a zip with any number of packages: paths as they are, symlinks marked."""


class LoadStore(Protocol):
    """What a loader must know of the catalog. `home` is the owner of what is loaded: the platform or a workspace."""

    async def keys(self, names: Sequence[str], home: UUID) -> frozenset[str]:
        """Which of these names are keys of skills that this owner sees."""

    async def aliases(self, names: Sequence[str], home: UUID) -> Mapping[str, frozenset[str]]:
        """Which of these names are aliases that skills which it sees claim: alias -> their keys."""

    async def newest(
        self, keys: Sequence[str], home: UUID, by: str | None = None
    ) -> Mapping[str, Held]:
        """The newest version of each of its own skills, of those that `by` registered where it is named."""

    async def statuses(
        self, refs: Sequence[tuple[str, str]], home: UUID
    ) -> Mapping[tuple[str, str], str]:
        """Status by (key, version) of its own skills."""

    async def note(self, digest: str, home: UUID) -> tuple[Diagnostic, ...]:
        """What was said of a package when it was taken."""

    async def notes(
        self, workspaces: Sequence[UUID], after: tuple[str, UUID] | None, limit: int
    ) -> Sequence[Remarks]:
        """The newest versions of which something was said, by key and workspace."""


class UseSource(Protocol):
    """A place that composes skills. What is not registered as one may not hold a reference to a skill."""

    kind: str
    tables: frozenset[str]
    """The tables in which this place keeps its references; a test finds a table that nobody registered."""

    async def uses_of(
        self, skill_id: UUID, version: str | None, workspaces: Sequence[UUID]
    ) -> Sequence[Use]:
        """Uses of one version, of every version where none is named, in these workspaces."""
