"""What the processes of `livery up` share: say when ready, end when the parent is gone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

READY_FD = "LIVERY_READY_FD"
LIFELINE_FD = "LIVERY_LIFELINE_FD"


def say_ready() -> None:
    """Tell the parent, if there is one, that this process serves."""
    fd = os.environ.pop(READY_FD, None)
    if fd is not None:
        with suppress(OSError):
            os.write(int(fd), b"ready\n")
            os.close(int(fd))


def follow_parent() -> None:
    """End when the parent ends, however it does: its end of the lifeline closes with it."""
    fd = os.environ.pop(LIFELINE_FD, None)
    if fd is None:
        return
    line = int(fd)

    def wait() -> None:
        with suppress(OSError):
            os.read(line, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="lifeline").start()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process on uvloop where it is there: half of the hot path is the loop."""
    try:
        import uvloop
    except ImportError:
        import asyncio

        asyncio.run(main)
        return
    uvloop.run(main)
