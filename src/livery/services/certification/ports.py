"""What certification needs from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from livery.kernel.policy import PolicySet
from livery.manifest.contract import Fixture
from livery.manifest.package import Package
from livery.services.audit.types import Entry
from livery.services.certification.types import (
    Certificate,
    CheckFacts,
    CheckResult,
    Ended,
    Finding,
    Job,
    Sample,
    SignOff,
    Suppression,
)


class Check(Protocol):
    """One check of the pipeline. One that runs the code is left out where one that reads it has failed."""

    name: str
    runs_code: bool

    async def verify(self, package: Package, facts: CheckFacts) -> CheckResult:
        """Judge a package; never raises for what the package does."""


class Progress(Protocol):
    """Hears how far a certification is."""

    async def __call__(
        self, current: str | None, done: Sequence[Mapping[str, Any]], total: int
    ) -> None:
        """`current` is the check that begins now, None once all are done; `done` holds the results so far."""


class FixtureRunner(Protocol):
    """Runs a fixture through the runtime of the skill, without effects."""

    async def run(self, package: Package, fixture: Fixture) -> Any:
        """The output; raises LiveryError or whatever the skill raised."""


class FixtureMeter(Protocol):
    """Measures a run of a fixture."""

    async def measure(self, package: Package, fixture: Fixture) -> Sample:
        """Time and cost; raises LiveryError where the fixture does not run."""


class CapabilityScan(Protocol):
    """Reads what the code of a package uses."""

    def undeclared(self, package: Package) -> tuple[Finding, ...]:
        """Uses that the contract does not declare."""


class RuntimeScan(Protocol):
    """Asks the runtime of a package about it before any of it runs."""

    async def look(self, package: Package) -> tuple[Sequence[Finding], Mapping[str, Any]]:
        """What is wrong with it, and what a certificate pins of the world outside of it: name -> what it is now."""


class CertificateStore(Protocol):
    """Certificates."""

    async def issue(self, certificate: Certificate, entry: Entry) -> None:
        """Keep it and move the version to `certified`, in one transaction."""

    async def newest(self, skill_id: UUID, version: str, home: UUID) -> Certificate | None:
        """The newest certificate of a version; `home` is the workspace that owns the skill."""

    async def of_skill(self, skill_id: UUID, home: UUID) -> Sequence[Certificate]:
        """The newest certificate of each version."""

    async def of_skills(
        self, skill_ids: Sequence[UUID], homes: Sequence[UUID]
    ) -> Mapping[UUID, Certificate]:
        """The newest certificate of each skill's newest version, by skill."""


class CertificateSweepStore(Protocol):
    """Certificates, for the sweep."""

    async def in_use(self, workspaces: Sequence[UUID]) -> list[tuple[str, UUID, Certificate]]:
        """(badge, workspace, newest certificate) of each version that may run, of the platform and these workspaces."""

    async def move(self, certificate: Certificate, state: str, entry: Entry) -> bool:
        """Move it from the state it is in, with its entry; False where it is in another state by now."""


class Keyring(Protocol):
    """The platform's signing keys."""

    def retired(self) -> Mapping[str, str]:
        """Key id -> why its certificates count no more."""


class PolicySource(Protocol):
    """The policies in force."""

    async def active(self) -> PolicySet:
        """The active set; an empty one, which permits nothing, where there is none."""


class SignOffStore(Protocol):
    """Sign-offs."""

    async def of_version(
        self, skill_id: UUID, version: str, digest: str, workspace_id: UUID
    ) -> list[SignOff]:
        """Those of one digest, oldest first; `workspace_id` is the skill's."""

    async def add(
        self, skill_id: UUID, version: str, digest: str, signed: SignOff, entry: Entry
    ) -> SignOff:
        """Keep it with its entry; the one that this approver gave before, and no entry, where there is one."""


class SuppressionStore(Protocol):
    """Findings that somebody answers for."""

    async def of_version(
        self, skill_id: UUID, version: str, workspace_id: UUID
    ) -> Mapping[str, Suppression]:
        """Fingerprint -> suppression; `workspace_id` is the skill's."""

    async def add(
        self,
        skill_id: UUID,
        version: str,
        fingerprint: str,
        suppression: Suppression,
        entry: Entry,
    ) -> bool:
        """Keep it; False where the finding is suppressed already. The entry's workspace is the skill's."""


class JobStore(Protocol):
    """Jobs. What runs a job is decided by a conditional update here, never by a queue."""

    async def open(self, job: Job, entry: Entry) -> Job:
        """Keep it with its entry, or return the open job that this version has."""

    async def get(self, job_id: UUID, workspaces: Sequence[UUID]) -> Job | None:
        """One job in these workspaces."""

    async def search(
        self, workspaces: Sequence[UUID], *, state: str | None, before: UUID | None, limit: int
    ) -> list[Job]:
        """Jobs, newest first; `before` is the last one of the page before."""

    async def claim(self, job: Job, process_id: UUID, most: int, entry: Entry) -> Job | None:
        """Run it in this process from now on. None where a living process runs it, it is over, or `most` processes
        took it on before."""

    async def advance(
        self,
        job: Job,
        process_id: UUID,
        current: str | None,
        done: Sequence[Mapping[str, Any]],
        total: int,
    ) -> bool:
        """Keep how far it is; False where it is no longer this process's attempt."""

    async def end(self, job: Job, process_id: UUID, ended: Ended, entry: Entry) -> bool:
        """End it; False where it is no longer this process's attempt."""

    async def release(self, job: Job, process_id: UUID, entry: Entry) -> None:
        """Back to the queue, and this attempt does not count."""

    async def give_up(self, job: Job, most: int, ended: Ended, entry: Entry) -> bool:
        """End what `most` processes took on and none finished; False where that is not so."""

    async def due(self, waited_s: float, limit: int) -> list[tuple[UUID, UUID]]:
        """(job, workspace) of what has been queued this long or was left by a dead process, in every workspace."""

    async def counts(self) -> Mapping[str, tuple[int, float]]:
        """Open jobs by state, with the age in seconds of the oldest."""

    async def workers(self) -> bool:
        """Whether a worker process is alive."""


class Wakes(Protocol):
    """Wakes a worker. It may be lost: the sweep finds what is due."""

    async def wake(self, job_id: UUID, workspace_id: UUID) -> None:
        """Ask some worker to look at a job; more than one may come of it."""


class ScannerFailed(Exception):
    """A scanner gave no answer that can be used; `reason` is for people and holds nothing of the package."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Scanner(Protocol):
    """Looks at the files of a package for what should not be in them."""

    name: str
    fail_on: str
    """The severity from which on its findings fail the check; `never` for evidence only."""

    @property
    def policy(self) -> Mapping[str, Any]:
        """Name, version and settings: another policy makes certificates stale."""

    async def scan(self, package: Package) -> Sequence[Finding]:
        """What it found, with rule and severity (`critical` is the preflight's own). Raises ScannerFailed."""
