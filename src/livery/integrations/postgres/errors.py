"""What can go wrong between Livery and its PostgreSQL."""

import os
from pathlib import Path

from livery.disk import FLOOR_BYTES, FULL, free_bytes, free_text
from livery.manifest.errors import LiveryError


class DatabaseStartFailed(LiveryError):
    """The embedded PostgreSQL did not start; the message carries the end of its log."""

    code = "internal_error"


class DatabaseDiskFull(LiveryError):
    """The embedded PostgreSQL cannot be made or started: its disk is full."""

    code = "unavailable"


class DatabaseVersionMismatch(LiveryError):
    """The data folder was made by another major version of PostgreSQL."""

    code = "configuration_error"


class DatabaseHomeRefused(LiveryError):
    """A folder or key of the embedded PostgreSQL is not safe or not usable."""

    code = "configuration_error"


class DatabaseUrlRefused(LiveryError):
    """The external database URL cannot be used."""

    code = "configuration_error"


class UnsafeDatabaseRole(LiveryError):
    """A process was given a database role that row-level security does not bind."""

    code = "configuration_error"


class DatabasePasswordLost(LiveryError):
    """A role exists, but the password kept in LIVERY_HOME does not open it."""

    code = "configuration_error"


def disk_full(home: Path, said: str = "", *, seen: bool = False) -> DatabaseDiskFull | None:
    """The error to raise in the place of another one, where `said`, what a program printed, shows that the disk of
    `home` is full, or where `seen` to be nearly so is enough; else None."""
    free = free_bytes(home)
    if not any(os.strerror(number) in said for number in FULL) and not (
        seen and free < FLOOR_BYTES
    ):
        return None
    return DatabaseDiskFull(
        message=f"The database cannot start: the disk of {home} is full ({free_text(free)}).",
        remedy="Free space on it, 200 MiB at least, or set LIVERY_HOME to a folder on another disk. "
        "Then run the command again.",
    )
