"""Running a Python script as an ordinary user of this machine."""

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

IS_ROOT = os.geteuid() == 0
_SRC = Path(__file__).resolve().parents[2] / "src"


@dataclass(frozen=True, slots=True)
class User:
    """How to run Python as somebody: `Popen([*user.python, ...], **user.popen)`."""

    name: str
    uid: int
    python: tuple[str, ...]
    popen: dict[str, Any] = field(default_factory=dict)


def myself() -> User:
    return User("root" if IS_ROOT else "ordinary", os.geteuid(), (sys.executable,))


@cache
def ordinary_user() -> User:
    """`nobody` when we are root, else ourselves.

    Where the interpreter lies in a folder that is closed to `nobody`, the system's Python of the
    same version takes its place, or else a capability to read (and nothing more) is passed on.
    """
    if not IS_ROOT:
        return myself()
    entry = pwd.getpwnam("nobody")
    path = os.pathsep.join([str(_SRC), sysconfig.get_paths()["purelib"]])
    popen = {
        "user": entry.pw_uid,
        "group": entry.pw_gid,
        "extra_groups": [],
        "env": {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
    }
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if _works(candidate, popen):
            return User("ordinary", entry.pw_uid, (candidate,), popen)
    setpriv = shutil.which("setpriv")
    assert setpriv, "no Python that an ordinary user can run, and no setpriv"
    caps = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    ids = (f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups")
    python = (setpriv, *ids, *caps, sys.executable)
    return User("ordinary", entry.pw_uid, python, {"env": popen["env"]})


def _works(python: str, popen: dict[str, Any]) -> bool:
    try:
        done = subprocess.run(
            [python, "-c", "import asyncpg, livery.manifest.errors"],
            check=False,
            capture_output=True,
            cwd="/",
            timeout=60,
            **popen,
        )
    except OSError:
        return False
    return done.returncode == 0
