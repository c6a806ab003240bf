"""Tokens and workspaces in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.identity.types import Line, Principal, TokenInfo, Workspace
from livery.storage.database import SQL, Database


class PostgresIdentity:
    """See services.identity.ports.IdentityStore."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._workspaces: dict[tuple[UUID, ...], list[Workspace]] = {}
        self._ids: list[UUID] | None = None

    def forget(self) -> None:
        """Drop what may have changed."""
        self._workspaces.clear()
        self._ids = None

    async def lookup(self, token_hash: bytes) -> Principal | None:
        """The principal of a live token."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(SQL["token_lookup"], token_hash)
        if row is None:
            return None
        return Principal(
            row["token_id"],
            row["name"],
            row["role"],
            row["workspace_id"],
            row["hired_agent_id"],
            row["expires_at"],
            tuple(row["hand"]),
            tuple(row["makers"]),
        )

    async def add_token(self, info: TokenInfo, token_hash: bytes, line: Line, entry: Entry) -> None:
        """Keep a token's hash."""
        scope = [info.workspace_id] if info.workspace_id else []
        async with self._database.write(scope) as tx:
            await tx.rows(
                "token_add",
                info.token_id,
                token_hash,
                info.name,
                info.role,
                info.workspace_id,
                info.hired_agent_id,
                info.created_at,
                info.expires_at,
                line.hand,
                line.makers,
            )
            await tx.append(entry)

    async def names(self, workspace_id: UUID | None, now: datetime) -> list[str]:
        """The names of the live tokens of a workspace, or of staff."""
        async with self._database.read([workspace_id or PLATFORM]) as tx:
            return [row["name"] for row in await tx.rows("token_names", workspace_id, now)]

    async def has_agent(self, workspace_id: UUID, hired_agent_id: UUID) -> bool:
        """Whether this workspace has hired this agent."""
        async with self._database.read([workspace_id]) as tx:
            return bool(await tx.rows("hired_agent_list", hired_agent_id))

    async def tokens(self, workspaces: Sequence[UUID]) -> list[TokenInfo]:
        """Tokens of these workspaces."""
        async with self._database.read(workspaces) as tx:
            return [TokenInfo(**row) for row in await tx.rows("token_list")]

    async def revoke_token(
        self, token_id: UUID, at: datetime, workspaces: Sequence[UUID], entry: Entry
    ) -> bool:
        """Revoke, and end the epoch."""
        async with self._database.write(workspaces) as tx:
            workspace_id = await tx.value("token_revoke", token_id, at, list(workspaces))
            if workspace_id is None:
                return False
            await tx.bump(workspace_id)
            if workspace_id != PLATFORM:
                await tx.bump()
            await tx.append(entry)
        return True

    async def add_workspace(
        self, workspace: Workspace, cap: int, period: str, entry: Entry
    ) -> bool:
        """Add a workspace, its budget and its epoch."""
        async with self._database.write([workspace.workspace_id]) as tx:
            added = await tx.value(
                "workspace_add",
                workspace.workspace_id,
                workspace.slug,
                workspace.name,
                workspace.timezone,
                workspace.created_at,
                workspace.delegated_approval,
            )
            if added is None:
                self.forget()  # another process added it, and its news may be on the way
                return False
            await tx.rows("budget_add", workspace.workspace_id, cap, period)
            await tx.bump(workspace.workspace_id)
            await tx.append(entry)
        self.forget()
        return True

    async def set_workspace(
        self,
        workspace_id: UUID,
        four_eyes: bool | None,
        delegated_approval: bool | None,
        entry: Entry,
    ) -> Workspace:
        """Change who may approve, and end the epoch: what other processes keep of the workspace is over."""
        async with self._database.write([workspace_id]) as tx:
            row = await tx.row("workspace_set", workspace_id, four_eyes, delegated_approval)
            await tx.bump(workspace_id)
            await tx.append(entry)
        self.forget()
        return _workspace(row)

    async def workspaces(self, ids: Sequence[UUID]) -> list[Workspace]:
        """These workspaces, by slug."""
        key = tuple(ids)
        known = self._workspaces.get(key)
        if known is None:
            async with self._database.read(ids) as tx:
                known = [_workspace(row) for row in await tx.rows("workspace_list")]
            self._workspaces[key] = known
        return known

    async def workspace_ids(self) -> list[UUID]:
        """All workspaces. Workspaces are never removed, and a new one ends the epoch, so the list is kept."""
        if self._ids is None:
            async with self._database.connection() as connection:
                rows = await connection.fetch(SQL["workspace_ids"])
            self._ids = [row[0] for row in rows]
        return self._ids


def _workspace(row: Any) -> Workspace:
    return Workspace(
        row["workspace_id"],
        row["slug"],
        row["name"],
        row["timezone"],
        row["created_at"],
        row["four_eyes"],
        row["delegated_approval"],
    )
