"""The side of `ccusage`: its native binary over the same logs, all of them each time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

VERSION = "20.0.24"
_PACKAGES = (f"ccusage@{VERSION}", f"@ccusage/ccusage-linux-x64@{VERSION}")


def binary() -> Path | None:
    """The native binary, installed by npm into a temporary folder; None where that fails."""
    folder = Path(tempfile.gettempdir()) / f"livery-ccusage-{VERSION}"
    found = folder / "node_modules/@ccusage/ccusage-linux-x64/bin/ccusage"
    npm = shutil.which("npm")
    if not found.exists() and npm:
        folder.mkdir(exist_ok=True)
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", *_PACKAGES]
        subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=180)
    if not found.exists():
        return None
    found.chmod(0o755)
    return found


def total(command: Path, logs: Path) -> tuple[float, dict[str, Any]]:
    """Seconds of one full read of `logs`/claude and `logs`/codex, and the totals it prints."""
    places = {"CLAUDE_CONFIG_DIR": str(logs / "claude"), "CODEX_HOME": str(logs / "codex")}
    start = time.perf_counter()
    done = subprocess.run(
        [str(command), "daily", "--offline", "--json"],
        env={**os.environ, **places}, check=True, capture_output=True, timeout=600,
    )  # fmt: skip
    taken = time.perf_counter() - start
    return taken, json.loads(done.stdout)["totals"]
