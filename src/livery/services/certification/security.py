"""The security check: our preflight, and every scanner that this platform is set up with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from livery.manifest.canonical import canonical_hash
from livery.manifest.package import Package
from livery.services.certification.findings import answered, at_least, counted, marked, verdict
from livery.services.certification.ports import Scanner, ScannerFailed
from livery.services.certification.preflight import RULES, preflight
from livery.services.certification.types import CheckFacts, CheckResult, Finding

NEVER = "never"
"""The `fail_on` of a scanner that is evidence only."""


class SecurityCheck:
    """What the preflight and the scanners find. A scanner that does not answer fails the check."""

    name = "security"
    runs_code = False

    def __init__(self, scanners: Sequence[Scanner]) -> None:
        self._scanners = tuple(scanners)
        policies = [dict(scanner.policy) for scanner in self._scanners]
        self.policy = canonical_hash({"preflight": RULES, "scanners": policies})
        """The fingerprint of all that looks: the preflight's rules, each scanner with its version and settings."""

    async def verify(self, package: Package, facts: CheckFacts) -> CheckResult:
        """Fail on what is severe and on a scanner that failed; the rest is evidence."""
        looked = await asyncio.gather(
            asyncio.to_thread(lambda: list(preflight(package))),
            *(self._scan(scanner, package) for scanner in self._scanners),
        )
        findings: list[Finding] = []
        verdicts: list[str] = []
        limits = ["high", *(scanner.fail_on for scanner in self._scanners)]
        for found, limit in zip(looked, limits, strict=True):
            settled = answered(marked(found, package), facts)
            findings += settled
            verdicts.append(_verdict(settled, limit))
        names = ["preflight", *(scanner.name for scanner in self._scanners)]
        evidence = {
            "scanners": [{"name": "preflight", "version": RULES}]
            + [dict(scanner.policy) for scanner in self._scanners]
        }
        worst = next((one for one in ("fail", "warn") if one in verdicts), "pass")
        summary = f"{', '.join(names)}: {counted(findings)}"
        return CheckResult(self.name, worst, summary, tuple(findings), evidence=evidence)

    async def _scan(self, scanner: Scanner, package: Package) -> list[Finding]:
        try:
            return list(await scanner.scan(package))
        except ScannerFailed as failed:
            return [_failed(scanner.name, failed.reason)]
        except Exception as error:
            return [_failed(scanner.name, f"it raised {type(error).__name__}")]


def _failed(name: str, reason: str) -> Finding:
    # Critical: nobody can answer for what was never looked at.
    return Finding(
        "security_preflight_denied",
        f"The scanner {name} did not answer: {reason}. What was not scanned does not pass.",
        remedy=f"Repair the scanner {name} or its settings, and certify again.",
        rule="scanner-failed",
        severity="critical",
    )


def _verdict(findings: Sequence[Finding], fail_on: str) -> str:
    open_ones = [item for item in findings if item.suppressed is None]
    if any(item.rule == "scanner-failed" for item in open_ones):
        return "fail"
    if fail_on != NEVER and any(at_least(item, fail_on) for item in open_ones):
        return "fail"
    return "pass" if verdict(open_ones) == "pass" else "warn"
