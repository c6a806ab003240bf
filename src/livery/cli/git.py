"""Git, asked about what it knows: nothing of a work tree runs."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT_S = 20.0
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.alternateRefsCommand=false",
    "credential.helper=",
    "protocol.allow=never",
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What git prints; None where it is not there, fails or takes too long, and then `why`."""

    out: bytes | None
    why: str = ""


def ask_git(folder: Path, *words: str, timeout_s: float = _TIMEOUT_S) -> Answer:
    """Ask git. No hook, monitor, helper, remote or lock of the tree has a part in it."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    env |= {"LC_ALL": "C"}
    settings = [word for item in _SETTINGS for word in ("-c", item)]
    command = ["git", "--no-pager", "--no-replace-objects", *settings, "-C", str(folder), *words]
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(None, "it took too long")
    except (OSError, ValueError, subprocess.SubprocessError):
        return Answer(None, "it is not there")
    said = done.stderr.decode(errors="replace").strip().partition("\n")[0][:200]
    # It goes on without a list of what is ignored that it may not read.
    if done.returncode != 0 or b"unable to access" in done.stderr:
        return Answer(None, said or f"it ended with {done.returncode}")
    return Answer(done.stdout)


def run_git(folder: Path, *words: str) -> bytes | None:
    """What git prints, None where it is not there or fails."""
    return ask_git(folder, *words).out
