"""Values of control."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

SCOPES = ("all", "workspace", "agent")


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """A switch that is engaged: while it is, nothing in its scope runs. `target` is the platform for `all`."""

    scope: str
    target: UUID
    workspace_id: UUID
    reason: str
    engaged_by: str
    engaged_at: datetime


@dataclass(frozen=True, slots=True)
class AgentState:
    """A hired agent as control sees it."""

    hired_agent_id: UUID
    workspace_id: UUID
    name: str
    status: str
