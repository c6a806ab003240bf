import os
import pwd
import shutil
from pathlib import Path

import pytest
from tests.support.users import IS_ROOT

from livery.integrations.postgres import binaries
from livery.integrations.postgres.account import Account, initdb_account, server_account
from livery.integrations.postgres.binaries import server_bin_dir, tool
from livery.integrations.postgres.cluster import ensure_cluster
from livery.integrations.postgres.errors import DatabaseHomeRefused
from livery.integrations.postgres.layout import Layout

needs_root = pytest.mark.skipif(not IS_ROOT, reason="concerns root only")


@needs_root
def test_root_gives_the_cluster_a_user_that_nobody_else_has(folder: Path) -> None:
    account = server_account(Layout.of(folder))
    assert account.switch
    assert account.uid == account.gid
    with pytest.raises(KeyError):
        pwd.getpwuid(account.uid)
    assert server_account(Layout.of(folder)) == account


@needs_root
def test_a_cluster_keeps_its_user(folder: Path) -> None:
    layout = Layout.of(folder)
    layout.cluster.mkdir(parents=True)
    os.chown(layout.cluster, 60_999, 60_998)
    assert server_account(layout) == Account(60_999, 60_998, switch=True)
    os.chown(layout.cluster, 0, 0)
    with pytest.raises(DatabaseHomeRefused, match="root"):
        server_account(layout)


@needs_root
def test_initdb_runs_in_a_group_that_nobody_else_has() -> None:
    maker = initdb_account(Account(60_999, 60_998, switch=True))
    assert (maker.uid, maker.gid) == (pwd.getpwnam("nobody").pw_uid, 60_998)


def test_an_ordinary_user_stays_himself() -> None:
    account = Account(os.geteuid(), os.getegid(), switch=False)
    assert account.popen() == {}
    assert initdb_account(account) is account
    assert server_bin_dir(account) == binaries.bin_dir()


def test_the_programs_are_those_of_version_18() -> None:
    assert tool("pg_dump").is_file()
    assert tool("pg_dump").parent.parent.name == "pginstall18"


@needs_root
def test_programs_in_a_closed_folder_are_copied_to_an_open_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    site = binaries.bin_dir().parents[2]
    for part in binaries._SERVER_PARTS:
        if (site / part).exists():
            shutil.copytree(site / part, closed / part)
    hidden = closed / binaries._PACKAGE / binaries._INSTALL / "bin"
    monkeypatch.setattr(binaries, "bin_dir", lambda: hidden)
    shared = folder / "shared"
    shared.mkdir()
    monkeypatch.setattr(binaries, "SHARED_PLACES", (folder / "missing", shared))
    account = Account(60_999, 60_999, switch=True)
    copied = server_bin_dir(account)
    assert copied.is_relative_to(shared)
    assert closed.stat().st_mode & 0o777 == 0o700
    (top,) = shared.iterdir()
    stamp = (copied / "postgres").stat()
    assert server_bin_dir(account) == copied  # not copied again
    assert (copied / "postgres").stat().st_ino == stamp.st_ino
    layout = Layout.of(folder / "home")
    layout.prepare()
    ensure_cluster(layout, copied, account)  # the copy is complete
    assert (layout.data / "PG_VERSION").read_text() == "18\n"
    top.chmod(0o777)
    with pytest.raises(DatabaseHomeRefused):  # anybody could have changed it
        server_bin_dir(account)


def test_a_missing_wheel_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_PACKAGE", "no_such_package")
    binaries.bin_dir.cache_clear()
    try:
        with pytest.raises(DatabaseHomeRefused, match="not installed"):
            binaries.bin_dir()
    finally:
        monkeypatch.undo()
        binaries.bin_dir.cache_clear()
