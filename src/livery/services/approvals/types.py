"""Values of approvals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

STATES = ("requested", "granted", "denied", "expired", "consumed", "revoked")
DECISIONS = ("run_once", "always_allow")


@dataclass(frozen=True, slots=True)
class Action:
    """What an approval would be bound to, and what its approver is shown. `input` holds no secrets."""

    workspace_id: UUID
    hired_agent_id: UUID | None
    skill_key: str
    digest: str
    action: str
    args_hash: str
    policy_hash: str
    skill_id: UUID | None = None
    version: str | None = None
    security_hash: str | None = None
    target: str = ""
    input: Any = None


@dataclass(frozen=True, slots=True)
class NewApproval:
    """A request to be kept."""

    approval_id: str
    action: Action
    requested_by: str
    requested_by_token: UUID
    expires_at: datetime
    hand: tuple[str, ...]
    makers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval of one action: bound to code, arguments and policy; single use. `state` is that of now."""

    approval_id: str
    workspace_id: UUID
    hired_agent_id: UUID | None
    skill_key: str
    digest: str
    action: str
    args_hash: str
    policy_hash: str
    state: str
    requested_by: str
    expires_at: datetime
    workspace: str = ""
    agent: str | None = None
    skill_id: UUID | None = None
    version: str | None = None
    security_hash: str | None = None
    target: str = ""
    input: Any = None
    requested_by_token: UUID | None = None
    decided_by: str | None = None
    decision: str | None = None
    reason: str | None = None
    run_id: UUID | None = None
    created_at: datetime | None = None
    decided_at: datetime | None = None
    four_eyes: bool = False
    delegated: bool = False
    asked_hand: tuple[str, ...] = ()
    """Everybody who asked for it, by the keys of `kernel.approval.Person`; `asked_makers`: who handed out theirs."""
    asked_makers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A step to take with an approval. `code` and `message` are what runs that wait for it get where it ends them."""

    event: str
    state: str
    by: str
    decision: str | None = None
    reason: str | None = None
    expires_at: datetime | None = None
    remember: str | None = None
    hand: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """A grant of code: this skill in this security hash, for an agent, or for callers that are none."""

    grant_id: UUID
    workspace_id: UUID
    hired_agent_id: UUID | None
    skill_id: UUID
    skill_key: str
    security_hash: str
    decision: str
    decided_by: str
    decided_at: datetime
    approval_id: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many requests wait, and for how many seconds the oldest one does."""

    count: int = 0
    oldest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; `before` is the id of the last item that was seen."""

    state: str | None = None
    before: str | None = None
    limit: int = 50
    hired_agent_id: UUID | None = field(default=None)


@dataclass(frozen=True, slots=True)
class RegisteredTarget:
    """Where a workspace lets standing approvals send to: `host` or `host:port`."""

    workspace_id: UUID
    host: str
    note: str
    registered_by: str
    registered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a standing approval would be bound to: a version as it would run now, and the policy of now."""

    skill_id: UUID
    skill_key: str
    version: str
    digest: str
    policy_hash: str
    contract: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewStanding:
    """A standing approval to be kept."""

    standing_id: str
    workspace_id: UUID
    hired_agent_id: UUID | None
    subject: Subject
    target: str
    runs: int
    expires_at: datetime
    granted_by: str
    granted_by_token: UUID
    granted_hand: tuple[str, ...] = ()
    granted_makers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StandingGrant:
    """A standing approval. `state` is that of now: active, spent, expired or revoked."""

    standing_id: str
    workspace_id: UUID
    workspace: str
    hired_agent_id: UUID | None
    agent: str | None
    skill_key: str
    version: str
    digest: str
    action: str
    target: str
    policy_hash: str
    total: int
    used: int
    state: str
    expires_at: datetime
    granted_by: str
    granted_at: datetime
    revoked_by: str | None
    revoked_at: datetime | None
    reason: str | None
    delegated: bool
