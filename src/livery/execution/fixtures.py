"""Runs the fixtures of a package for certification."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from livery.execution.executors import LocalExecutors
from livery.manifest.contract import Fixture
from livery.manifest.envelope import Envelope, error_envelope, ok_envelope
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package, PackageFile, parse_package
from livery.manifest.schema import compile_schema
from livery.services.certification.types import CERTIFIED_FOR, Sample
from livery.services.runs.types import Inner, Invoked

Certified = Callable[[UUID, str], Awaitable[Sequence[PackageFile] | None]]
"""(workspace of the skill that asks, key) -> the files of the certified version that it would call."""
MAX_DEPTH = 5


class Fixtures:
    """See FixtureRunner and FixtureMeter in services.certification.ports.

    Data views are empty unless a pack brings its own; skills that are called run as they are certified, dry.
    """

    def __init__(self, executors: LocalExecutors, certified: Certified) -> None:
        self._executors = executors
        self._certified = certified

    async def run(self, package: Package, fixture: Fixture) -> Any:
        """The output of a fixture."""
        return (await self._invoked(package, fixture, CERTIFIED_FOR.get())).result

    async def measure(self, package: Package, fixture: Fixture) -> Sample:
        """Time and cost of a run; see services.certification.ports.FixtureMeter."""
        invoked = await self._invoked(package, fixture, CERTIFIED_FOR.get())
        return Sample((invoked.own_ns or 0) / 1e6, invoked.waited_ns / 1e6, invoked.cost)

    async def _invoked(
        self, package: Package, fixture: Fixture, home: UUID, depth: int = 0
    ) -> Invoked:
        inner = Inner(depth, partial(self._call, home, depth))
        invoked = await self._executors.run_fixture(package, fixture, inner)
        if invoked.code != "tool_ok":
            raise LiveryError(invoked.code, invoked.message, details=invoked.details)
        return invoked

    async def _call(self, home: UUID, depth: int, key: str, args: Any) -> Envelope:
        try:
            if depth >= MAX_DEPTH:
                said = f"Skills call each other at most {MAX_DEPTH} deep."
                raise LiveryError("provider_policy_denied", said)
            files = await self._certified(home, key)
            package = (await asyncio.to_thread(parse_package, files))[0] if files else None
            if package is None:
                raise LiveryError("skill_not_certified", f"There is no certified skill {key!r}.")
            contract = package.contract
            found = compile_schema(contract.input_schema).violations(args)
            if found:
                said = f"{found[0].pointer or '/'}: {found[0].message}"
                raise LiveryError("tool_input_invalid", said)
            invoked = await self._invoked(package, Fixture(key, args, None), home, depth + 1)
        except LiveryError as error:
            return error_envelope(
                error.code, **_about(key, None, None), message=error.message, details=error.details
            )
        return ok_envelope(**_about(key, contract.version, package.digest), result=invoked.result)


def _about(key: str, version: str | None, digest: str | None) -> dict[str, Any]:
    return {
        "run_id": "certification",
        "skill_key": key,
        "skill_version": version,
        "digest": digest,
        "correlation_id": "certification",
    }
