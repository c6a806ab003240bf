"""Settings of all processes, read from the environment once, by whoever starts."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from livery.manifest.errors import LiveryError
from livery.private import private_folder

DEFAULT_PORT = 8700
LAST_PORT = 65535
LAST_API_PORT = LAST_PORT - 1
"""The portal takes the next one."""


class HomeRefused(LiveryError):
    """LIVERY_HOME cannot hold the platform's files."""

    code = "configuration_error"

    def __init__(self, why: str) -> None:
        super().__init__(
            message=f"LIVERY_HOME cannot be used: {why}",
            remedy="Set LIVERY_HOME to a folder of your own, or leave it out for ~/.livery.",
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are. A portal listens on `port + 1`."""

    home: Path
    database_url: str | None
    port: int
    log_level: str
    version: str
    scanners: Path | None = None
    """The file that names scanners of packages; see docs/scanners.md."""

    allow_private_targets: str | None = None
    """Private `host:port`s that skills may reach."""

    mcp_servers: Path | None = None
    """The file that names remote MCP servers; see docs/mcp.md."""

    public_portal: str | None = None
    """Where people open the operator's portal, where that is not this machine's own address."""

    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """The variables of this process, for the sandbox and for MCP servers, which get those that are listed."""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ, *, port: int | None = None) -> Settings:
        """Settings of this process: LIVERY_HOME, LIVERY_DATABASE_URL, LIVERY_PORT, LIVERY_LOG_LEVEL,
        LIVERY_SCANNERS, LIVERY_ALLOW_PRIVATE_TARGETS, LIVERY_MCP_SERVERS, LIVERY_PORTAL_URL; LIVERY_SANDBOX_* are
        read where the sandbox starts. Raises LiveryError where LIVERY_PORT is no port."""
        return cls(
            Path(environ.get("LIVERY_HOME") or "~/.livery").expanduser().absolute(),
            environ.get("LIVERY_DATABASE_URL") or None,
            port if port is not None else _port(environ),
            environ.get("LIVERY_LOG_LEVEL", "INFO").upper(),
            version("livery"),
            _path(environ, "LIVERY_SCANNERS"),
            environ.get("LIVERY_ALLOW_PRIVATE_TARGETS") or None,
            _path(environ, "LIVERY_MCP_SERVERS"),
            (environ.get("LIVERY_PORTAL_URL") or "").rstrip("/") or None,
            environ,
        )

    @property
    def portal_url(self) -> str:
        """The address of the operator's portal, for people."""
        return self.public_portal or f"http://127.0.0.1:{self.port + 1}"

    @property
    def run_dir(self) -> Path:
        """Sockets, `server.json` and the operator's token."""
        return self.home / "run"

    @property
    def keys_dir(self) -> Path:
        """Keys and passwords."""
        return self.home / "keys"

    @property
    def logs_dir(self) -> Path:
        """Logs of the processes."""
        return self.home / "logs"

    def prepare(self) -> None:
        """Make the folders, each for this user only. Raises `HomeRefused`."""
        self.refuse_file()
        for folder in (self.home, self.run_dir, self.keys_dir, self.logs_dir):
            try:
                if folder != self.home or not folder.exists():
                    private_folder(folder)
            except OSError as error:
                raise HomeRefused(f"{folder} cannot be made: {error.strerror}.") from error
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise HomeRefused(f"This user may not write in {folder}.")
        for name in ("cache", "cache/data", "digests", "skills", "sample-logs"):
            if (self.home / name).is_dir():  # made by an older version, perhaps for all to read
                private_folder(self.home / name)

    def refuse_file(self) -> None:
        """Raise `HomeRefused` where LIVERY_HOME is a file, or would be below one."""
        for place in (self.home, *self.home.parents):
            try:
                kind = place.stat().st_mode
            except FileNotFoundError:
                continue
            except NotADirectoryError:
                continue  # a place above it says so
            except OSError as error:
                raise HomeRefused(f"{place} cannot be entered: {error.strerror}.") from error
            if not stat.S_ISDIR(kind):
                raise HomeRefused(f"{place} is a file.")
            return


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("LIVERY_PORT") or str(DEFAULT_PORT)
    if not (text.isdecimal() and 1 <= int(text) <= LAST_API_PORT):
        raise LiveryError(
            "configuration_error",
            f"LIVERY_PORT is no port of the API: {text[:40]!r}.",
            remedy=f"Set it to a number of 1 to {LAST_API_PORT}; the portal takes the next.",
        )
    return int(text)


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    return Path(text).expanduser().absolute() if text else None
