"""Values of runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from livery.kernel.decide import Facts, Permit
from livery.kernel.standing import StandingApproval
from livery.manifest.capabilities import Capabilities
from livery.manifest.contract import Contract
from livery.manifest.envelope import Envelope
from livery.manifest.schema import Validator
from livery.services.artifacts.types import NewArtifact
from livery.services.identity.types import AuthorizedWorkspaceId, Principal


@dataclass(frozen=True, slots=True)
class Call:
    """A request to run a skill, as a door hands it over."""

    principal: Principal
    skill: str
    args: Any
    workspace: str | None = None
    hired_agent_id: UUID | None = None
    version: str | None = None
    channel: str | None = None
    dry_run: bool = False
    approval_id: str | None = None
    idempotency_key: str | None = None
    correlation_id: str = ""
    depth: int = 0
    """How many skills called each other to come to this call; 0 where a door did."""
    wait_for_approval: bool = False
    """Where an approval is missing, wait for it instead of being refused."""
    run_id: UUID | None = None
    """The run that waited for its approval and is started now."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A live standing approval of the scope and the digest of a call."""

    approval: StandingApproval
    policy_hash: str
    by: str
    token_id: UUID
    hand: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the database knows of a call, read in one statement."""

    skill_key: str
    skill_id: UUID
    owner: str
    category: str
    version: str
    digest: str
    version_status: str
    contract: Mapping[str, Any]
    certificate_id: UUID | None
    certificate_state: str | None
    certificate_expires_at: datetime | None
    certificate_statement: Mapping[str, Any] | None
    agent_status: str | None
    entitled: bool
    entitled_skills: tuple[UUID, ...]
    kill_switch: str | None
    global_epoch: int
    local_epoch: int
    policy_text: str
    token_alive: bool
    code_grants: Mapping[str, str] = field(default_factory=dict)
    """Security hash -> `always_allow` or `deny`, for this caller's scope."""
    standing: tuple[Granted, ...] = ()
    four_eyes: bool = False
    owned: bool = False
    """The skill is the workspace's own."""


@dataclass(frozen=True, slots=True)
class ExecutionContract:
    """The compiled snapshot that a call is decided by; dropped when the epoch it was made in is over."""

    workspace_id: AuthorizedWorkspaceId
    hired_agent_id: UUID | None
    skill_key: str
    version: str
    digest: str
    certificate_id: str
    badge: str
    policy_hash: str
    contract: Contract
    capabilities: Capabilities
    output_schema: Validator
    facts: Facts
    timeout_s: float
    runtime: str
    entry: str
    inline: bool
    global_epoch: int
    local_epoch: int
    provider_id: str = "builtin"
    tool_id: str = ""
    skill_id: UUID | None = None
    security_hash: str | None = None
    owned: bool = False


class Intent(NamedTuple):
    """One row of a begin batch. With a `permit` it asks to start; without one it records a denial.

    A tuple, because it is made for every call and goes to the database as it is: all but the permit, in this order,
    are the columns of `livery.intent`.
    """

    run_id: UUID
    workspace_id: UUID
    hired_agent_id: UUID | None
    skill_key: str
    version: str | None
    digest: str | None
    principal: str
    key: str | None
    args_hash: str | None
    input: str | None
    dry_run: bool
    estimate: int
    period: str
    approval_id: str | None
    policy_hash: str | None
    global_epoch: int
    local_epoch: int
    correlation_id: str
    denied: str | None
    envelope: str | None
    body: str
    hand: tuple[str, ...] | None
    """Who calls (`kernel.approval.Person`), where an approval of one action is to be used."""
    makers: tuple[str, ...] | None
    permit: Permit | None


@dataclass(frozen=True, slots=True)
class Parked:
    """A run that waits for its approval; `input` is canonical JSON, `asked_*` is what the caller named."""

    run_id: UUID
    workspace_id: UUID
    hired_agent_id: UUID | None
    skill_key: str
    skill_id: UUID
    version: str
    digest: str
    principal: str
    token_id: UUID
    args_hash: str
    input: str
    approval_id: str
    asked_version: str | None
    asked_channel: str | None
    key: str | None
    correlation_id: str


class Outcome(NamedTuple):
    """One row of a settle batch; `artifacts` are written in the same transaction.

    All but the artifacts, in this order, are the columns of `livery.outcome`.
    """

    run_id: UUID
    workspace_id: UUID
    skill_key: str
    status: str
    code: str
    estimate: int
    cost: int
    tokens_in: int
    tokens_out: int
    duration_us: int
    free: bool
    key: str | None
    correlation_id: str
    envelope: str
    body: str
    artifacts: tuple[NewArtifact, ...] = ()


@dataclass(frozen=True, slots=True)
class Inner:
    """The way from a skill to other skills: `run(skill_key, input)` answers with the envelope of a run of its own.

    `depth` is how many skills called each other to come to the one that asks.
    """

    depth: int
    run: Callable[[str, Any], Awaitable[Envelope]]


@dataclass(frozen=True, slots=True)
class Invocation:
    """What an executor gets: the contract, the input, and where it runs."""

    run_id: UUID
    contract: ExecutionContract
    args: Any
    dry_run: bool
    now: datetime
    correlation_id: str
    idempotency_key: str | None = None
    inner: Inner | None = None


@dataclass(slots=True)
class Produced:
    """An artifact as the skill hands it over."""

    name: str
    media_type: str
    content: bytes


@dataclass(slots=True)
class Invoked:
    """What an executor answers; with `code` other than tool_ok the run failed. Cost in micro-USD."""

    result: Any = None
    code: str = "tool_ok"
    message: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    artifacts: list[Produced] = field(default_factory=list)
    side_effects: list[dict[str, Any]] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)
    cost: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    retryable: bool | None = None
    unknown: bool = False
    effects_known: bool = False
    """The executor kept account of its effects: `unknown` is what it knows, not what one must fear."""
    draft: bool = False
    """A dry run ended at its first effect: `result` is its draft, no output of the skill."""
    lineage: list[dict[str, Any]] = field(default_factory=list)
    """The steps of a pipeline, each with the hashes of what went in and came out."""
    calls: list[dict[str, Any]] = field(default_factory=list)
    """The skills that it called, with their runs."""
    own_ns: int | None = None
    """Time of the skill itself, without `waited_ns` for a free processor; None where it was not measured."""
    waited_ns: int = 0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it is listed."""

    run_id: UUID
    workspace_id: UUID
    workspace: str | None
    hired_agent_id: UUID | None
    skill_key: str
    skill_version: str | None
    digest: str | None
    principal: str
    status: str
    code: str | None
    cost: int
    duration_us: int | None
    dry_run: bool
    approval_id: str | None
    correlation_id: str
    created_at: datetime
    finished_at: datetime | None
    artifacts: tuple[Mapping[str, Any], ...]
    input: Any = None
    envelope: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What an idempotency key stands for."""

    run_id: UUID
    args_hash: str
    status: str
    envelope: Mapping[str, Any] | None
