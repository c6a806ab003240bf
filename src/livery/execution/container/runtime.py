"""The `container` runtime behind the provider `plugin`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from livery.execution.container import answers
from livery.execution.container.engine import Engine, EngineUnavailable, Profile
from livery.execution.container.held import Held
from livery.execution.container.image.record import recorded
from livery.execution.container.leftovers import place_of, sweep
from livery.execution.container.limits import Limits, Rules, runs_in
from livery.execution.container.policy.judge import LevelPolicy, Policy
from livery.execution.container.pool import Pool
from livery.execution.container.prepared import Hand, Prepared, Stale
from livery.execution.container.stream import Answer, Closed, Flooded, Malformed, Silent
from livery.execution.outside.credentials import CredentialSource
from livery.execution.outside.http import declared_targets
from livery.execution.outside.plugin import PluginEffects
from livery.execution.outside.proxy import Egress, nobody_asks
from livery.execution.store import PackageStore, PackageTampered
from livery.kernel.security_hash import RuntimeIdentity
from livery.manifest.contract import Contract, Fixture
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package, PackageFile, package_digest, parse_package
from livery.services.certification.types import Finding
from livery.services.effects.ports import EffectLedger
from livery.services.runs.types import ExecutionContract, Inner, Invocation, Invoked

_AGAIN_S: Final = 5.0
"""How long an engine that did not answer is not asked again."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    code: str
    reason: str


class ContainerRuntime:
    """See services.runs.ports.Provider.

    Everything is lazy: without a container skill no engine is asked for. Use `close` in the end.
    """

    provider_id = "plugin"
    runtimes = frozenset({"container"})

    def __init__(
        self,
        store: PackageStore,
        home: Path,
        rules: Rules,
        *,
        egress: Egress | None = None,
        ledger: EffectLedger | None = None,
        credentials: CredentialSource | None = None,
        policy: Policy | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._store, self._home, self._rules = store, home, rules
        self._egress, self._ledger, self._environ = egress, ledger, environ
        self._credentials = credentials
        self._policy = policy or LevelPolicy(rules.level)
        self._verdicts: dict[str, _Verdict | None] = {}
        self._images: dict[str, str] = {}
        self._engine: Engine | None = None
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()
        self._asked_at, self._refusal = 0.0, EngineUnavailable()

    async def close(self) -> None:
        """Remove every container of this process."""
        if self._pool is not None:
            await self._pool.close()
        if self._engine is not None:
            self._engine.close()
        self._pool = self._engine = None

    async def settled(self) -> None:
        """Wait until every container that was used is removed, and the next ones wait."""
        if self._pool is not None:
            await self._pool.settled()

    def unavailable(self, contract: ExecutionContract) -> tuple[str, str] | None:
        """Why a contract cannot run here, as far as is known without asking anybody."""
        verdict = self._verdicts.get(contract.digest)
        if verdict is not None:
            return verdict.code, verdict.reason
        try:
            self._limits(contract.contract)
        except LiveryError as refused:
            return refused.code, refused.message
        return None

    async def ready(self, contract: ExecutionContract) -> tuple[str, str] | None:
        """Why a contract cannot run here now; asks the engine and for the image."""
        refused = self.unavailable(contract)
        if refused is not None:
            return refused
        try:
            await self._placed(contract.contract)
        except LiveryError as error:
            return error.code, error.message
        return None

    def findings(self, package: Package) -> list[Finding]:
        """What preflight and language policy say of a package; for certification."""
        return self._policy.findings(package)

    def identity(self, contract: Contract, image_id: str) -> RuntimeIdentity:
        """Where and within which limits a contract runs, for the security hash. Raises LiveryError."""
        return self._limits(contract).identity(runs_in(image_id, self._rules.runtime))

    async def prepare(self, contract: ExecutionContract, files: Sequence[PackageFile]) -> None:
        """Judge the code, and have a container made ready for it. Never raises for what is wrong with it."""
        if contract.digest not in self._verdicts:
            self._verdicts[contract.digest] = await asyncio.to_thread(self._judge, tuple(files))
        if self.unavailable(contract) is not None or contract.capabilities.network:
            return
        try:
            pool, profile = await self._placed(contract.contract)
        except LiveryError:
            return  # the call says it
        pool.warm(profile)

    async def invoke(self, invocation: Invocation) -> Invoked:
        """Run it; whatever happens becomes a code."""
        contract = invocation.contract
        try:
            files = self._store.files(contract.digest)
            if contract.digest not in self._verdicts:
                self._verdicts[contract.digest] = await asyncio.to_thread(self._judge, files)
            refused = self.unavailable(contract)
            if refused is not None:
                return Invoked(code=refused[0], message=refused[1])
            hand = self._hand(
                contract.contract,
                files,
                invocation.args,
                str(invocation.run_id),
                str(contract.hired_agent_id or ""),
            )
            return await self._accounted(contract.contract, hand, invocation)
        except LiveryError as error:
            return _refusal(error)

    async def _accounted(self, contract: Contract, hand: Hand, invocation: Invocation) -> Invoked:
        """Run it with its effects on record."""
        if not contract.capabilities.effects or self._ledger is None:
            return await self._run(contract, hand, invocation)
        effects = PluginEffects(invocation, self._ledger)
        try:
            invoked = await self._run(contract, hand, invocation, effects.leave)
        except LiveryError as error:
            invoked = _refusal(error)
        return await effects.account(invoked)

    async def run_fixture(
        self,
        package: Package,
        fixture: Fixture,
        inner: Inner | None = None,  # noqa: ARG002 - a plugin calls no skills
    ) -> Invoked:
        """Run a fixture of a package that is being certified: by the same rules, but it reaches no host."""
        contract = package.contract
        try:
            if package_digest(package.files) != package.digest:
                raise PackageTampered
            verdict = await asyncio.to_thread(self._verdict, package)
            if verdict is not None:
                return Invoked(code=verdict.code, message=verdict.reason)
            hand = self._hand(contract, package.files, fixture.input, "certification", "")
            return await self._run(contract, hand, None)
        except LiveryError as error:
            return _refusal(error)

    def _hand(
        self,
        contract: Contract,
        files: tuple[PackageFile, ...],
        payload: Any,
        session: str,
        agent: str,
    ) -> Hand:
        return Hand(
            files=files,
            entry=(contract.runtime.entry or "").partition(":")[0],
            payload=payload,
            session_id=session,
            agent_id=agent,
            skill_name=contract.skill_key,
            env=self._rules.variables(contract.raw.get("runtime", {})),
            keep="output" in contract.capabilities.filesystem,
        )

    async def _run(
        self,
        contract: Contract,
        hand: Hand,
        invocation: Invocation | None,
        leave: Callable[[str], Awaitable[bool]] | None = None,
    ) -> Invoked:
        limits = self._limits(contract)
        pool, profile = await self._placed(contract)
        held = Held(self._credentials, invocation)
        async with AsyncExitStack() as stack:
            folder: Path | None = None
            if invocation is not None and contract.capabilities.network:
                # Closed before the answer is given: what may still run in there reaches nothing.
                folder = await stack.enter_async_context(
                    self._way_out(contract, invocation, leave, held)
                )
            for _ in range(2 + self._rules.ready):
                used = await pool.take(profile, folder)
                try:
                    # Asked for now that it can be handed on, so that one that was revoked meanwhile is not.
                    called = replace(hand, credentials=await held.open())
                    return held.cleaned(await _call(pool, used, called, limits, held))
                except Stale:
                    continue  # it ended while it waited; nothing of the call has run
                finally:
                    pool.give_up(used)
        raise EngineUnavailable(message="The engine's containers do not last.")

    def _way_out(
        self,
        contract: Contract,
        invocation: Invocation,
        leave: Callable[[str], Awaitable[bool]] | None,
        held: Held,
    ) -> AbstractAsyncContextManager[Path]:
        """The proxy of one run, for the hosts that it declares. Raises LiveryError."""
        if self._egress is None:
            raise EngineUnavailable(message="This platform gives plugins no way out.")
        if contract.capabilities.effects and leave is None:
            raise LiveryError("provider_policy_denied", "Effects of plugins are not recorded here.")
        before = leave or nobody_asks
        hosts = declared_targets(contract.capabilities, invocation.args).network
        return self._egress(hosts, str(invocation.run_id), before, held.secrets)

    def _limits(self, contract: Contract) -> Limits:
        runtime = contract.raw.get("runtime", {})
        self._rules.variables(runtime)
        return self._rules.limits(runtime)

    async def _placed(self, contract: Contract) -> tuple[Pool, Profile]:
        """The pool, and the profile of a contract. Raises LiveryError."""
        engine, pool = await self._opened()
        named = str(contract.raw.get("runtime", {}).get("image") or "") or self._default()
        # A name may be given to another image at any moment; an id cannot.
        image = self._images.get(named)
        if image is None:
            image = await pool.thread(engine.image, named)
            if named == image:
                self._images[named] = image
        limits, ceiling = self._limits(contract), self._rules.ceiling
        # Not of the contract's time: containers for short and for long calls are the same.
        cpu_s = ceiling.cpu_seconds()
        return pool, Profile(image, limits.memory_mb, limits.cpus, cpu_s, self._rules.runtime)

    def _default(self) -> str:
        """The operator's image, or the one that was built last. Raises LiveryError."""
        if self._rules.image:
            return self._rules.image
        built = recorded(self._home)
        if built is None:
            raise EngineUnavailable(
                message="There is no image for plugins yet.", remedy="livery sandbox build"
            )
        return built.image

    async def _opened(self) -> tuple[Engine, Pool]:
        async with self._opening:
            if self._engine is not None and self._pool is not None:
                return self._engine, self._pool
            if self._asked_at and time.monotonic() - self._asked_at < _AGAIN_S:
                raise self._refusal
            try:
                return await self._open()
            except EngineUnavailable as refused:
                self._asked_at, self._refusal = time.monotonic(), refused
                raise

    async def _open(self) -> tuple[Engine, Pool]:
        engine = await asyncio.to_thread(Engine.connect, self._environ)
        place = place_of(self._home)
        try:
            await asyncio.to_thread(engine.check, self._rules.runtime)
            await asyncio.to_thread(sweep, engine, place)
        except BaseException:
            engine.close()
            raise
        self._engine = engine
        self._pool = Pool(engine, place, ready=self._rules.ready, at_once=self._rules.at_once)
        return self._engine, self._pool

    def _judge(self, files: tuple[PackageFile, ...]) -> _Verdict | None:
        package, found = parse_package(files)
        if package is None:
            said = found[0].message if found else "it cannot be read"
            return _Verdict("plugin_contract_invalid", f"The package is not valid: {said}.")
        return self._verdict(package)

    def _verdict(self, package: Package) -> _Verdict | None:
        findings = self._policy.findings(package)
        if not findings:
            return None
        first = findings[0]
        line = f", line {first.line}" if first.line else ""
        more = f" ({len(findings) - 1} more)" if len(findings) > 1 else ""
        return _Verdict(first.code, f"{first.file}{line}: {first.message}{more}")


async def _call(pool: Pool, used: Prepared, hand: Hand, limits: Limits, held: Held) -> Invoked:
    """One call in one container."""
    try:
        answer: Answer = await pool.thread(used.call, hand, limits.timeout_s)
    except asyncio.CancelledError:
        used.abandon()
        raise
    except Silent:
        return answers.late(limits, held.log(used))
    except Flooded:
        return answers.flooded(held.log(used))
    except Malformed as fault:
        return answers.broken(str(fault), held.log(used))
    except Closed:
        return answers.died(await pool.thread(used.ended), limits, held.log(used))
    return answers.answered(held.answer(answer), held.log(used))


def _refusal(error: LiveryError) -> Invoked:
    return Invoked(
        code=error.code,
        message=error.message,
        details={**error.details, "remedy": error.remedy},
        retryable=error.retryable,
    )
