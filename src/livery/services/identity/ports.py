"""What the identity slice needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from livery.services.audit.types import Entry
from livery.services.identity.types import Line, Principal, TokenInfo, Workspace


class IdentityStore(Protocol):
    """Tokens and workspaces."""

    def forget(self) -> None:
        """Read again what is kept in memory."""

    async def lookup(self, token_hash: bytes) -> Principal | None:
        """The principal of a live token; a read across workspaces."""

    async def add_token(self, info: TokenInfo, token_hash: bytes, line: Line, entry: Entry) -> None:
        """Keep a token's hash, and the line of those who made it."""

    async def names(self, workspace_id: UUID | None, now: datetime) -> list[str]:
        """The names of the live tokens of a workspace, or of staff."""

    async def has_agent(self, workspace_id: UUID, hired_agent_id: UUID) -> bool:
        """Whether this workspace has hired this agent."""

    async def tokens(self, workspaces: Sequence[UUID]) -> list[TokenInfo]:
        """Tokens of these workspaces, newest first."""

    async def revoke_token(
        self, token_id: UUID, at: datetime, workspaces: Sequence[UUID], entry: Entry
    ) -> bool:
        """Revoke; False where there is none to revoke. Every process sees it on the next call."""

    async def add_workspace(
        self, workspace: Workspace, cap: int, period: str, entry: Entry
    ) -> bool:
        """Add a workspace with its budget (micro-USD a month); False where the slug is taken."""

    async def set_workspace(
        self,
        workspace_id: UUID,
        four_eyes: bool | None,
        delegated_approval: bool | None,
        entry: Entry,
    ) -> Workspace:
        """Change who may approve; None leaves it. Every process sees it."""

    async def workspaces(self, ids: Sequence[UUID]) -> list[Workspace]:
        """These workspaces, by slug."""

    async def workspace_ids(self) -> list[UUID]:
        """All workspaces; a read across workspaces."""
