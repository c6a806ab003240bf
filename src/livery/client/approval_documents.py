"""The documents of approvals: see `documents`."""

from typing import Any, TypedDict


class Approval(TypedDict):
    """An approval of one action. `state` is requested, granted, denied, expired, consumed or revoked.

    `target` names the hosts, `input` what would be sent (without secrets), `action` the effects, or `run` where the
    code itself waits to be admitted.
    """

    approval_id: str
    state: str
    decision: str | None
    skill_key: str
    version: str | None
    digest: str
    action: str
    target: str
    input: Any
    args_hash: str
    policy_hash: str
    security_hash: str | None
    workspace: str
    workspace_id: str
    hired_agent_id: str | None
    agent: str | None
    requested_by: str
    decided_by: str | None
    reason: str | None
    run_id: str | None
    created_at: str
    decided_at: str | None
    expires_at: str


class CodeGrant(TypedDict):
    """Code that is allowed (`always_allow`) or denied (`deny`) once for all, by its security hash."""

    grant_id: str
    decision: str
    skill_key: str
    security_hash: str
    workspace_id: str
    hired_agent_id: str | None
    decided_by: str
    decided_at: str
    approval_id: str | None


class RegisteredTarget(TypedDict):
    """Where a workspace lets standing approvals send to."""

    target: str
    note: str
    workspace_id: str
    registered_by: str
    registered_at: str


class StandingApproval(TypedDict):
    """So many sendings (`runs`, `used` of them so far) to one target; it is active, spent, expired or revoked."""

    approval_id: str
    state: str
    skill_key: str
    version: str
    digest: str
    action: str
    target: str
    policy_hash: str
    runs: int
    used: int
    workspace: str
    workspace_id: str
    hired_agent_id: str | None
    agent: str | None
    granted_by: str
    granted_at: str
    expires_at: str
    revoked_by: str | None
    revoked_at: str | None
    reason: str | None
