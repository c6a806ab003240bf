"""Folders and files that only their owner can reach, whatever the umask and the modes above them."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def private_folder(path: Path) -> Path:
    """Make a folder and those above it that are missing, each 0700; return `path`.

    `path` itself is closed to others where it is open to them and ours. Folders above it that are
    there already are left as they are. Raises OSError as `Path.mkdir` does.
    """
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_mode & 0o077 and found.st_uid == os.geteuid():
        with suppress(PermissionError):  # a file system without modes
            path.chmod(0o700)
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write a file (0600), in the place of an older one; its folder has to be there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, 0o600)
        file.write(data)


def append_private(path: Path, buffering: int = -1) -> BinaryIO:
    """Open a file (0600) to append to, as a log is; its folder has to be there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with suppress(PermissionError):  # somebody else's file that we may write
        os.fchmod(handle, 0o600)
    return os.fdopen(handle, "ab", buffering)
