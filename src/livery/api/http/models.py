"""Bodies of requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL holds no NUL."""

Text = Annotated[str, Field(pattern=NO_NUL)]


Id = Annotated[UUID, Field(strict=False)]
"""A UUID comes as a text: JSON has no type for it."""


class _Body(BaseModel):
    # Strict: "yes" is no boolean, and "5" no number. A switch that is misread does what nobody asked for.
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False, strict=True)


class NewSkill(_Body):
    """An instructions-only skill."""

    name: Text = Field(min_length=1, max_length=200)
    description: Text = Field(min_length=1, max_length=1024)
    category: Text = Field(min_length=1, max_length=64)
    skill_key: Text | None = Field(default=None, min_length=1, max_length=200)
    workspace: Text | None = Field(default=None, min_length=1, max_length=128)


class Revocation(_Body):
    """Why a version is revoked."""

    reason: Text = Field(min_length=1, max_length=2000)


class NewSignOff(_Body):
    """A yes to one version's digest: what was looked at."""

    note: Text = Field(min_length=1, max_length=2000)


class SkillRevocation(Revocation):
    """Why a version is revoked, and what becomes of the calls that run: they `finish`, or it is `withhold`."""

    in_flight: Literal["finish", "withhold"] = "finish"


class Deprecation(_Body):
    """Why a version is no longer offered."""

    reason: Text | None = Field(default=None, min_length=1, max_length=2000)


class ChannelMove(_Body):
    """Which channel moves, and why."""

    channel: Literal["staging", "production"]
    reason: Text | None = Field(default=None, min_length=1, max_length=2000)


class NewSuppression(_Body):
    """Why a finding does not count."""

    fingerprint: Text = Field(min_length=1, max_length=64)
    reason: Text = Field(min_length=1, max_length=2000)


class NewRun(_Body):
    """A call of a skill; name it by `skill_key` or `skill_id`, or by the slot that it is bound to."""

    skill_key: Text | None = Field(default=None, max_length=128)
    skill_id: Text | None = Field(default=None, max_length=64)
    binding: Text | None = Field(default=None, max_length=128)
    input: Any = None
    version: Text | None = Field(default=None, max_length=128)
    channel: str | None = Field(default=None, pattern="^(staging|production)$")
    hired_agent_id: Id | None = None
    workspace: Text | None = Field(default=None, max_length=128)
    dry_run: bool = False
    wait: bool = True
    approval_id: Text | None = Field(default=None, max_length=64)
    wait_for_approval: bool = False


class NewToken(_Body):
    """A token to be made."""

    role: Text = Field(max_length=32)
    workspace: Text | None = Field(default=None, max_length=128)
    hired_agent_id: Id | None = None
    name: Text | None = Field(default=None, min_length=1, max_length=100)
    expires_in_days: float | None = Field(default=None, gt=0, le=3650)


class NewWorkspace(_Body):
    """A workspace to be made."""

    name: Text = Field(min_length=1, max_length=200)
    slug: Text | None = Field(default=None, min_length=1, max_length=64)
    timezone: Text = Field(default="UTC", max_length=64)


class NewHire(_Body):
    """An agent to be hired."""

    agent_type: Text = Field(max_length=128)
    workspace: Text | None = Field(default=None, max_length=128)
    name: Text | None = Field(default=None, min_length=1, max_length=100)


_Refs = Annotated[list[Annotated[Text, Field(max_length=200)]], Field(min_length=1, max_length=100)]


class NewJobRole(_Body):
    """A job role and its skills, each `key` (its newest certified version) or `key@version`."""

    name: Text = Field(min_length=1, max_length=200)
    description: Text = Field(min_length=1, max_length=2000)
    skills: _Refs
    role_key: Text | None = Field(default=None, min_length=1, max_length=200)


class WholeJobRole(_Body):
    """What the next version of a job role is."""

    name: Text = Field(min_length=1, max_length=200)
    description: Text = Field(min_length=1, max_length=2000)
    skills: _Refs


class JobRoleEdit(_Body):
    """What the next version of a job role has anew; the rest stays."""

    name: Text | None = Field(default=None, min_length=1, max_length=200)
    description: Text | None = Field(default=None, min_length=1, max_length=2000)
    skills: _Refs | None = None


class NewBinding(_Body):
    """What fills a slot: a skill at a version, or at what a channel names."""

    skill: Text = Field(min_length=1, max_length=128)
    version: Text | None = Field(default=None, min_length=1, max_length=128)
    channel: str | None = Field(default=None, pattern="^(staging|production)$")


class Resolution(_Body):
    """What became of an unknown run, and what that is known from."""

    outcome: Literal["succeeded", "failed"]
    evidence: dict[str, Any]


class Reason(_Body):
    """Why."""

    reason: Text = Field(min_length=1, max_length=1000)


class ApprovalGrant(_Body):
    """`run_once` admits this call; `always_allow` admits this very code from now on besides, but no effect of it."""

    decision: Literal["run_once", "always_allow"] = "run_once"


class ApprovalDenial(_Body):
    """With `remember` this very code is denied from now on."""

    remember: bool = False
    reason: Text | None = Field(default=None, min_length=1, max_length=1000)


class NewTarget(_Body):
    """Where standing approvals may send to: `host` or `host:port`, as the URL has it."""

    target: Text = Field(min_length=1, max_length=300)
    note: Text = Field(default="", max_length=500)


class NewStandingApproval(_Body):
    """So many sendings (`runs`) of a skill to a registered target: for this agent, or for callers that are none."""

    skill: Text = Field(min_length=1, max_length=128)
    target: Text = Field(min_length=1, max_length=300)
    runs: int = Field(ge=1, le=10_000)
    expires_in_days: float = Field(default=1.0, gt=0, le=90)
    workspace: Text | None = Field(default=None, max_length=128)
    version: Text | None = Field(default=None, max_length=128)
    hired_agent_id: Id | None = None


class WorkspaceOrder(_Body):
    """Who may approve: with `four_eyes` nobody what they started, with `delegated_approval` operators too."""

    four_eyes: bool | None = None
    delegated_approval: bool | None = None


class SwitchOrder(Reason):
    """What to stop or let go. `target` is a workspace (slug or id) or an agent (id or name); none for `all`."""

    scope: Literal["all", "workspace", "agent"]
    target: Text | None = Field(default=None, min_length=1, max_length=200)


class NewPolicy(_Body):
    """A policy version: Cedar text, the cases that it must decide as written, and what it changes."""

    text: Text = Field(min_length=1, max_length=200_000)
    cases: list[Any] = Field(default_factory=list, max_length=500)
    note: Text = Field(min_length=1, max_length=2000)
