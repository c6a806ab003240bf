"""The registry of providers: `builtin`, `mcp` and `plugin` behind one port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from uuid import UUID

from livery.execution.store import PackageStore, PackageTampered
from livery.manifest.contract import Fixture
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package, PackageFile
from livery.services.runs.ports import Provider
from livery.services.runs.types import ExecutionContract, Inner, Invocation, Invoked

_MOMENT_NS = 1_000_000


class LocalExecutors:
    """See services.runs.ports.Executors. `fetch` brings the files of a digest, as a workspace sees them."""

    def __init__(
        self,
        store: PackageStore,
        providers: Sequence[Provider],
        fetch: Callable[[str, UUID], Awaitable[Sequence[PackageFile]]],
    ) -> None:
        self._store = store
        self._fetch = fetch
        self._providers = {kind: found for found in providers for kind in found.runtimes}
        self._sound: dict[str, int] = {}  # when the files of a digest were last seen to be right

    def provider(self, runtime: str) -> str | None:
        """Instructions have none: they are refused as executor_unbound."""
        found = self._providers.get(runtime)
        return found.provider_id if found is not None else None

    async def prepare(self, contract: ExecutionContract) -> None:
        """Bring the code of a contract here."""
        provider = self._providers.get(contract.runtime)
        if provider is None:
            return
        if not self._store.has(contract.digest):
            files = tuple(await self._fetch(contract.digest, contract.workspace_id))
            # What the catalog holds is not what was certified: `integrity` refuses it, on the record.
            with suppress(PackageTampered):
                self._store.put(contract.digest, files)
        with suppress(PackageTampered):
            await provider.prepare(contract, self._store.files(contract.digest))

    def integrity(self, contract: ExecutionContract) -> str | None:
        """None while the code here is the certified code: looked at for every call, once for all of one millisecond.

        What runs is the bytes that were verified, never the files; this finds out that the files were changed.
        """
        if contract.runtime not in self._providers:
            return None
        moment = time.monotonic_ns()
        if moment - self._sound.get(contract.digest, -_MOMENT_NS) < _MOMENT_NS:
            return None
        fault = self._store.check(contract.digest)
        if fault is None:
            self._sound[contract.digest] = moment
        else:
            self._sound.pop(contract.digest, None)
        return fault

    async def damage(self, digest: str, home: UUID) -> str | None:
        """See services.runs.ports.Restorer."""
        files = tuple(await self._fetch(digest, home))
        return await asyncio.to_thread(self._store.damage, digest, files)

    async def restore(self, digest: str, home: UUID) -> None:
        """See services.runs.ports.Restorer."""
        files = tuple(await self._fetch(digest, home))
        self._sound.pop(digest, None)
        try:
            await asyncio.to_thread(self._store.restore, digest, files)
        except OSError as error:
            raise LiveryError(
                "configuration_error",
                f"The package cannot be written below LIVERY_HOME/skills: {error.strerror}.",
                remedy="Give the platform's user the folder back, and repeat the command.",
            ) from None

    async def ready(self, contract: ExecutionContract) -> tuple[str, str] | None:
        """Why an admitted call cannot begin: its provider says."""
        return await self._providers[contract.runtime].ready(contract)

    async def invoke(self, invocation: Invocation) -> Invoked:
        """Run it."""
        return await self._providers[invocation.contract.runtime].invoke(invocation)

    async def run_fixture(
        self, package: Package, fixture: Fixture, inner: Inner | None = None
    ) -> Invoked:
        """Run a fixture of a package through the provider of its runtime."""
        provider = self._providers.get(package.contract.runtime.kind)
        if provider is None:
            said = f"Nothing here runs {package.contract.runtime.kind} skills."
            return Invoked(code="executor_unbound", message=said)
        if not self._store.has(package.digest):
            self._store.put(package.digest, package.files)
        started = time.perf_counter_ns()
        invoked = await provider.run_fixture(package, fixture, inner)
        if invoked.own_ns is None:
            invoked.own_ns = time.perf_counter_ns() - started
        return invoked


class Lazy:
    """A provider that is made when a contract first needs it, so that a process without such skills starts fast.

    `make` runs on a thread; what it raises is what every call is told.
    """

    def __init__(
        self, provider_id: str, runtimes: Sequence[str], make: Callable[[], Provider]
    ) -> None:
        self.provider_id = provider_id
        self.runtimes = frozenset(runtimes)
        self.made: Provider | None = None
        self._make = make
        self._making = asyncio.Lock()

    def unavailable(self, contract: ExecutionContract) -> tuple[str, str] | None:
        """What it says, once it is made."""
        return self.made.unavailable(contract) if self.made is not None else None

    async def ready(self, contract: ExecutionContract) -> tuple[str, str] | None:
        """What it says; why it could not be made."""
        provider = await self.provider()
        if isinstance(provider, Invoked):
            return provider.code, provider.message or ""
        return await provider.ready(contract)

    async def prepare(self, contract: ExecutionContract, files: Sequence[PackageFile]) -> None:
        """Make it, and let it prepare."""
        provider = await self.provider()
        if not isinstance(provider, Invoked):
            await provider.prepare(contract, files)

    async def invoke(self, invocation: Invocation) -> Invoked:
        """Let it run."""
        provider = await self.provider()
        if isinstance(provider, Invoked):
            return provider
        return await provider.invoke(invocation)

    async def run_fixture(
        self, package: Package, fixture: Fixture, inner: Inner | None = None
    ) -> Invoked:
        """Let it run."""
        provider = await self.provider()
        if isinstance(provider, Invoked):
            return provider
        return await provider.run_fixture(package, fixture, inner)

    async def close(self) -> None:
        """End it, where it was made."""
        end = getattr(self.made, "close", None)
        if end is not None:
            await end()

    async def provider(self) -> Provider | Invoked:
        """The provider, or the refusal where it cannot be made."""
        async with self._making:
            if self.made is None:
                try:
                    self.made = await asyncio.to_thread(self._make)
                except LiveryError as error:
                    return Invoked(code=error.code, message=error.message)
                except ImportError as error:
                    said = f"{error.name or 'A package'} is not installed here."
                    return Invoked(code="provider_unbound", message=said)
            return self.made
