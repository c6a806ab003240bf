"""Values of bindings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from livery.services.catalog.types import Standing


@dataclass(frozen=True, slots=True)
class Target:
    """What fills a slot: a skill at a pinned version, or at what a channel names. Exactly one of the two is set."""

    skill_id: UUID
    skill_key: str
    version: str | None
    channel: str | None

    @property
    def badge(self) -> str:
        """`key@1.0.0` or `key@production`."""
        return f"{self.skill_key}@{self.version or self.channel}"


@dataclass(frozen=True, slots=True)
class Binding:
    """A slot of a workspace, what fills it, and the version that is now. `move_id` is its newest move."""

    workspace_id: UUID
    workspace: str
    slot: str
    target: Target
    resolved: Standing
    bound_by: str
    bound_at: datetime
    move_id: int


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a slot's history; `kind` is `bind`, `roll_back` or `unbind` (its target is what was taken away)."""

    move_id: int
    kind: str
    target: Target
    moved_by: str
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A slot to be filled: `expected` is the move that it must still stand at, None where it does not matter."""

    workspace_id: UUID
    slot: str
    kind: str
    target: Target
    by: str
    at: datetime
    expected: int | None = None
