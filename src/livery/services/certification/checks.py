"""The checks: each a small class with one method. An empty pipeline certifies nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from livery.manifest.contract import Contract, Fixture
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package
from livery.manifest.schema import Validator, compile_schema
from livery.services.certification.assertions import broken
from livery.services.certification.comparison import difference, differences
from livery.services.certification.findings import judged
from livery.services.certification.ports import CapabilityScan, FixtureRunner, RuntimeScan
from livery.services.certification.types import CheckFacts, CheckResult, Finding

__all__ = ["FixturesCheck", "StaticCheck", "declared", "difference", "outcome"]
FILE = "contract.yaml"


class StaticCheck:
    """The contract is sound, and what the code uses is declared."""

    name = "static"
    runs_code = False

    def __init__(self, scan: CapabilityScan, runtimes: RuntimeScan | None = None) -> None:
        self._scan = scan
        self._runtimes = runtimes

    async def verify(self, package: Package, facts: CheckFacts) -> CheckResult:
        """Fail on any use of a capability that the contract does not declare, and on what hides one."""
        contract = package.contract
        if contract.runtime.kind == "instructions":
            return CheckResult(self.name, "pass", "instructions only: no code, no capabilities")
        clean = f"declared: {declared(contract.capabilities.to_dict())}"
        found: list[Finding] = []
        if contract.runtime.kind != "container":  # its policy reads the code, its walls hold it
            found += await asyncio.to_thread(self._scan.undeclared, package)
        seen: Sequence[Finding] = ()
        pins: Mapping[str, Any] = {}
        if self._runtimes is not None:
            seen, pins = await self._runtimes.look(package)
        result = judged(self.name, [*found, *seen], package, facts, clean)
        return replace(result, evidence={"pins": dict(pins)}) if pins else result


class FixturesCheck:
    """Every fixture gives its expected output, within its tolerance, and every assertion holds for it."""

    name = "fixtures"
    runs_code = True

    def __init__(self, runner: FixtureRunner) -> None:
        self._runner = runner

    async def verify(self, package: Package, facts: CheckFacts) -> CheckResult:  # noqa: ARG002
        """A skill with code and no fixture fails: nothing shows that it works."""
        contract = package.contract
        if contract.runtime.kind == "instructions":
            return CheckResult(self.name, "pass", "nothing to run")
        if not contract.tests:
            finding = _finding("contract_invalid", "The contract has no fixtures.")
            return CheckResult(self.name, "fail", "no fixtures", (finding,))
        findings = list(_pointless(contract))
        failed = 0
        largest = 0.0
        validator = compile_schema(contract.output_schema)
        for fixture in contract.tests:
            output, fault = await outcome(self._runner, package, fixture, validator)
            found = [fault] if fault is not None else list(_differing(contract, fixture, output))
            findings += found
            failed += bool(found)
            largest = max(largest, (difference(fixture, output) or 0.0) if not found else 0.0)
        passed = len(contract.tests) - failed
        summary = f"{passed} of {len(contract.tests)} fixtures, largest difference {largest:g}"
        return CheckResult(self.name, "fail" if findings else "pass", summary, tuple(findings))


async def outcome(
    runner: FixtureRunner, package: Package, fixture: Fixture, validator: Validator
) -> tuple[Any, Finding | None]:
    """The output of a fixture, or the finding that there is none that fits `validator`."""
    try:
        output = await runner.run(package, fixture)
    except LiveryError as error:
        return None, _finding(error.code, f"{fixture.name}: {error.message}")
    except Exception as error:
        return None, _finding("execution_error", f"{fixture.name}: {type(error).__name__}")
    found = validator.violations(output)
    if found:
        message = f"{fixture.name}: {found[0].pointer} {found[0].message}"
        return None, _finding("tool_output_invalid", message)
    return output, None


def _differing(contract: Contract, fixture: Fixture, output: Any) -> Iterator[Finding]:
    found = differences(fixture, output)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        yield _finding("regression", f"{fixture.name}: the output differs: {found[0]}{more}")
    for assertion in contract.assertions:
        if assertion.get("fixture", fixture.name) == fixture.name:
            fault = broken(assertion, output)
            if fault is not None:
                message = f"{fixture.name}: {assertion['name']}: {fault}"
                yield _finding("regression", message)


def _pointless(contract: Contract) -> Iterator[Finding]:
    known = {fixture.name for fixture in contract.tests}
    for assertion in contract.assertions:
        if assertion.get("fixture", contract.tests[0].name) not in known:
            message = f"The assertion {assertion['name']} names no fixture of the package."
            yield _finding("contract_invalid", message)


def _finding(code: str, message: str) -> Finding:
    remedy = (
        "Add tests.fixtures: input and the output that you expect."
        if code == "contract_invalid"
        else None
    )
    return Finding(code, message, FILE, remedy=remedy, severity="high", rule="fixture")


def declared(capabilities: dict[str, Any]) -> str:
    """Capabilities in words: `data sessions, network api.example.com`, or `nothing`."""
    parts = []
    for kind, value in capabilities.items():
        if not value:
            continue
        parts.append(f"{kind} {', '.join(value) if isinstance(value, list | tuple) else value}")
    return "; ".join(parts) or "nothing"
