"""Kill switches and the status of agents in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from livery.services.audit.types import Entry
from livery.services.control.types import AgentState, KillSwitch
from livery.storage.database import Database


class PostgresControl:
    """See services.control.ports.ControlStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def engage(self, switch: KillSwitch, entry: Entry) -> None:
        """Engage it, and end the epoch of whom it concerns."""
        async with self._database.write([switch.workspace_id]) as tx:
            await tx.rows(
                "switch_engage",
                switch.scope,
                switch.target,
                switch.workspace_id,
                switch.reason,
                switch.engaged_by,
                switch.engaged_at,
            )
            await tx.bump(switch.workspace_id)
            await tx.append(entry)

    async def release(
        self, scope: str, target: UUID, workspaces: Sequence[UUID], entry: Entry
    ) -> bool:
        """Release it, and end the epoch of whom it concerned."""
        async with self._database.write(workspaces) as tx:
            if await tx.value("switch_release", scope, target) is None:
                return False
            await tx.bump(entry.workspace_id)
            await tx.append(entry)
        return True

    async def switches(self, workspaces: Sequence[UUID]) -> list[KillSwitch]:
        """The engaged switches."""
        async with self._database.read(workspaces) as tx:
            return [KillSwitch(*row.values()) for row in await tx.rows("switch_list")]

    async def agent(self, ref: str, workspaces: Sequence[UUID]) -> AgentState | None:
        """A hired agent by id, or by a name that only one has."""
        async with self._database.read(workspaces) as tx:
            rows: list[Any] = await tx.rows("agent_state", ref)
        if not rows or (len(rows) > 1 and str(rows[0]["hired_agent_id"]) != ref):
            return None
        return AgentState(*rows[0].values())

    async def move(self, agent: AgentState, event: str, status: str, entry: Entry) -> bool:  # noqa: ARG002
        """Move an agent, and end its workspace's epoch."""
        async with self._database.write([agent.workspace_id]) as tx:
            moved = await tx.value("agent_move", agent.hired_agent_id, agent.status, status)
            if moved is None:
                return False
            await tx.bump(agent.workspace_id)
            await tx.append(entry)
        return True
