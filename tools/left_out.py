"""Say in one sentence each what `make test` leaves out on this machine, and how to have it."""

from __future__ import annotations

import shutil
import subprocess

_NEEDED = {
    "chromium": "the browser test is left out: Debian's packages chromium and chromium-driver bring it",
    "node": "the style sheet's rebuild is not compared: Node 20 or newer brings it",
}
_PATIENCE_S = 10


def _runtimes() -> str:
    """The runtimes of the engine that DOCKER_HOST names; empty where none answers."""
    command = ["docker", "info", "--format", "{{json .Runtimes}}"]
    try:
        said = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout if said.returncode == 0 else ""


def main() -> None:
    """Print what is missing."""
    for program, sentence in _NEEDED.items():
        if shutil.which(program) is None:
            print(f"Without {program}, {sentence}.")
    runtimes = _runtimes()
    if not runtimes:
        print("Without Docker Engine, the sandbox's tests are left out: docs/plugins.md says how.")
    elif "runsc" not in runtimes:
        print("Without gVisor, its tests are left out: docs/plugins.md says how to have it.")


if __name__ == "__main__":
    main()
