"""What hiring needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from livery.services.audit.types import Entry
from livery.services.catalog.types import Standing
from livery.services.hiring.types import AgentType, HiredAgent


class HiringStore(Protocol):
    """Agent types and hired agents."""

    async def add_type(self, agent_type: AgentType, entry: Entry) -> None:
        """Publish a definition; the same again changes nothing."""

    async def types(self) -> list[AgentType]:
        """All definitions."""

    async def hire(
        self, agent: HiredAgent, version: int, entry: Entry
    ) -> Sequence[Standing] | None:
        """Keep a hired agent with its entitlements, if all are certified in the transaction; answers how they stood.
        None where the name is taken."""

    async def agents(
        self, workspaces: Sequence[UUID], hired_agent_id: UUID | None = None
    ) -> list[HiredAgent]:
        """Hired agents of these workspaces; an active one is `degraded` while a skill of it cannot run."""
