"""What policies need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from livery.services.audit.types import Entry
from livery.services.policies.types import PastRun, PolicyVersion


class PolicyStore(Protocol):
    """Versions of the platform's policy set; one is active."""

    async def active_text(self) -> str:
        """The Cedar text that decides now; empty where there is none."""

    async def versions(self, limit: int) -> list[PolicyVersion]:
        """Newest first."""

    async def version(self, version: int) -> PolicyVersion | None:
        """One version."""

    async def add(
        self,
        policy_hash: str,
        text: str,
        cases: Sequence[Mapping[str, Any]],
        note: str,
        by: str,
        entry: Entry,
    ) -> int:
        """Keep a version; it decides nothing yet. Returns its number."""

    async def activate(self, version: PolicyVersion, by: str, entry: Entry) -> None:
        """Let it decide, from the next call on, in every process."""

    async def recent_runs(self, workspaces: Sequence[UUID], limit: int) -> list[PastRun]:
        """The last runs, newest first."""
