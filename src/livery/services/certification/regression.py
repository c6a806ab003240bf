"""The regression check: what the certified baseline did, the new version still does."""

from __future__ import annotations

from collections.abc import Iterator

from livery.kernel.compatibility import same_line
from livery.manifest.contract import Contract, Fixture
from livery.manifest.package import Package
from livery.manifest.schema import compile_schema
from livery.manifest.semver import parse_semver
from livery.services.certification.checks import FILE, outcome
from livery.services.certification.comparison import differences
from livery.services.certification.ports import FixtureRunner
from livery.services.certification.types import Baseline, CheckFacts, CheckResult, Finding


class RegressionCheck:
    """Runs the fixtures of the baseline on the new version, and compares field by field."""

    name = "regression"
    runs_code = True

    def __init__(self, runner: FixtureRunner) -> None:
        self._runner = runner

    async def verify(self, package: Package, facts: CheckFacts) -> CheckResult:
        """Fail on what differs beyond the baseline's tolerance; a declared break in a new major warns with it."""
        base = facts.baseline
        if base is None:
            return CheckResult(self.name, "pass", "the first certified version: nothing to hold to")
        fixtures = base.package.contract.tests
        if not fixtures:
            return CheckResult(self.name, "pass", f"{base.version} has no fixtures")
        meant = _meant(package.contract, base)
        severity = "medium" if meant else "high"
        findings: list[Finding] = []
        broken = 0
        for fixture in fixtures:
            found = await self._of(package, fixture, severity)
            broken += bool(found)
            findings += found
        kept = (
            f"{len(fixtures) - broken} of {len(fixtures)} fixtures of {base.version} give the same"
        )
        evidence = {"baseline": base.version, "digest": base.package.digest}
        if not findings:
            return CheckResult(self.name, "pass", kept, evidence=evidence)
        summary = f"{kept}; the break is declared" if meant else kept
        verdict = "warn" if meant else "fail"
        return CheckResult(self.name, verdict, summary, tuple(findings), evidence=evidence)

    async def _of(self, package: Package, fixture: Fixture, severity: str) -> list[Finding]:
        contract = package.contract
        found = list(_deleted(contract, fixture, severity))
        refused = compile_schema(contract.input_schema).violations(fixture.input)
        if refused:
            message = f"{refused[0].pointer or 'the input'}: {refused[0].message}"
            return [*found, _finding(fixture, f"the new interface refuses it: {message}", severity)]
        validator = compile_schema(contract.output_schema)
        output, fault = await outcome(self._runner, package, fixture, validator)
        if fault is not None:
            return [*found, _finding(fixture, f"it no longer runs: {fault.message}", severity)]
        return found + [
            _finding(fixture, str(item), severity) for item in differences(fixture, output)
        ]


def _deleted(contract: Contract, fixture: Fixture, severity: str) -> Iterator[Finding]:
    """Evidence that is gone; under another name, or with other expectations, it is still there."""
    if not any(kept.name == fixture.name or kept.input == fixture.input for kept in contract.tests):
        yield _finding(
            fixture, "the fixture was deleted", severity, "Keep the fixtures of the baseline."
        )


def _finding(fixture: Fixture, what: str, severity: str, remedy: str | None = None) -> Finding:
    return Finding(
        "regression",
        f"{fixture.name}: {what}",
        FILE,
        remedy=remedy
        or "Give what the baseline gives, or release a new major with release.compatibility: breaking.",
        rule="regression",
        severity=severity,
    )


def _meant(contract: Contract, base: Baseline) -> bool:
    """A break that is declared, in a version that may break."""
    old, new = parse_semver(base.version), parse_semver(contract.version)
    return contract.release.get("compatibility") == "breaking" and not same_line(old, new)
