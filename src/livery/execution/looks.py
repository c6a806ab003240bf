"""What each runtime says of a package before any of it runs; see RuntimeScan in services.certification.ports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from livery.manifest.capabilities import closure
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package
from livery.services.certification.types import Finding

FILE = "contract.yaml"
Looked = tuple[Sequence[Finding], Mapping[str, Any]]


class RuntimeLooks:
    """`judge` is the policy of plugins, `remote` looks at the tool of an mcp skill."""

    def __init__(
        self,
        judge: Callable[[Package], list[Finding]],
        remote: Callable[[Package], Awaitable[Looked]] | None = None,
    ) -> None:
        self._judge = judge
        self._remote = remote

    async def look(self, package: Package) -> Looked:
        """Findings, and what a certificate pins of the world outside of the package."""
        kind = package.contract.runtime.kind
        if kind == "pipeline":
            return await asyncio.to_thread(lambda: list(_steps(package))), {}
        if kind == "container":
            return await asyncio.to_thread(lambda: list(self._plugin(package))), {}
        if kind == "mcp" and self._remote is not None:
            return await self._remote(package)
        return (), {}

    def _plugin(self, package: Package) -> Iterator[Finding]:
        for item in self._judge(package):
            # Nobody can answer for it: the call would be denied all the same.
            yield replace(item, severity="critical", rule=item.rule or item.code)


def _steps(package: Package) -> Iterator[Finding]:
    """Steps that are not well formed, and what they use without declaring it."""
    from livery.execution.pipeline.plan import make_plan

    contract = package.contract
    try:
        plan = make_plan(contract.steps)
    except LiveryError as error:
        for item in error.violations:
            yield Finding(
                "contract_invalid",
                f"{item.pointer}: {item.message}",
                FILE,
                remedy="Correct the step; docs/pipelines.md lists the operators.",
                rule="steps",
                severity="critical",
            )
        return
    for use in closure(contract.capabilities, plan.uses()):
        yield Finding(
            "underdeclared_capability",
            f"The step {use.where} uses {use.kind} {use.value}.",
            FILE,
            remedy=f"Declare {use.value} under capabilities.{use.kind}.",
            rule="capability",
            severity="critical",
        )
