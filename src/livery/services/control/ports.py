"""What control needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from livery.services.audit.types import Entry
from livery.services.control.types import AgentState, KillSwitch


class ControlStore(Protocol):
    """Switches, and the status of hired agents."""

    async def engage(self, switch: KillSwitch, entry: Entry) -> None:
        """Engage it, or renew its reason; the next call in every process sees it."""

    async def release(
        self, scope: str, target: UUID, workspaces: Sequence[UUID], entry: Entry
    ) -> bool:
        """Release it; False where it is not engaged."""

    async def switches(self, workspaces: Sequence[UUID]) -> list[KillSwitch]:
        """The engaged switches."""

    async def agent(self, ref: str, workspaces: Sequence[UUID]) -> AgentState | None:
        """A hired agent by id, or by its name where one workspace has it."""

    async def move(self, agent: AgentState, event: str, status: str, entry: Entry) -> bool:
        """Move an agent from the status it was read with; False where that has changed."""
