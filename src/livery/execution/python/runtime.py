"""Runs python skills: small certified ones on the loop, all others on a thread, each with a time limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, Final

from livery.authoring.tool import Tool
from livery.execution.calls import calls_of
from livery.execution.context import RunContext, Views
from livery.execution.guard import guarded, install, trusted
from livery.execution.outside.effects import Withheld
from livery.execution.outside.http import declared_targets
from livery.execution.outside.run import Outside, RunOutside
from livery.execution.python.faults import FAILED, MAX_TEXT, Raised, failure
from livery.execution.python.loader import imports_langchain, load, unload, warm_langchain
from livery.execution.python.spent import Spent
from livery.execution.python.threads import Levels, Threads
from livery.execution.store import PackageStore
from livery.manifest.capabilities import Capabilities
from livery.manifest.contract import Fixture
from livery.manifest.package import Package, PackageFile
from livery.services.runs.types import ExecutionContract, Inner, Invocation, Invoked

THREADS = 8
FIXTURE_NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""The time that fixtures see, so that they give the same output on every day."""
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_SLOW_NS = 1_000_000_000
"""A call on the loop that took this long holds everyone up: the next ones of its skill go to a thread."""


class PythonRuntime:
    """The `python` runtime of the provider `builtin`; see services.runs.ports.Provider.

    `views` opens the semantic views of a workspace at a moment, `empty` those over no data, for fixtures.
    """

    provider_id: Final = "builtin"
    runtimes: Final = frozenset({"python"})

    def __init__(
        self,
        store: PackageStore,
        views: Callable[[Any], Callable[[], Views]],
        outside: Outside | None = None,
        *,
        empty: Callable[[], Views] | None = None,
        levels: Levels | None = None,
    ) -> None:
        install()
        self._store = store
        self._views = views
        self._outside = outside
        self._empty = empty or _no_views
        self._tools: dict[tuple[str, str], Tool] = {}
        self._slow: set[str] = set()
        self._levels = levels or Levels(THREADS)
        self._loads = Threads(THREADS)

    def close(self) -> None:
        """Nothing to wait for: a thread that still runs a skill ends with the process."""

    def unavailable(self, contract: ExecutionContract) -> tuple[str, str] | None:  # noqa: ARG002
        """It is always here."""
        return None

    async def ready(self, contract: ExecutionContract) -> tuple[str, str] | None:  # noqa: ARG002
        """It is always here."""
        return None

    async def prepare(self, contract: ExecutionContract, files: Sequence[PackageFile]) -> None:
        """Nothing: the first call imports it."""

    async def invoke(self, invocation: Invocation) -> Invoked:
        """Run a skill; whatever it raises becomes a code."""
        contract = invocation.contract
        capabilities = declared_targets(contract.capabilities, invocation.args)
        ctx = RunContext(
            str(invocation.run_id),
            contract.skill_key,
            capabilities,
            invocation.now,
            self._views(contract.workspace_id),
            dry_run=invocation.dry_run,
            idempotency_key=invocation.idempotency_key,
        )
        ctx.calls = calls_of(invocation.inner, ctx.require)
        outside = self._way_out(invocation, capabilities, ctx)
        threads = self._levels.of(invocation.inner)
        try:
            invoked = await self._run(contract, invocation.args, ctx, threads)
        finally:
            if outside is not None:
                outside.effects.close()  # whatever its thread still does, nothing leaves any more
        refused = ctx.watch.refused
        if refused is not None and invoked.code == "tool_ok":
            invoked = failure(refused)  # the skill went on, but was seen to reach for it
        invoked.artifacts = ctx.produced
        invoked.data = ctx.data.provenance()
        invoked.calls = ctx.calls.made
        if ctx.calls.acted:
            invoked.retryable = False  # a second run would do it again
        if invoked.code == "tool_ok":
            invoked.cost = contract.facts.estimate
        return _accounted(invoked, outside) if outside is not None else invoked

    def _way_out(
        self, invocation: Invocation, capabilities: Capabilities, ctx: RunContext
    ) -> RunOutside | None:
        if self._outside is None or not (capabilities.network or capabilities.credentials):
            return None
        outside = self._outside.of_run(invocation, capabilities, ctx.require)
        ctx.outside = outside
        return outside

    async def _run(
        self, contract: ExecutionContract, args: Any, ctx: RunContext, threads: Threads
    ) -> Invoked:
        try:
            tool = self._tools.get((contract.digest, contract.entry))
            if tool is None:
                tool = await self._load(contract.digest, contract.entry, contract.timeout_s)
            if contract.inline and not tool.is_async and contract.digest not in self._slow:
                return self._inline(tool, args, ctx, contract.digest)
            return _answered(await self._threaded(threads, tool, args, ctx, contract.timeout_s))
        except TimeoutError:
            return Invoked(
                code="timeout", message=f"The skill took longer than {contract.timeout_s:g} s."
            )
        except Raised as raised:
            return raised.invoked
        except Exception as error:
            return failure(error)

    def _inline(self, tool: Tool, args: Any, ctx: RunContext, digest: str) -> Invoked:
        started = time.perf_counter_ns()
        try:
            with guarded(ctx.watch):
                return Invoked(tool.invoke(args, ctx))
        except BaseException as error:
            return failure(error)
        finally:
            if time.perf_counter_ns() - started > _SLOW_NS:
                self._slow.add(digest)

    async def _threaded(
        self,
        threads: Threads,
        tool: Tool,
        args: Any,
        ctx: RunContext,
        timeout_s: float,
        spent: Spent | None = None,
    ) -> Any:
        def call() -> Any:
            try:
                with spent.measured() if spent else nullcontext(), guarded(ctx.watch):
                    if tool.is_async:
                        # A little longer than the thread is waited for, so that only one speaks.
                        limit = timeout_s + 1
                        return asyncio.run(_ended_after(limit, tool.ainvoke(args, ctx)))
                    return tool.invoke(args, ctx)
            except Withheld as withheld:
                return Draft({"dry_run": True, "withheld": [withheld.draft]})
            finally:
                with trusted():
                    ctx.data.close()

        return await threads.run(call, timeout_s)

    async def _load(self, digest: str, entry: str, timeout_s: float) -> Tool:
        files = self._store.files(digest)
        if imports_langchain(files):
            await asyncio.to_thread(warm_langchain)  # none of the skill's time
        ctx = RunContext("import", digest[:19], Capabilities(), _NO_TIME, _no_views)

        def call() -> Tool:
            # What stands outside of functions runs now, as guarded as the rest.
            with guarded(ctx.watch):
                return load(digest, files, entry)

        tool: Tool = await self._loads.run(call, timeout_s)
        if ctx.watch.refused is not None:
            unload(digest)
            raise ctx.watch.refused
        self._tools[digest, entry] = tool
        return tool

    async def run_fixture(
        self, package: Package, fixture: Fixture, inner: Inner | None = None
    ) -> Invoked:
        """Run a fixture: the same way, without journal or workspace; its time is measured."""
        contract, digest, args = package.contract, package.digest, fixture.input
        entry, timeout_s = contract.runtime.entry or "", contract.runtime.timeout_s
        # A fixture has no effect: it runs like a dry run.
        declared = declared_targets(contract.capabilities, args)
        ctx = RunContext(
            "certification", digest[:19], declared, FIXTURE_NOW, self._empty, dry_run=True
        )
        ctx.calls = calls_of(inner, ctx.require)
        spent = Spent()
        try:
            tool = self._tools.get((digest, entry)) or await self._load(digest, entry, timeout_s)
            threads = self._levels.of(inner)
            invoked = _answered(await self._threaded(threads, tool, args, ctx, timeout_s, spent))
        except TimeoutError:
            return Invoked(code="timeout", message=f"The skill took longer than {timeout_s:g} s.")
        except Raised as raised:
            return raised.invoked
        except Exception as error:
            return failure(error)
        invoked.own_ns, invoked.waited_ns = spent.own_ns, spent.waited_ns
        return failure(ctx.watch.refused) if ctx.watch.refused is not None else invoked


async def _ended_after(seconds: float, work: Awaitable[Any]) -> Any:
    async with asyncio.timeout(seconds):
        return await work


class Draft(dict[str, Any]):
    """What a dry run leaves where it came to an effect; it is no output of the skill."""


def _answered(result: Any) -> Invoked:
    return Invoked(dict(result), draft=True) if isinstance(result, Draft) else Invoked(result)


def _whole(outside: RunOutside, text: str) -> str:
    """A text of a skill's exception without secrets, the half of one at its end included where it was cut."""
    return outside.secrets.text(text, cut=len(text) >= MAX_TEXT)


def _accounted(invoked: Invoked, outside: RunOutside) -> Invoked:
    """The effects of a run in its result: one in between makes the run unknown, whatever the skill says."""
    effects = outside.effects
    invoked.result = outside.secrets.value(invoked.result)
    invoked.message = _whole(outside, invoked.message) if invoked.message else None
    invoked.details = {
        name: _whole(outside, value) if name == "remedy" else outside.secrets.value(value)
        for name, value in invoked.details.items()
    }
    invoked.side_effects = effects.report()
    invoked.effects_known = True
    if effects.unknown:
        if invoked.code == "tool_ok":
            invoked.code, invoked.message = "network_error", "An effect left and no answer came."
        invoked.unknown, invoked.result = True, None
    elif effects.acted:
        invoked.retryable = False  # a second run would do it again
    return invoked


def _no_views() -> Views:
    raise RuntimeError(FAILED)
