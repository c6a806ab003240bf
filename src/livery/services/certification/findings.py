"""Findings: their fingerprints, what suppresses them, and the verdict that they come to."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from livery.manifest.denylist import redact_text
from livery.manifest.package import Package
from livery.services.certification.types import SEVERITIES, CheckFacts, CheckResult, Finding

FAILS_AT = "high"
WARNS_AT = "medium"
_LENGTH = 24
_MAX_LINE = 500


def fingerprint(rule: str, path: str, line: str, occurrence: int = 0) -> str:
    """24 hex digits of SHA-256 over rule, path and the line's text, its white space folded.

    The line's number is not part of it, so that it stays when other lines come and go. `occurrence` counts findings
    of one rule on equal lines. Secrets in the line are left out.
    """
    text = " ".join(unicodedata.normalize("NFC", redact_text(line[:_MAX_LINE])).split())
    parts = [rule, path, text, *([str(occurrence)] if occurrence else [])]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:_LENGTH]


def marked(findings: Iterable[Finding], package: Package) -> tuple[Finding, ...]:
    """The findings, each with its fingerprint."""
    lines = _Lines(package)
    seen: Counter[tuple[str, str, str]] = Counter()
    found: list[Finding] = []
    for item in findings:
        rule, path = item.rule or item.code, item.file or ""
        text = lines.text(path, item.line) if item.line is not None else item.message
        key = (rule, path, " ".join(text.split()))
        found.append(replace(item, fingerprint=fingerprint(rule, path, text, seen[key])))
        seen[key] += 1
    return tuple(found)


class _Lines:
    def __init__(self, package: Package) -> None:
        self._files = {file.path: file.data for file in package.files}
        self._split: dict[str, list[str]] = {}

    def text(self, path: str, line: int | None) -> str:
        if path not in self._split:
            data = self._files.get(path, b"")
            self._split[path] = data.decode("utf-8", "replace").split("\n")
        lines = self._split[path]
        return lines[line - 1] if line is not None and 0 < line <= len(lines) else ""


def answered(findings: Iterable[Finding], facts: CheckFacts) -> tuple[Finding, ...]:
    """The findings, those that somebody answers for marked so. What is critical is answered by nobody."""
    return tuple(
        item
        if item.severity == "critical"
        else replace(item, suppressed=facts.suppressions.get(item.fingerprint or ""))
        for item in findings
    )


def at_least(finding: Finding, severity: str) -> bool:
    """Whether a finding is as severe as this; one that does not say is high."""
    return rank(finding.severity or FAILS_AT) >= rank(severity)


def rank(severity: str) -> int:
    """The place of a severity in their order."""
    return SEVERITIES.index(severity)


def verdict(findings: Iterable[Finding]) -> str:
    """`fail` for what is high or critical, `warn` for what is medium; suppressed findings do not count."""
    open_ones = [item for item in findings if item.suppressed is None]
    if any(at_least(item, FAILS_AT) for item in open_ones):
        return "fail"
    return "warn" if any(at_least(item, WARNS_AT) for item in open_ones) else "pass"


def counted(findings: Sequence[Finding]) -> str:
    """The findings in words: `1 high, 2 low; 1 suppressed`."""
    counts = Counter(item.severity or FAILS_AT for item in findings if item.suppressed is None)
    words = ", ".join(f"{counts[name]} {name}" for name in reversed(SEVERITIES) if counts[name])
    hushed = sum(item.suppressed is not None for item in findings)
    return (words or "nothing") + (f"; {hushed} suppressed" if hushed else "")


def judged(
    name: str, found: Iterable[Finding], package: Package, facts: CheckFacts, clean: str
) -> CheckResult:
    """The result of a check that reads the package; `clean` is its summary where nothing was found."""
    findings = answered(marked(found, package), facts)
    summary = f"found {counted(findings)}" if findings else clean
    return CheckResult(name, verdict(findings), summary, findings)


def summarised(check: Mapping[str, Any]) -> dict[str, Any]:
    """A stored result as the signed statement holds it: counts by severity, and every suppression in full."""
    findings = check["findings"]
    summary: dict[str, Any] = {key: check[key] for key in ("name", "verdict", "summary")}
    counts = Counter(item.get("severity") or FAILS_AT for item in findings)
    if counts:
        summary["findings"] = {name: counts[name] for name in SEVERITIES if counts[name]}
    hushed = [item for item in findings if item.get("suppressed")]
    if hushed:
        keys = ("fingerprint", "rule", "code", "severity", "message", "file", "line")
        summary["suppressed"] = [
            {**{key: item.get(key) for key in keys}, **item["suppressed"]} for item in hushed
        ]
    if check.get("evidence"):
        summary["evidence"] = dict(check["evidence"])
    return summary
