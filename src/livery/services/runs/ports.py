"""What runs need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from livery.manifest.contract import Fixture
from livery.manifest.package import Package, PackageFile
from livery.services.runs.types import (
    Call,
    ExecutionContract,
    Held,
    Inner,
    Intent,
    Invocation,
    Invoked,
    Outcome,
    Parked,
    Resolved,
    RunRecord,
)


class ContractStore(Protocol):
    """Reads what a call is decided by."""

    async def resolve(
        self, call: Call, workspace_id: UUID, hired_agent_id: UUID | None
    ) -> Resolved | None:
        """Everything about the call, None where there is no such skill for this workspace."""


class Keyring(Protocol):
    """The keys that certificates are verified by."""

    def public_keys(self) -> Mapping[str, bytes]:
        """Key id -> PEM of every key that verifies."""

    def retired(self) -> Mapping[str, str]:
        """Key id -> why the certificates that it signed count no more."""


class Basis(Protocol):
    """What this platform certifies by, now."""

    def of(self, runtime: str) -> Mapping[str, str]:
        """The basis of a certificate for a skill of this runtime."""


class Journal(Protocol):
    """The record of runs. Group-committed: both calls return once their row is on disk."""

    async def begin(self, intent: Intent) -> str | None:
        """None: started. A code: denied, and recorded. `!stale`, `!lease`, `!known`, `!retry`: nothing was written.

        `!own`: four eyes, and its caller granted the approval; nothing was written, deny it as `approval_invalid`.
        `!taken`: a run that was queued is begun by somebody else, or was ended. Nothing was written.
        """

    async def settle(self, outcome: Outcome) -> bool | None:
        """False where the sweep has settled the run before. None: its version was revoked meanwhile and its results
        are withheld; nothing was written, settle it as `skill_revoked`."""


class RunStore(Protocol):
    """Reads of runs."""

    async def get(self, run_id: UUID, workspaces: Sequence[UUID]) -> RunRecord | None:
        """One run with its input and envelope."""

    async def list(
        self,
        workspaces: Sequence[UUID],
        *,
        status: str | None,
        code: str | None,
        skill_key: str | None,
        agent: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> list[RunRecord]:
        """Runs, newest first (run ids are UUIDv7: their order is that of time); those of one hired `agent`."""

    async def held(self, workspace_id: UUID, skill_key: str, key: str) -> Held | None:
        """What an idempotency key stands for."""


class BudgetStore(Protocol):
    """Reads of budgets."""

    async def budget(self, workspace_id: UUID) -> tuple[int, int, int] | None:
        """Cap, reserved and spent of this month, in micro-USD."""


class WaitingStore(Protocol):
    """Runs that wait for an approval. Each row that is moved has its entry in the same transaction."""

    async def park(self, parked: Parked, process_id: UUID) -> UUID | None:
        """Keep it; the id of the run that stands for the same call, or None where the approval is open no more or
        the idempotency key was taken meanwhile."""

    async def claim(
        self, workspaces: Sequence[UUID], process_id: UUID, limit: int
    ) -> list[tuple[UUID, UUID]]:
        """Queued runs (run, workspace) that no living process has: from now on this one has them."""

    async def release(self, run_id: UUID, workspace_id: UUID, process_id: UUID) -> None:
        """Give a claim back; where the run is not queued any more, forget that it waited."""

    async def clear(self, workspaces: Sequence[UUID]) -> None:
        """Forget what waits no more."""

    async def call(self, run_id: UUID, workspace_id: UUID) -> Call | None:
        """The call of a queued run as it was made; None where it is not queued, or its token is gone."""

    async def end(
        self,
        run_id: UUID,
        workspaces: Sequence[UUID],
        *,
        status: str,
        code: str,
        message: str,
        by: str,
    ) -> bool:
        """End a run that waits, `denied` or `canceled`; False where it does not wait. A cancelled run's approval is
        withdrawn where nothing else waits for it."""


class Provider(Protocol):
    """Runs the skills of some runtimes. Its codes are frozen: others branch on them."""

    @property
    def provider_id(self) -> str:
        """`builtin`, `mcp` or `plugin`."""

    @property
    def runtimes(self) -> frozenset[str]:
        """The runtimes that it executes."""

    def unavailable(self, contract: ExecutionContract) -> tuple[str, str] | None:
        """Code and reason why a contract cannot run, as far as is known without asking anybody."""

    async def ready(self, contract: ExecutionContract) -> tuple[str, str] | None:
        """The same, once whoever must be asked was asked. Called for each call that was admitted, before it begins."""

    async def prepare(self, contract: ExecutionContract, files: Sequence[PackageFile]) -> None:
        """Make a contract quick to call; never raises for what is wrong with it."""

    async def invoke(self, invocation: Invocation) -> Invoked:
        """Run it; never raises for what the skill does."""

    async def run_fixture(
        self, package: Package, fixture: Fixture, inner: Inner | None = None
    ) -> Invoked:
        """Run a fixture: the same way, as a dry run, without journal or workspace."""


class Executors(Protocol):
    """The providers that are bound in this process."""

    def provider(self, runtime: str) -> str | None:
        """The id of the provider that runs this kind of skill."""

    async def ready(self, contract: ExecutionContract) -> tuple[str, str] | None:
        """Code and reason why an admitted call cannot begin here, now."""

    async def prepare(self, contract: ExecutionContract) -> None:
        """Bring the code of a contract here; called when a contract is compiled."""

    def integrity(self, contract: ExecutionContract) -> str | None:
        """None while the code here is the certified code; else what differs."""

    async def invoke(self, invocation: Invocation) -> Invoked:
        """Run it; never raises for what the skill does."""


class Restorer(Protocol):
    """The packages that this machine runs, against those that the catalog keeps; `home` owns the skill."""

    async def damage(self, digest: str, home: UUID) -> str | None:
        """What differs of the package here, in a sentence; None where nothing does.
        Raises security_hash_mismatch where the catalog's own copy is not what was certified."""

    async def restore(self, digest: str, home: UUID) -> None:
        """Put the catalog's copy, verified by its digest, in its place. Raises configuration_error."""


class Telemetry(Protocol):
    """Spans, metrics and logs of runs."""

    def finished(
        self,
        contract: ExecutionContract,
        principal: str,
        run_id: str,
        status: str,
        code: str,
        correlation_id: str,
        start_ns: int,
        duration_us: int,
    ) -> None:
        """A run ended, or was denied."""

    def idempotency(self, outcome: str) -> None:
        """A key answered: replayed, in_flight or conflict."""


class Probe(Protocol):
    """A crash test's hook; does nothing in production."""

    def __call__(self, point: str) -> None:
        """Called when the hot path passes `point`."""
