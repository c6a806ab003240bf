"""Where the embedded PostgreSQL keeps its things under LIVERY_HOME.

pg/                 0700, this process's user: locks, holders
pg/cluster/         0700, the server's user
pg/cluster/data     the data folder        pg/cluster/socket   the unix socket
keys/postgres-superuser 0600               logs/postgres.log
"""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from livery.integrations.postgres.errors import DatabaseHomeRefused

SOCKET_NAME = ".s.PGSQL.5432"
# sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included.
MAX_SOCKET_PATH = 100


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one embedded PostgreSQL; `home` is absolute."""

    home: Path

    @classmethod
    def of(cls, home: Path) -> "Layout":
        """The layout under `home`, which need not exist yet."""
        return cls(home.expanduser().resolve())

    @property
    def pg(self) -> Path:
        """The folder of everything that belongs to the database."""
        return self.home / "pg"

    @property
    def cluster(self) -> Path:
        """The folder owned by the server's user."""
        return self.pg / "cluster"

    @property
    def staging(self) -> Path:
        """Where a new cluster is made before it takes its place by one rename."""
        return self.pg / "new"

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.cluster / "data"

    @property
    def sockets(self) -> Path:
        """The folder of the unix socket."""
        return self.cluster / "socket"

    @property
    def holders(self) -> Path:
        """One locked file for each process that uses the server."""
        return self.pg / "holders"

    @property
    def start_lock(self) -> Path:
        """Held while somebody starts, joins or stops the server."""
        return self.pg / "start.lock"

    @property
    def watchdog_lock(self) -> Path:
        """Held by the watchdog as long as it lives."""
        return self.pg / "watchdog.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the postmaster and its children as long as one of them lives."""
        return self.pg / "server.lock"

    @property
    def stop_request(self) -> Path:
        """Its presence asks the watchdog to stop the server, holders or not."""
        return self.pg / "stop.request"

    @property
    def superuser_key(self) -> Path:
        """The superuser's password."""
        return self.home / "keys" / "postgres-superuser"

    @property
    def log(self) -> Path:
        """What the server and its watchdog print."""
        return self.home / "logs" / "postgres.log"

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            DatabaseHomeRefused: one of them is a link or belongs to another user.
        """
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.pg, self.holders, self.superuser_key.parent, self.log.parent):
            private_folder(folder)

    def client_socket_dir(self) -> Path:
        """The socket folder as clients name it: a short link where the path is too long.

        The server itself binds a relative path, so only clients need the link. A comma
        would read as a list of hosts in a connection URL, so it takes the link too.
        """
        if len(os.fsencode(self.sockets / SOCKET_NAME)) <= MAX_SOCKET_PATH and (
            "," not in str(self.sockets)
        ):
            return self.sockets
        return _short_link(self.sockets)


def private_folder(path: Path) -> None:
    """Make `path` a folder of ours that nobody else can enter (mode 0700).

    Raises:
        DatabaseHomeRefused: it is a link or belongs to another user.
    """
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise DatabaseHomeRefused(
            message=f"{path} is not a folder that belongs to user {os.geteuid()}",
            remedy="Run Livery as the user who owns LIVERY_HOME, or choose another LIVERY_HOME.",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)


def _short_link(target: Path) -> Path:
    name = f"livery-{os.geteuid()}-{hashlib.sha256(os.fsencode(target)).hexdigest()[:16]}"
    base = Path(tempfile.gettempdir())
    if len(os.fsencode(base / name / "s" / SOCKET_NAME)) > MAX_SOCKET_PATH:
        base = Path("/tmp")  # noqa: S108 - the folder below is 0700 and its owner is checked
    private_folder(base / name)
    link = base / name / "s"
    if not link.is_symlink() or link.readlink() != target:
        fresh = link.with_name(f"s.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(link)
    return link
