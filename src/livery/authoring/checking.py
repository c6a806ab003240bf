"""Check packages in a child process with a time limit: code under development may hang or exit."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from livery.authoring.contracts import FolderReport, Verdict

TIMEOUT_S: Final = 30.0
"""Time for one package, seconds."""
_START_S: Final = 120.0
_TICK_S: Final = 0.02


class Checking:
    """A check of packages that is under way: `poll` it, or wait for it in `reports`.

    A package whose code hangs, or ends the process, fails; the others are checked all the same.

    Args:
        folders: the packages.
        timeout_s: time for each, seconds.
        derive: only derive the contract; one folder.
        entry: with `derive`: where the code is.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        timeout_s: float = TIMEOUT_S,
        *,
        derive: bool = False,
        entry: str | None = None,
    ) -> None:
        self._left = list(folders)
        self._timeout_s = timeout_s
        self._mode = "derive" if derive else "check"
        self._entry = [entry] if entry else []
        self._start()

    @property
    def done(self) -> bool:
        """Is every package checked?"""
        return not self._left

    def poll(self) -> list[FolderReport]:
        """What was found since the last time; returns at once."""
        if self.done:
            return []
        ended = self._process.poll() is not None
        found = [report for line in self._lines() if (report := self._heard(line)) is not None]
        if self.done:
            self.stop()
        elif ended or time.monotonic() > self._deadline:
            found.append(self._lost(ended))
            self.stop()
            if self._left:
                self._start()
        return found

    def reports(self) -> Iterator[FolderReport]:
        """Each report as it comes; ends with the last one, and the child with it."""
        try:
            while not self.done:
                yield from self.poll()
                if not self.done:
                    time.sleep(_TICK_S)
        finally:
            self.stop()

    def stop(self) -> None:
        """End the child and whatever it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._out.close()
        self._err.close()

    def _start(self) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        self._err = tempfile.TemporaryFile()  # noqa: SIM115
        self._read, self._ready = 0, False
        folders = [str(folder) for folder in self._left]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "livery.authoring.child", self._mode, *folders, *self._entry],
            stdin=subprocess.PIPE,  # closed when this process ends: the child ends with it
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,  # one signal ends it with all that it started
        )
        self._deadline = time.monotonic() + _START_S

    def _lines(self) -> list[bytes]:
        """Whole lines that the child wrote since the last time."""
        size = os.fstat(self._out.fileno()).st_size
        fresh = os.pread(self._out.fileno(), size - self._read, self._read)
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.splitlines()

    def _heard(self, line: bytes) -> FolderReport | None:
        self._deadline = time.monotonic() + self._timeout_s
        document: dict[str, Any] = json.loads(line)
        if not self._ready:
            self._ready = True
            return None
        return FolderReport(
            str(self._left.pop(0)),
            document["about"],
            [Verdict(**verdict) for verdict in document["checks"]],
            document["derived"],
        )

    def _lost(self, ended: bool) -> FolderReport:
        """The package whose code did not let the child answer."""
        folder = self._left.pop(0)
        report = FolderReport(str(folder), folder.resolve().name)
        if ended:
            code = self._process.returncode
            how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
            said = self._last_words()
            report.add("code", False, f"it ended the process ({how}){': ' + said if said else ''}")
        else:
            report.add("code", False, f"it did not end within {self._timeout_s:g} s")
        return report

    def _last_words(self) -> str:
        size = os.fstat(self._err.fileno()).st_size
        tail = os.pread(self._err.fileno(), 2000, max(0, size - 2000))
        lines = tail.decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""


def find_packages(path: Path) -> list[Path]:
    """The packages at or below a folder: itself where it has a SKILL.md, else those inside.

    A folder without any is returned as it is, so that its check says what is missing.
    """
    if (path / "SKILL.md").exists() or not path.is_dir():
        return [path]
    found = []
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(f for f in folders if f not in IGNORED and not f.startswith("."))
        if "SKILL.md" in files:
            found.append(Path(folder))
            folders.clear()  # what lies inside belongs to it
    return found or [path]


IGNORED: Final = frozenset({"__pycache__", "node_modules"})
