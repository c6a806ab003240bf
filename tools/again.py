"""Run the one or two tests that failed once more, alone, and name them: `.ci/run` does so, `make test` does not.

A busy machine can fail a test that waits for a process. What fails twice, or together with many, fails the run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST = 2
_FAILED = Path(".pytest_cache/v/cache/lastfailed")


def main() -> int:
    """0 where all that failed pass now."""
    failed = sorted(json.loads(_FAILED.read_text())) if _FAILED.exists() else []
    if not 1 <= len(failed) <= MOST:
        print(f"{len(failed)} tests failed: none is tried again.")
        return 1
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *failed], check=False
    )
    if done.returncode == 0:
        print("FLAKY, passed only when tried again: " + ", ".join(failed))
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
