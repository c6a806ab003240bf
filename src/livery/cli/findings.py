"""What `livery doctor` looks at on this machine: each check answers a finding, never raises."""

import json
import os
import shutil
import stat
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from livery.disk import free_bytes, free_text, nearest

OK, WARN, FAIL, INFO = "ok", "warn", "fail", "info"
MIN_PYTHON = (3, 11)
LOW_DISK_BYTES, NO_DISK_BYTES = 2 * 2**30, 300 * 2**20
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock before this is wrong: certificates would look not yet signed."""
_PRIVATE = ("run", "keys", "run/operator.token", "keys/vault.key")
_PRIVATE_FOLDERS = (
    *("logs", "skills", "digests", "digests/*", "cache", "cache/*", "cache/data/segments"),
    *("sample-logs", "pg"),
)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `level` is `ok`, `warn`, `fail` or `info`."""

    name: str
    level: str
    detail: str
    remedy: str = ""

    def to_dict(self) -> dict[str, str]:
        """The finding as JSON."""
        return {
            "name": self.name,
            "level": self.level,
            "detail": self.detail,
            "remedy": self.remedy,
        }


def machine(home: Path) -> list[Finding]:
    """Everything that can be seen without the platform."""
    return [
        python(),
        home_folder(home),
        permissions(home),
        disk(home),
        clock(datetime.now(UTC)),
        program("Chromium", _BROWSERS, "only the browser tests need it"),
        program("Docker", ("docker",), "only container skills need it"),
    ]


def python() -> Finding:
    """The interpreter is new enough."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < MIN_PYTHON:
        return Finding("Python", FAIL, found, "Install Python 3.11 or newer.")
    return Finding("Python", OK, found)


def home_folder(home: Path) -> Finding:
    """LIVERY_HOME can be written."""
    place = nearest(home)
    if not place.is_dir():
        return Finding("Home", FAIL, f"{place} is no folder", "Set LIVERY_HOME to a folder.")
    if not os.access(place, os.W_OK | os.X_OK):
        remedy = "Set LIVERY_HOME to a folder of yours."
        return Finding("Home", FAIL, f"{place} cannot be written", remedy)
    return Finding("Home", OK, str(home) if home.exists() else f"{home} (made at the first start)")


def permissions(home: Path) -> Finding:
    """Nobody else on this machine can read keys, sockets and tokens."""
    open_ones = []
    folders = [
        str(path.relative_to(home))
        for pattern in _PRIVATE_FOLDERS
        for path in sorted(home.glob(pattern))
        if path.is_dir() and not path.is_symlink()
    ]
    for name in (*_PRIVATE, *folders):
        try:
            mode = (home / name).stat().st_mode
        except OSError:
            continue
        if stat.S_IMODE(mode) & 0o077:
            open_ones.append(name)
    if open_ones:
        paths = " ".join(str(home / name) for name in open_ones)
        return Finding(
            "Permissions", FAIL, f"others can reach {', '.join(open_ones)}", f"chmod go= {paths}"
        )
    return Finding("Permissions", OK, "keys, sockets and tokens are yours alone")


def disk(home: Path) -> Finding:
    """There is room for the database."""
    free = free_bytes(home)
    said = free_text(free)
    if free < NO_DISK_BYTES:
        return Finding("Disk", FAIL, said, "Make room: the journal cannot be written.")
    if free < LOW_DISK_BYTES:
        return Finding("Disk", WARN, said, "Make room soon.")
    return Finding("Disk", OK, said)


def clock(now: datetime) -> Finding:
    """The clock is plausible."""
    said = now.strftime("%Y-%m-%d %H:%M:%S UTC")
    if now < EARLIEST:
        return Finding("Clock", FAIL, said, "Set the clock: certificates depend on it.")
    return Finding("Clock", OK, said)


def program(name: str, commands: tuple[str, ...], why: str) -> Finding:
    """Whether a program is there; nothing of ours fails without it."""
    for command in commands:
        if found := shutil.which(command):
            return Finding(name, INFO, found)
    return Finding(name, INFO, f"not found; {why}")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Where a platform says it runs, with the token to use; the token is in no text."""

    url: str
    token: str | None


def address(home: Path) -> Address | None:
    """The platform named by LIVERY_URL, or by the server file that `livery up` writes."""
    token = os.environ.get("LIVERY_TOKEN") or _read(home / "run" / "operator.token")
    if url := os.environ.get("LIVERY_URL"):
        return Address(url, token)
    try:
        url = str(json.loads(_read(home / "run" / "server.json") or "")["url"])
    except (ValueError, KeyError, TypeError):
        return None
    return Address(url, token)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
