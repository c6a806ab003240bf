"""What the audit slice needs from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from livery.services.audit.types import Chain, Link, Mark, Position, Recorded


class AuditStore(Protocol):
    """Reads of the record."""

    async def search(
        self,
        workspaces: Sequence[UUID],
        *,
        before: Position | None,
        kind: str | None,
        subject_id: str | None,
        correlation_id: str | None,
        code: str | None,
        limit: int,
    ) -> list[Recorded]:
        """Entries of these workspaces, newest first, behind `before`."""

    async def chains(self) -> list[Chain]:
        """Every chain, by id."""

    async def entries(self, chain_id: str, after: int, limit: int) -> list[Recorded]:
        """Entries of one chain behind `after`, oldest first, of all workspaces."""

    async def links(self, chain_id: str) -> list[Link]:
        """The links of one chain, oldest first."""

    async def add_checkpoint(
        self, sign: Callable[[list[Chain], int, Mapping[str, Any] | None], Mapping[str, Any]]
    ) -> None:
        """Keep what `sign` makes of all chains, the number of checkpoints and the newest; one at a time, in all
        processes, and each behind the one before it."""

    async def newest_checkpoint(self) -> tuple[int, Mapping[str, Any] | None]:
        """How many checkpoints there are, and the newest."""

    async def checkpoints(self) -> list[Mapping[str, Any]]:
        """All checkpoints, oldest first."""


class Newest(Protocol):
    """The newest checkpoint that this machine has seen, kept where the database cannot reach it."""

    def read(self) -> Mark | None:
        """What was kept; ValueError where it cannot be read."""

    def keep(self, mark: Mark) -> None:
        """Keep it, unless one with a higher number is kept, or what is kept cannot be read."""


class Signer(Protocol):
    """Signs statements; the key never leaves it."""

    def sign(self, payload: bytes) -> dict[str, Any]:
        """A DSSE envelope around an in-toto statement."""

    def public_keys(self) -> dict[str, bytes]:
        """Verification keys, PEM by key id."""

    @property
    def keyid(self) -> str:
        """The active key."""
