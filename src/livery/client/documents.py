"""The documents that the HTTP API answers, as TypedDicts.

They describe, they do not validate: a newer server may add members, and a reader ignores those it
does not know. Times are RFC 3339 strings, sizes are bytes, durations milliseconds, money US dollars
unless the name says `_micros`. Shapes: `docs` of the API (OpenAPI 3.1) and 3-contracts.
"""

from typing import Any, NotRequired, TypedDict

JsonObject = dict[str, Any]
Dsse = dict[str, Any]
"""A DSSE envelope: `{payload (base64), payloadType, signatures: [{keyid, sig}]}`."""


class Health(TypedDict):
    """Liveness: the process answers."""

    status: str
    version: str


class ReadyCheck(TypedDict):
    """One thing that the server needs in order to work."""

    ok: bool
    detail: str
    remedy: NotRequired[str]


class Ready(TypedDict):
    """Readiness: `ready` or `degraded`, with what was checked."""

    status: str
    checks: dict[str, ReadyCheck]


class WorkspaceRef(TypedDict):
    """A workspace named from another document."""

    id: str
    slug: str


class WhoAmI(TypedDict):
    """Whose token this is."""

    principal: str
    role: str
    workspace: WorkspaceRef | None
    hired_agent_id: str | None


class TokenCreated(TypedDict):
    """A new token; `token` is shown this once only."""

    token: str
    token_id: str
    role: str
    workspace: NotRequired[Any]
    expires_at: str | None


class Token(TypedDict):
    """A token as it is listed: never its secret."""

    token_id: str
    role: str
    name: NotRequired[str | None]
    workspace: NotRequired[Any]
    hired_agent_id: NotRequired[str | None]
    created_at: NotRequired[str]
    expires_at: NotRequired[str | None]
    revoked_at: NotRequired[str | None]


class Workspace(TypedDict):
    """A tenant."""

    workspace_id: NotRequired[str]
    id: NotRequired[str]
    name: str
    slug: str
    timezone: NotRequired[str]
    four_eyes: NotRequired[bool]
    delegated_approval: NotRequired[bool]


class Check(TypedDict):
    """One check of a certification: `verdict` is `pass`, `fail` or `warn`."""

    name: str
    verdict: str
    duration_ms: NotRequired[float]
    summary: NotRequired[str]
    findings: NotRequired[list[Any]]


class Certificate(TypedDict):
    """Signed evidence for one digest: `state` is `valid`, `stale`, `expired` or `revoked`.

    `drifted` names what it rested on that is another now, `reason` says why its key does not count.
    """

    certificate_id: str
    state: str
    drifted: NotRequired[list[str]]
    reason: NotRequired[str | None]
    key_id: str
    signed_at: str
    expires_at: str
    days_left: NotRequired[int]
    checks: list[Check]
    statement: Dsse


class SignOff(TypedDict):
    """A person's yes to one version's digest."""

    skill_key: str
    version: str
    digest: str
    approver: str
    note: str
    signed_at: str


class Suppression(TypedDict):
    """Somebody's answer for a finding of a version."""

    skill_key: str
    version: str
    fingerprint: str
    reason: str
    by: str
    finding: NotRequired[dict[str, Any]]


class Skill(TypedDict):
    """A skill as it is listed; `workspace` is the slug of the workspace that owns it, None for the platform's own."""

    skill_id: str
    skill_key: str
    workspace: NotRequired[str | None]
    name: str
    description: str
    category: str
    owner: str
    status: str
    version: str
    digest: str
    created_at: str
    certificate: NotRequired[dict[str, Any] | None]


class SkillVersion(TypedDict):
    """One immutable version of a skill."""

    version: str
    digest: str
    status: str
    channels: NotRequired[list[str]]
    created_at: str
    certificate: Certificate | None


class SkillDetail(Skill):
    """A skill with its contract, versions and channels."""

    contract: JsonObject
    capabilities: JsonObject
    versions: list[SkillVersion]
    channels: dict[str, str]
    diagnostics: list[JsonObject]


class Certified(TypedDict):
    """What certifying answered; `certificate` is the valid one, None where a check failed.

    `status` is the version's afterwards, or `stale` where its certificate counts no more and none took its place.
    """

    key: str
    version: str
    digest: str
    status: str
    checks: list[Check]
    certificate: Certificate | None


class JobProgress(TypedDict):
    """How far a job is, in checks; `current` is the one that runs."""

    done: int
    total: int
    current: str | None


class CertificationJob(TypedDict):
    """A certification in the background: `state` is queued, running, done or failed."""

    job_id: str
    key: str
    version: str
    digest: str
    state: str
    progress: JobProgress
    checks: list[Check]
    attempts: int
    requested_by: str
    error: JsonObject | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    location: str
    certification: NotRequired[Certified | None]


class EnvelopeError(TypedDict):
    """Why a run did not succeed."""

    code: str
    category: str
    message: str
    retryable: bool
    details: Any


class EnvelopeUsage(TypedDict):
    """What a run used."""

    duration_ms: float
    tokens_in: int
    tokens_out: int
    cost_usd: float


class Envelope(TypedDict):
    """The result envelope, version 1."""

    envelope_version: str
    run_id: str
    skill_key: str
    skill_version: str | None
    digest: str | None
    provider_id: str | None
    tool_id: str | None
    status: str
    code: str
    ok: bool
    result: Any
    artifacts: list[JsonObject]
    approval_id: str | None
    error: EnvelopeError | None
    usage: EnvelopeUsage
    side_effects: list[JsonObject]
    provenance: JsonObject | None
    from_cache: bool
    correlation_id: str


class ArtifactRef(TypedDict):
    """An artifact named from a run."""

    artifact_id: str
    name: str


class Run(TypedDict):
    """One execution, or one denial, as the journal has it."""

    run_id: str
    skill_key: str
    skill_version: str | None
    digest: str | None
    status: str
    code: str
    ok: bool
    workspace_id: str | None
    workspace: str | None
    hired_agent_id: str | None
    principal: str
    created_at: str
    finished_at: str | None
    duration_ms: float | None
    cost_usd: float | None
    correlation_id: str
    reason: str | None
    artifacts: list[ArtifactRef]


class RunDetail(Run):
    """A run with its input and its envelope."""

    input: Any
    envelope: Envelope | None


class Artifact(TypedDict):
    """An output of a run; `sha256` is of its bytes, `badge` is `skill@version`."""

    artifact_id: str
    run_id: str
    skill_key: str
    skill_version: str
    name: str
    media_type: str
    size: int
    sha256: str
    created_at: str
    badge: str


class ProvenanceCheck(TypedDict):
    """One check that the server made on an artifact's provenance."""

    name: str
    ok: bool
    detail: str


class Provenance(TypedDict):
    """All that is needed to verify an artifact offline."""

    badge: str
    state: str
    artifact: Artifact
    statement: Dsse
    predicate: JsonObject
    certificate: Dsse
    keys: dict[str, str]
    checks: list[ProvenanceCheck]
    journal: JsonObject


class AuditEntry(TypedDict):
    """One row of the journal."""

    chain_id: str
    seq: int
    at: str
    kind: str
    workspace_id: str | None
    subject_id: str | None
    code: str | None
    correlation_id: str | None
    body: JsonObject


class ChainCheck(TypedDict):
    """One chain of the journal, recomputed."""

    chain_id: str
    entries: int
    head: str
    ok: bool
    detail: str


class AuditCheckpoints(TypedDict):
    """Whether checkpoints were removed; `newest` is the sha256 of the newest one's payload, in hex."""

    ok: bool
    count: int
    newest: str
    detail: str


class AuditVerified(TypedDict):
    """The journal's chains, recomputed by the server."""

    ok: bool
    chains: list[ChainCheck]


class AgentType(TypedDict):
    """A published definition of an agent that can be hired."""

    agent_type: str
    name: NotRequired[str]
    version: NotRequired[str]
    description: NotRequired[str]
    status: NotRequired[str]
    required_skill_keys: NotRequired[list[str]]


class HiredSkill(TypedDict):
    """A skill that a hired agent is entitled to."""

    skill_key: str
    version: str


class Standing(TypedDict):
    """A pinned version of a skill and its status now: `certified`, `deprecated`, `revoked`, `expired` …"""

    skill_id: str
    skill_key: str
    version: str
    status: str
    reason: str | None


class HiredAgent(TypedDict):
    """An agent type, hired by a workspace; `degraded` while the skills in `degraded_by` cannot run."""

    hired_agent_id: str
    agent_type: str
    name: str
    workspace: Any
    status: str
    skills: list[HiredSkill]
    degraded_by: NotRequired[list[Standing]]


class JobRoleVersion(TypedDict):
    """One version of a job role; `degraded_by` are skills of a certified one that cannot run any more."""

    version: int
    name: str
    description: str
    status: str
    skills: list[Standing]
    degraded_by: list[Standing]
    created_by: str
    created_at: str
    certified_by: str | None
    certified_at: str | None
    reason: str | None


class JobRole(JobRoleVersion):
    """A job role: its newest version, the certified one in force (or None), and what degrades that."""

    role_id: str
    role_key: str
    certified_version: int | None


class JobRoleDetail(JobRole):
    """A job role with its versions, newest first."""

    versions: list[JobRoleVersion]


class Binding(TypedDict):
    """A slot of a workspace: what fills it, and `resolved_version` that is now, with its status."""

    slot: str
    workspace: str
    workspace_id: str
    skill_id: str
    skill_key: str
    version: str | None
    channel: str | None
    resolved_version: str | None
    status: str
    reason: str | None
    bound_by: str
    bound_at: str


class BindingMove(TypedDict):
    """One step of a slot's history: `bind`, `roll_back` or `unbind`."""

    kind: str
    skill_key: str
    version: str | None
    channel: str | None
    moved_by: str
    moved_at: str


class BindingDetail(Binding):
    """A slot with its history, newest first."""

    history: list[BindingMove]
