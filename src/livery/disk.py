"""How much room is left on the disk where a folder lies."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

FLOOR_BYTES = 64 * 2**20
"""With less, PostgreSQL is soon refused the next pieces of its journal (16 MiB each)."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says where a disk, or the share of it that a user may have, is used up."""


def free_bytes(path: Path) -> int:
    """Bytes that are free for `path`, which need not exist yet. Raises OSError."""
    return shutil.disk_usage(nearest(path)).free


def nearest(path: Path) -> Path:
    """`path`, or the next above it that is there."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def free_text(free: int) -> str:
    """`free` bytes for people: `1.5 GiB free`, below one GiB `12 MiB free`."""
    size = f"{free / 2**30:.1f} GiB" if free >= 2**30 else f"{free // 2**20} MiB"
    return f"{size} free"
