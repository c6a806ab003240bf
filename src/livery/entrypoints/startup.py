"""What the commands and the supervisor agree on: one platform a home, how long it may take, what it said last."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from livery.entrypoints.settings import Settings
from livery.manifest.errors import LiveryError

READY_S = 60.0
STOP_S = 20.0
_BOX = "".join(map(chr, range(0x2500, 0x2580))) + " "
_PANEL_TOPS = "┌┏╭╔"


class StartFailed(LiveryError):
    """A process did not come up; the message says which, and what its log says last."""

    code = "configuration_error"


class AlreadyUp(LiveryError):
    """This home's platform is running already."""

    code = "already_exists"


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold this home's platform. Raises `AlreadyUp` where another process does."""
    handle = os.open(settings.run_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyUp(
                message=f"The platform in {settings.home} is up already.",
                remedy="See `livery status`; stop it with `livery down`.",
            ) from None
        yield
    finally:
        os.close(handle)


def is_starting(settings: Settings) -> bool:
    """Whether a supervisor of this home lives: one that starts, or one that runs."""
    try:
        with only_one(settings):
            return False
    except AlreadyUp:
        return True


def last_words(text: str) -> str:
    """What a process said last: its problem's sentence, from JSON or from the panel; else its last lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    for line in reversed(lines[-3:]):
        with suppress(ValueError, KeyError, TypeError):
            return f"It said last: {json.loads(line)['detail']}"[:600]
    panel = next((n for n in reversed(range(len(lines))) if lines[n][0] in _PANEL_TOPS), None)
    if panel is None:
        return "It said last: " + " / ".join(lines[-3:])[-600:] if lines else ""
    plain = (line.strip(_BOX) for line in lines[panel + 1 :])
    return "It said last: " + " ".join(line for line in plain if line)[:600]
