"""Values of hiring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from livery.services.catalog.types import Standing


@dataclass(frozen=True, slots=True)
class AgentType:
    """A versioned definition of an agent."""

    agent_type: str
    version: int
    name: str
    description: str
    required_skill_keys: tuple[str, ...]
    status: str

    @property
    def ref(self) -> str:
        """How it is named: `analytics.weekly_digest.v1`."""
        return f"{self.agent_type}.v{self.version}"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A skill version that a hired agent may call."""

    skill_key: str
    version: str
    skill_id: UUID


@dataclass(frozen=True, slots=True)
class HiredAgent:
    """An agent type hired by a workspace. `degraded` is computed: its `degraded_by` cannot run, its other skills do."""

    hired_agent_id: UUID
    workspace_id: UUID
    workspace: str
    agent_type: str
    name: str
    status: str
    skills: tuple[Entitlement, ...]
    created_at: datetime
    degraded_by: tuple[Standing, ...] = ()
