"""No committed file names a package registry's host: locks and lock-like files install from any mirror."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

# Written in pieces, so that this file passes its own check.
_HOSTS = [
    "pypi." + "org",
    "pythonhosted." + "org",
    "registry.npmjs." + "org",
    "registry.yarnpkg." + "com",
]
_PATTERN = re.compile("|".join(re.escape(host) for host in _HOSTS))


def main() -> int:
    """Print each offending line; exit 1 where there is one."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    found = 0
    for name in filter(None, names):
        path = Path(name.decode())
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if _PATTERN.search(line.decode(errors="replace")):
                print(f"{path}:{number}: names a package registry's host")
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
