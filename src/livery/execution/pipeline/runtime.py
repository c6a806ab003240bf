"""The `pipeline` runtime of the provider `builtin`: operators on a thread, with what the contract declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from livery.execution.calls import calls_of
from livery.execution.context import RunContext, Views
from livery.execution.guard import guarded, install, trusted
from livery.execution.pipeline.plan import Plan, make_plan
from livery.execution.pipeline.run import Trace, run_plan
from livery.execution.python.faults import Raised
from livery.execution.python.runtime import FIXTURE_NOW
from livery.execution.python.spent import Spent
from livery.execution.python.threads import Levels
from livery.manifest.contract import Contract, Fixture
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package, PackageFile
from livery.services.runs.types import ExecutionContract, Inner, Invocation, Invoked

_LIMIT = 1024


class PipelineRuntime:
    """See services.runs.ports.Provider. `views` and `empty` are those of the python runtime."""

    provider_id: Final = "builtin"
    runtimes: Final = frozenset({"pipeline"})

    def __init__(
        self,
        views: Callable[[Any], Callable[[], Views]],
        empty: Callable[[], Views],
        levels: Levels,
    ) -> None:
        install()
        self._views, self._empty, self._levels = views, empty, levels
        self._plans: dict[str, Plan | LiveryError] = {}

    def unavailable(self, contract: ExecutionContract) -> tuple[str, str] | None:
        """Steps that are not well formed."""
        plan = self._plan(contract.digest, contract.contract)
        return (plan.code, fault(plan)) if isinstance(plan, LiveryError) else None

    async def ready(self, contract: ExecutionContract) -> tuple[str, str] | None:
        """Steps that are not well formed."""
        return self.unavailable(contract)

    async def prepare(self, contract: ExecutionContract, files: Sequence[PackageFile]) -> None:  # noqa: ARG002
        """Check the steps."""
        self._plan(contract.digest, contract.contract)

    async def invoke(self, invocation: Invocation) -> Invoked:
        """Run the steps; whatever fails becomes a code, with its step in the details."""
        contract = invocation.contract
        plan = self._plan(contract.digest, contract.contract)
        if isinstance(plan, LiveryError):
            return Invoked(code=plan.code, message=fault(plan))
        ctx = RunContext(
            str(invocation.run_id),
            contract.skill_key,
            contract.capabilities,
            invocation.now,
            self._views(contract.workspace_id),
            dry_run=invocation.dry_run,
            idempotency_key=invocation.idempotency_key,
        )
        invoked = await self._run(plan, invocation.args, ctx, contract.timeout_s, invocation.inner)
        if invoked.code == "tool_ok":
            invoked.cost = contract.facts.estimate
        return invoked

    async def run_fixture(
        self, package: Package, fixture: Fixture, inner: Inner | None = None
    ) -> Invoked:
        """Run a fixture: over no data, as a dry run."""
        contract = package.contract
        plan = self._plan(package.digest, contract)
        if isinstance(plan, LiveryError):
            return Invoked(code=plan.code, message=fault(plan))
        ctx = RunContext(
            "certification",
            package.digest[:19],
            contract.capabilities,
            FIXTURE_NOW,
            self._empty,
            dry_run=True,
        )
        return await self._run(plan, fixture.input, ctx, contract.runtime.timeout_s, inner)

    async def _run(
        self, plan: Plan, args: Any, ctx: RunContext, timeout_s: float, inner: Inner | None
    ) -> Invoked:
        ctx.calls = calls_of(inner, ctx.require)
        spent = Spent()

        def call() -> tuple[Any, Trace]:
            try:
                with spent.measured(), guarded(ctx.watch):
                    return run_plan(plan, args, ctx, ctx.call)
            finally:
                with trusted():
                    ctx.data.close()

        try:
            value, trace = await self._levels.of(inner).run(call, timeout_s)
            invoked = Invoked(value, lineage=[item.to_dict() for item in trace.lineage])
        except TimeoutError:
            said = f"The pipeline took longer than {timeout_s:g} s."
            invoked = Invoked(code="timeout", message=said)
        except Raised as raised:
            invoked = raised.invoked
        invoked.artifacts = ctx.produced
        invoked.data = ctx.data.provenance()
        invoked.calls = ctx.calls.made
        invoked.own_ns, invoked.waited_ns = spent.own_ns, spent.waited_ns
        if ctx.calls.acted:
            invoked.retryable = False  # a second run would do it again
        return invoked

    def _plan(self, digest: str, contract: Contract) -> Plan | LiveryError:
        known = self._plans.get(digest)
        if known is None:
            if len(self._plans) >= _LIMIT:
                self._plans.clear()
            try:
                known = make_plan(contract.steps)
            except LiveryError as error:
                known = error
            self._plans[digest] = known
        return known


def fault(error: LiveryError) -> str:
    """What is wrong with the steps, in words."""
    first = error.violations[0] if error.violations else None
    return f"{first.pointer}: {first.message}" if first is not None else error.message
