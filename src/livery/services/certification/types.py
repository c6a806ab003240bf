"""Values of certification."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from livery.manifest.package import Package
from livery.services import PLATFORM

SEVERITIES = ("low", "medium", "high", "critical")
"""Of a finding, in ascending order. What is critical cannot be suppressed."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """A person's answer for a finding: why it does not count, and who says so."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class SignOff:
    """A person's yes to a digest."""

    approver: str
    note: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    `rule` says which one found it, `severity` is one of SEVERITIES; `fingerprint` names the finding across versions
    and lines, for suppressions.
    """

    code: str
    message: str
    file: str | None = None
    line: int | None = None
    remedy: str | None = None
    rule: str | None = None
    severity: str | None = None
    fingerprint: str | None = None
    suppressed: Suppression | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Evidence of one check: verdict is pass, warn or fail; duration in ms. `evidence` is what was measured."""

    name: str
    verdict: str
    summary: str
    findings: tuple[Finding, ...] = field(default=())
    duration_ms: float = 0.0
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured run of a fixture: the skill's own time, and what it waited for a free processor, in ms."""

    own_ms: float
    waited_ms: float = 0.0
    cost_usd_micros: int = 0


@dataclass(frozen=True, slots=True)
class Baseline:
    """The certified version that a new one is held against."""

    version: str
    package: Package


CERTIFIED_FOR: Final[ContextVar[UUID]] = ContextVar("certified_for", default=PLATFORM)
"""The workspace that owns what is being certified: fixtures that call skills call what it sees."""


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """What a check may know besides the package. `suppressions` is keyed by fingerprint; `sign_offs` are those of
    this digest."""

    skill_key: str
    version: str
    author: str = ""
    baseline: Baseline | None = None
    suppressions: Mapping[str, Suppression] = field(default_factory=dict)
    sign_offs: tuple[SignOff, ...] = ()
    skill_id: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Signed evidence for one digest; `statement` is the DSSE envelope.

    `basis` is what it rests on, `drifted` what of that is another now, `reason` why its key does not count.
    """

    certificate_id: UUID
    skill_id: UUID
    version: str
    digest: str
    state: str
    key_id: str
    signed_at: datetime
    expires_at: datetime
    checks: tuple[Mapping[str, Any], ...]
    statement: Mapping[str, Any]
    basis: Mapping[str, str] = field(default_factory=dict)
    drifted: tuple[str, ...] = ()
    reason: str | None = None

    def state_at(self, now: datetime) -> str:
        """`valid`, `stale`, `revoked`, or `expired` once its time is over."""
        return (
            "expired" if self.state in ("valid", "stale") and self.expires_at <= now else self.state
        )


@dataclass(frozen=True, slots=True)
class Certification:
    """The outcome of certifying a version.

    `status` is the version's afterwards, or `stale` where it was certified, its certificate counts no more and the
    checks fail. `certificate` is the valid one, None where a check failed.
    """

    skill_key: str
    version: str
    digest: str
    status: str
    checks: tuple[Mapping[str, Any], ...]
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class Job:
    """A certification in the background.

    `state` is queued, running, done (`result` says what came out) or failed (`error` is a problem: code, message,
    remedy). `done` holds the results of the checks so far, `attempts` how often a process took it on.
    """

    job_id: UUID
    skill_id: UUID
    workspace_id: UUID
    skill_key: str
    version: str
    digest: str
    state: str
    requested_by: str
    correlation_id: str
    created_at: datetime
    done: tuple[Mapping[str, Any], ...] = ()
    total: int = 0
    current: str | None = None
    attempts: int = 0
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    workspace: str | None = None
    """The slug of the workspace that owns the skill; None for the platform's."""

    @property
    def open(self) -> bool:
        """It waits or runs."""
        return self.state in ("queued", "running")

    @property
    def place(self) -> tuple[UUID, UUID]:
        """What a queue may carry: the job's id and its workspace's."""
        return self.job_id, self.workspace_id


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended: `result` and `certificate_id` where it is done, `error` where it failed."""

    state: str
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
