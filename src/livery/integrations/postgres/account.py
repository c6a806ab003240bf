"""Which user the server runs as.

PostgreSQL refuses root. As root, each cluster gets a user id of its own that no account and no
process has, so that nothing else on the machine can open its files or signal it; no account
is created. An ordinary user runs the server as himself.
"""

import grp
import hashlib
import os
import pwd
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livery.integrations.postgres.errors import DatabaseHomeRefused
from livery.integrations.postgres.layout import Layout

# Left unused by distributions and by systemd (systemd.io/UIDS-GIDS).
_FREE_RANGE = range(60706, 61184)
_REMEDY = "Run Livery as an ordinary user, or give a database in LIVERY_DATABASE_URL."


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group for a child process; `switch` when they are not this process's own."""

    uid: int
    gid: int
    switch: bool

    def popen(self) -> dict[str, Any]:
        """Arguments of `subprocess.Popen` that make the child run under this account."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account(layout: Layout) -> Account:
    """The account of the cluster: its folder's owner, or a fresh one.

    Raises:
        DatabaseHomeRefused: run as root where no other user id can be used.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    if sys.platform != "linux":
        raise DatabaseHomeRefused(
            message="the embedded database runs under root on Linux only", remedy=_REMEDY
        )
    if layout.cluster.exists():
        owner = layout.cluster.lstat()
        if owner.st_uid == 0:
            raise DatabaseHomeRefused(
                message=f"{layout.cluster} belongs to root, which PostgreSQL refuses",
                remedy="Give LIVERY_HOME/pg back its owner, or restore it from a backup.",
            )
        return Account(owner.st_uid, owner.st_gid, switch=True)
    uid = _free_uid(layout)
    return Account(uid, uid, switch=True)


def refuse_nameless(layout: Layout) -> None:
    """Refuse a user without a name where `initdb` must run: it looks its own user up, whatever `--username` says.

    A cluster that exists is served without a name. Nothing is made here.

    Raises:
        DatabaseHomeRefused: this user is not in the user database, as with `docker run --user 12345`.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0 or layout.cluster.exists():
        return
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise DatabaseHomeRefused(
            message=f"user {uid} has no name on this machine, and PostgreSQL's initdb asks for one",
            remedy=f"Name it (`echo 'livery:x:{uid}:{gid}::/:/bin/false' >> /etc/passwd`, as root or in the image), "
            "run Livery as root or as a user that has a name, or give a database in LIVERY_DATABASE_URL.",
        ) from None


def initdb_account(account: Account) -> Account:
    """The account for `initdb`, which wants a named user.

    As root that is `nobody` with the cluster's own group: another process of `nobody` cannot
    look into a process of a different group, nor enter the folder it works in.
    """
    if not account.switch:
        return account
    try:
        named = pwd.getpwnam("nobody").pw_uid
    except KeyError:
        named = next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0)
    return Account(named, account.gid, switch=True)


def _free_uid(layout: Layout) -> int:
    busy = set(_uids_of_processes())
    start = int.from_bytes(hashlib.sha256(os.fsencode(layout.home)).digest()[:4], "big")
    mapped = _mapped_ids(Path("/proc/self/uid_map")) & _mapped_ids(Path("/proc/self/gid_map"))
    for step in range(len(_FREE_RANGE)):
        uid = _FREE_RANGE[(start + step) % len(_FREE_RANGE)]
        if uid in mapped and uid not in busy and not _has_account(uid):
            return uid
    raise DatabaseHomeRefused(
        message="running as root, but no user id is free for the database server", remedy=_REMEDY
    )


def _has_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        try:
            grp.getgrgid(uid)
        except KeyError:
            return False
    return True


def _mapped_ids(table: Path) -> set[int]:
    """The ids of our free range that this user namespace knows."""
    known: set[int] = set()
    for line in table.read_text().splitlines():
        first, _, count = (int(part) for part in line.split())
        known.update(i for i in _FREE_RANGE if first <= i < first + count)
    return known


def _uids_of_processes() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield entry.stat().st_uid
            except OSError:  # it has ended meanwhile
                continue
