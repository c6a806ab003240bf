"""The data folder: made once by `initdb`, checked at each start."""

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from livery.integrations.postgres.account import Account, initdb_account
from livery.integrations.postgres.binaries import MAJOR_VERSION
from livery.integrations.postgres.errors import (
    DatabaseHomeRefused,
    DatabaseStartFailed,
    DatabaseVersionMismatch,
    disk_full,
)
from livery.integrations.postgres.layout import Layout
from livery.integrations.postgres.leftovers import data_folder, read_below

SUPERUSER = "postgres"
# No door but the unix socket, and no way through it without a password.
_HBA = "local all all scram-sha-256\n"
# Nothing of the caller's environment (PG*, LD_*) reaches the server.
CLEAN_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


def data_argument(layout: Layout, account: Account) -> str:
    """The data folder as the server must name it.

    The server's user cannot walk through root's closed folders, so it starts inside its data
    folder and calls it by its working directory.
    """
    return "/proc/self/cwd" if account.switch else str(layout.data)


def ensure_cluster(layout: Layout, bin_dir: Path, account: Account) -> None:
    """Make the cluster if there is none; check the version if there is.

    Raises:
        DatabaseVersionMismatch: the folder belongs to another major version.
        DatabaseHomeRefused: the superuser's password is gone.
        DatabaseStartFailed: `initdb` failed.
        DatabaseDiskFull: it found no room.
    """
    if not layout.cluster.exists():
        _create(layout, bin_dir, account)
        return
    _check_version(layout, account)
    if not layout.superuser_key.exists():
        raise DatabaseHomeRefused(
            message=f"{layout.data} exists but its password {layout.superuser_key} is missing",
            remedy="Restore the file from a backup of LIVERY_HOME/keys.",
        )


def superuser_password(layout: Layout) -> str:
    """The superuser's password, as kept in LIVERY_HOME/keys."""
    return layout.superuser_key.read_text().strip()


def _check_version(layout: Layout, account: Account) -> None:
    try:
        with data_folder(layout, account) as folder:
            found = read_below(folder, "PG_VERSION").strip()
    except FileNotFoundError:
        found = "unknown"
    if found != str(MAJOR_VERSION):
        raise DatabaseVersionMismatch(
            message=f"{layout.data} was made by PostgreSQL {found}, "
            f"this Livery runs PostgreSQL {MAJOR_VERSION}",
            remedy="Dump the data with the Livery that made it and load it into a new "
            "LIVERY_HOME, or run that version.",
        )


def _create(layout: Layout, bin_dir: Path, account: Account) -> None:
    shutil.rmtree(layout.staging, ignore_errors=True)
    data = layout.staging / "data"
    for folder in (layout.staging, data, layout.staging / "socket"):
        folder.mkdir(mode=0o700)
    _keep_password(layout)
    maker = initdb_account(account)
    key = os.open(layout.superuser_key, os.O_RDONLY)
    try:
        if maker.switch:
            os.chown(data, maker.uid, maker.gid)
            # initdb reads the password through /proc; the file takes back its owner below.
            os.fchown(key, maker.uid, maker.gid)
        _initdb(data, bin_dir, maker, key, layout.home)
    finally:
        if maker.switch:
            os.fchown(key, os.geteuid(), os.getegid())
        os.close(key)
    (data / "pg_hba.conf").write_text(_HBA)
    if account.switch:
        _give(layout.staging, account)
    layout.staging.rename(layout.cluster)
    _sync_folder(layout.pg)


def _initdb(data: Path, bin_dir: Path, maker: Account, key: int, home: Path) -> None:
    done = subprocess.run(
        [
            bin_dir / "initdb",
            f"--pgdata={'/proc/self/cwd' if maker.switch else data}",
            f"--username={SUPERUSER}",
            "--auth=scram-sha-256",
            f"--pwfile=/dev/fd/{key}",
            "--encoding=UTF8",
            # PostgreSQL's own collation: the same order on every machine, for good.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
        ],
        check=False,
        cwd=data,
        env=CLEAN_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=[key],
        umask=0o077,
        **maker.popen(),
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-12:])
        raise disk_full(home, done.stdout) or DatabaseStartFailed(
            message=f"initdb failed (exit {done.returncode}):\n{tail}"
        )


def _keep_password(layout: Layout) -> None:
    fresh = layout.superuser_key.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(layout.superuser_key)
    _sync_folder(layout.superuser_key.parent)


def _give(top: Path, account: Account) -> None:
    # Bottom up: the folder that others could enter changes hands last.
    for root, folders, files in os.walk(top, topdown=False):
        for name in (*folders, *files):
            os.chown(Path(root) / name, account.uid, account.gid, follow_symlinks=False)
    os.chown(top, account.uid, account.gid)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
