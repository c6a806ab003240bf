"""Locks that the kernel drops when their holder dies: flock on an open file.

A lock belongs to the open file, so whoever inherits the descriptor holds it too; no pid is
ever written down or trusted.
"""

import fcntl
import os
import time
from pathlib import Path


def try_lock(path: Path) -> int | None:
    """The descriptor of `path`, exclusively locked, or None when somebody else holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def wait_lock(path: Path, deadline: float) -> int | None:
    """As `try_lock`, trying until `deadline` (seconds of `time.monotonic`)."""
    while (descriptor := try_lock(path)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return descriptor


def unlock(descriptor: int) -> None:
    """Drop the lock, also for processes that inherited it, and close the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock on `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def take_hold(holders: Path) -> tuple[Path, int]:
    """A new locked file in `holders`: as long as it is locked, the server is needed."""
    path = holders / f"{os.getpid()}-{os.urandom(6).hex()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return path, descriptor


def held(holders: Path) -> bool:
    """Whether any process still needs the server."""
    return any(is_held(path) for path in holders.iterdir())


def sweep(holders: Path) -> None:
    """Remove the files of holders that are gone. Only under the start lock."""
    for path in holders.iterdir():
        if not is_held(path):
            path.unlink(missing_ok=True)
