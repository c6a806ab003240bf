"""Values of policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version: Cedar text, the cases that it must decide as written, and why it was made."""

    version: int
    policy_hash: str
    text: str
    cases: tuple[Mapping[str, Any], ...]
    note: str
    active: bool
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PastRun:
    """What is known of a run that a policy decided: enough to ask another policy the same."""

    run_id: UUID
    workspace_id: UUID
    hired_agent_id: UUID | None
    principal: str
    status: str
    code: str | None
    dry_run: bool
    approved: bool
    estimate: int
    skill_key: str
    skill_id: UUID
    owner: str
    category: str
    runtime: str
    effects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A run that another policy would have decided otherwise."""

    run_id: UUID
    skill_key: str
    principal: str
    before: str
    after: str
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would have decided over past runs."""

    version: int
    active_hash: str
    runs: int
    same: int
    changes: tuple[Change, ...]
