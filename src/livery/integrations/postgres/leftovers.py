"""What a killed server leaves in its folders, and how the next start takes it away.

The server's user owns these folders while root may run the watchdog, so each is opened without
following a link: root must not be led out of them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from livery.integrations.postgres.account import Account
from livery.integrations.postgres.errors import DatabaseHomeRefused
from livery.integrations.postgres.layout import SOCKET_NAME, Layout

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def data_folder(layout: Layout, account: Account) -> Iterator[int]:
    """The open data folder.

    Raises:
        DatabaseHomeRefused: it does not belong to the server's user.
        FileNotFoundError: there is none.
    """
    with _below(layout, "data") as data:
        if os.fstat(data).st_uid != account.uid:
            raise DatabaseHomeRefused(
                message=f"{layout.data} does not belong to user {account.uid}",
                remedy="Give the folder back its owner, or restore it from a backup.",
            )
        yield data


@contextmanager
def _below(layout: Layout, name: str) -> Iterator[int]:
    cluster = os.open(layout.cluster, _FOLDER)
    try:
        folder = os.open(name, _FOLDER, dir_fd=cluster)
    finally:
        os.close(cluster)
    try:
        yield folder
    finally:
        os.close(folder)


def read_below(folder: int, name: str) -> str:
    """The start (4096 characters) of the file `name` in the open `folder`."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(descriptor, "r", errors="replace") as file:
        return file.read(4096)


def postmaster_pid(layout: Layout, account: Account) -> int | None:
    """The pid in postmaster.pid. It means nothing unless the server lock is held."""
    try:
        with data_folder(layout, account) as folder:
            pid = int(read_below(folder, "postmaster.pid").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if pid > 1 else None


def forget_server(layout: Layout, account: Account) -> None:
    """Make what a killed server left harmless. Only with the server lock held.

    PostgreSQL believes a pid that some process of the same user now has. The lock proves that
    no server is left, so the file is given the pid of the server's parent-to-be (this process),
    which PostgreSQL ignores; its other lines stay, for the shared memory they name is checked.
    """
    with _below(layout, "socket") as sockets:
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=sockets)
    with data_folder(layout, account) as folder:
        try:
            lines = read_below(folder, "postmaster.pid").splitlines()
        except FileNotFoundError:
            return
        os.unlink("postmaster.pid", dir_fd=folder)
        if len(lines) < 7 or not lines[0].isdigit():  # cut short by a crash
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open("postmaster.pid", flags, 0o600, dir_fd=folder)
        with os.fdopen(descriptor, "w") as file:
            os.fchown(file.fileno(), account.uid, account.gid)
            file.write("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
