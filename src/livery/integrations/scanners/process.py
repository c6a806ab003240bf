"""A scanner that is a process of its own and prints SARIF.

It gets a copy of the package, an environment without anything of ours, and limits on time, output and file size. What
it does on the network is not held back here: name a scanner that needs none, or run it inside of a sandbox.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livery.integrations.scanners.files import unpacked
from livery.integrations.scanners.sarif import read_sarif
from livery.manifest.package import Package
from livery.services.certification.ports import ScannerFailed
from livery.services.certification.types import Finding

MAX_OUTPUT = 16 * 1024 * 1024
_FILE_LIMIT = 64 * 1024 * 1024
_VERSION_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """One scanner as the operator set it up.

    `command` holds `{path}` for the package's folder and, where SARIF goes into a file, `{output}`; without it SARIF
    comes on stdout. `ok_exits` are the exit codes of a run that is whole (some scanners exit 1 with findings).
    """

    name: str
    command: tuple[str, ...]
    timeout_s: float = 120.0
    fail_on: str = "high"
    version_command: tuple[str, ...] = ()
    ok_exits: tuple[int, ...] = (0,)


class SarifScanner:
    """See services.certification.ports.Scanner."""

    def __init__(self, settings: ScannerSettings, path: str, slots: asyncio.Semaphore) -> None:
        self._settings = settings
        self._search = path
        self._slots = slots
        self.name = settings.name
        self.fail_on = settings.fail_on
        self._version = _version(settings, path)

    @property
    def policy(self) -> Mapping[str, Any]:
        """Name, version and settings."""
        held = self._settings
        return {
            "name": held.name,
            "version": self._version,
            "fail_on": held.fail_on,
            "command": list(held.command),
        }

    async def scan(self, package: Package) -> Sequence[Finding]:
        """What the scanner prints of this package."""
        async with self._slots:
            with unpacked(package) as folder:
                data = await self._run(folder)
        return read_sarif(data, self.name, {file.path for file in package.files})

    async def _run(self, folder: Path) -> bytes:
        held = self._settings
        home = folder.parent / ".home"
        home.mkdir()
        output = home / "report.sarif"
        command = [
            part.replace("{path}", str(folder)).replace("{output}", str(output))
            for part in held.command
        ]
        printed = home / "stdout"
        code = await self._wait(command, folder, home, printed)
        if printed.stat().st_size > MAX_OUTPUT:
            raise ScannerFailed(f"it printed more than {MAX_OUTPUT} bytes")
        if code not in held.ok_exits:
            raise ScannerFailed(f"it ended with {code}")
        to_file = any("{output}" in part for part in held.command)
        return _report(output if to_file else printed)

    async def _wait(self, command: list[str], folder: Path, home: Path, printed: Path) -> int:
        # Into a file: a pipe that a child of its own holds open would never end.
        with printed.open("wb") as out:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    cwd=folder,
                    env=_environment(self._search, home),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=out,
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                raise ScannerFailed(f"it does not start ({error.strerror})") from None
        _limit(process.pid)
        limit = self._settings.timeout_s
        try:
            async with asyncio.timeout(limit):
                return await process.wait()
        except TimeoutError:
            raise ScannerFailed(f"it took longer than {limit:g} s") from None
        finally:
            # The whole session: what it started ends with it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _limit(pid: int) -> None:
    with suppress(OSError, ValueError, AttributeError):  # not on every system
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_FILE_LIMIT, _FILE_LIMIT))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _environment(path: str, home: Path) -> dict[str, str]:
    return {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8"}


def _report(output: Path) -> bytes:
    if output.is_symlink() or not output.is_file():
        raise ScannerFailed("it wrote no report")
    if output.stat().st_size > MAX_OUTPUT:
        raise ScannerFailed(f"its report has more than {MAX_OUTPUT} bytes")
    return output.read_bytes()


def _version(settings: ScannerSettings, path: str) -> str:
    """What the version command prints; without one, the program's own size and time of change."""
    if settings.version_command:
        try:
            done = subprocess.run(
                settings.version_command,
                env={"PATH": path, "LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_VERSION_LIMIT_S,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return "unknown"
        return done.stdout.decode("utf-8", "replace").strip()[:200]
    program = shutil.which(settings.command[0], path=path)
    if program is None:
        return "missing"
    held = Path(program).stat()
    return f"{held.st_size}-{held.st_mtime_ns}"
