"""Private files: created whole or not at all, readable by their owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from livery.private import private_folder
from livery.vault.errors import VaultMisconfigured


def create_once(path: Path, data: bytes) -> bool:
    """Create `path` (0600) with `data`; False if it exists. Of two racing processes one wins."""
    private_folder(path.parent)
    draft = _draft(path, data)
    try:
        os.link(draft, path)  # unlike rename, link never replaces what another process made
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    _sync(path.parent)
    return True


def replace(path: Path, data: bytes) -> None:
    """Replace `path` (0600) in one step: a reader or a crash sees the old or the new content."""
    _draft(path, data).replace(path)
    _sync(path.parent)


def read_private(path: Path) -> bytes:
    """Return the content; raises `VaultMisconfigured` if others may read it, or it is missing."""
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise VaultMisconfigured(f"Cannot read {path}: {error.strerror}.") from None
    if mode & 0o077:
        raise VaultMisconfigured(
            f"{path} is open to others (mode {mode & 0o777:o}).", remedy=f"chmod 600 {path}"
        )
    return data


def _draft(path: Path, data: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
