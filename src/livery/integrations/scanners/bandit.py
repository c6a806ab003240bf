"""`bandit` in this process: its start costs more than its work, and it only reads."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from livery.integrations.scanners.files import unpacked
from livery.manifest.package import Package
from livery.services.certification.ports import ScannerFailed
from livery.services.certification.types import Finding

LIMIT_S = 60.0
MAX_SOURCE = 2 * 1024 * 1024
_SEVERITIES = {"HIGH": "high", "MEDIUM": "medium", "LOW": "low"}
_LOWER = {"high": "medium", "medium": "low", "low": "low"}


class BanditScanner:
    """See services.certification.ports.Scanner. Comments that would silence it (`# nosec`) do not count."""

    name = "bandit"
    fail_on = "high"

    def __init__(self) -> None:
        # It writes of every file that it cannot read; that is a finding here.
        logging.getLogger("bandit").setLevel(logging.CRITICAL)
        self._alone = threading.Lock()  # its plugins keep state of the module

    @property
    def policy(self) -> Mapping[str, Any]:
        """Name, version and settings."""
        return {"name": self.name, "version": version("bandit"), "fail_on": self.fail_on}

    async def scan(self, package: Package) -> Sequence[Finding]:
        """What bandit finds; one of low confidence counts one step less."""
        if not any(file.path.endswith(".py") for file in package.files):
            return ()
        try:
            async with asyncio.timeout(LIMIT_S):
                return await asyncio.to_thread(self._scan, package)
        except TimeoutError:
            raise ScannerFailed(f"it took longer than {LIMIT_S:g} s") from None

    def _scan(self, package: Package) -> list[Finding]:
        # Here, so that a process that certifies nothing does not load it.
        from bandit.core import config, manager  # type: ignore[import-untyped]

        with (
            self._alone,
            unpacked(
                package, lambda file: file.path.endswith(".py") and len(file.data) <= MAX_SOURCE
            ) as folder,
        ):
            run = manager.BanditManager(config.BanditConfig(), "file", ignore_nosec=True)
            run.discover_files([str(folder)], recursive=True)
            run.run_tests()
            found = [
                _finding(i, folder) for i in run.get_issue_list() if not _a_tests_own(i, folder)
            ]
            found += [_skipped(name, folder) for name, _ in run.get_skipped()]
        return found


def _a_tests_own(issue: Any, folder: Path) -> bool:
    """Say whether it is an `assert` of a test: that is how tests speak, and no call runs them."""
    return issue.test_id == "B101" and Path(issue.fname).relative_to(folder).parts[0] == "tests"


def _finding(issue: Any, folder: Path) -> Finding:
    severity = _SEVERITIES.get(str(issue.severity), "low")
    if str(issue.confidence) in ("LOW", "UNDEFINED"):
        severity = _LOWER[severity]
    return Finding(
        "security_preflight_denied",
        f"{issue.text} ({issue.test})",
        Path(issue.fname).relative_to(folder).as_posix(),
        issue.lineno,
        "Write it another way; where it is right, have it suppressed with the reason.",
        rule=issue.test_id,
        severity=severity,
    )


def _skipped(name: str, folder: Path) -> Finding:
    return Finding(
        "security_preflight_denied",
        "bandit could not read this file.",
        Path(name).relative_to(folder).as_posix(),
        remedy="Write it so that Python can read it.",
        rule="bandit-skipped",
        severity="high",
    )
