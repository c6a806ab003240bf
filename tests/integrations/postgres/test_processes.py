"""Several processes, and their ends: as root and as an ordinary user."""

import os
import signal
import socket
import subprocess
from contextlib import suppress
from typing import Any

import asyncpg
import psutil
import pytest
from tests.support.users import IS_ROOT

from livery.integrations.postgres import is_running, stop
from livery.integrations.postgres.layout import SOCKET_NAME

from .conftest import Actor, wait_for


def test_two_processes_share_one_server_and_the_last_one_out_stops_it(actor: Actor) -> None:
    first, one = actor.hold()
    second, two = actor.hold()
    assert one["started"] == two["started"]
    actor.leave(first)
    assert is_running(actor.home)
    third, three = actor.hold()
    assert three["started"] == one["started"]
    actor.leave(second)
    actor.leave(third)
    wait_for(actor.stopped, "the server to stop")
    assert not is_running(actor.home)
    assert not list(actor.layout.holders.iterdir())


def test_processes_that_start_at_once_get_one_server(actor: Actor) -> None:
    children = [actor.spawn() for _ in range(4)]
    reports = [actor.report(child) for child in children]
    assert len({(r["identifier"], r["started"]) for r in reports}) == 1
    assert len(actor.watchdog().children()) == 1


def test_server_stops_after_its_holder_was_killed(actor: Actor) -> None:
    child, _ = actor.hold()
    child.kill()
    child.wait()
    wait_for(actor.stopped, "the server to stop")


def test_server_runs_as_a_user_without_rights(actor: Actor) -> None:
    actor.hold()
    uids = actor.postmaster().uids()
    assert uids.real == uids.effective == uids.saved != 0
    if actor.user.name == "ordinary":
        assert uids.real == actor.user.uid
    else:
        # nobody else's: no account and no other process has it
        assert actor.layout.cluster.stat().st_uid == uids.real
        assert uids.real >= 60000


async def test_kill_of_everything_loses_nothing_that_was_committed(actor: Actor) -> None:
    child, report = actor.hold()
    connection = await asyncpg.connect(report["dsn"])
    await connection.execute("create table kept (n int)")
    await connection.execute("insert into kept select generate_series(1, 1000)")
    server, watchdog = actor.postmaster(), actor.watchdog()
    everything = [watchdog, server, *server.children(recursive=True)]
    child.kill()
    for process in everything:
        with suppress(psutil.NoSuchProcess):  # the death of one may end another first
            process.kill()
    child.wait()
    connection.terminate()
    assert not is_running(actor.home)
    _, again = actor.hold()
    assert again["identifier"] == report["identifier"]
    assert again["started"] != report["started"]
    connection = await asyncpg.connect(again["dsn"])
    assert await connection.fetchval("select sum(n) from kept") == 500_500
    await connection.close()


async def test_a_killed_server_comes_back_while_it_is_held(actor: Actor) -> None:
    _, report = actor.hold()
    killed = actor.postmaster()
    killed.kill()
    wait_for(lambda: not killed.is_running(), "the server to die")
    _, after = actor.hold()  # waits for the new server
    assert after["started"] != report["started"]
    connection = await asyncpg.connect(report["dsn"])
    assert await connection.fetchval("select 1") == 1
    await connection.close()


def test_a_killed_watchdog_takes_the_server_along(actor: Actor) -> None:
    _, report = actor.hold()
    actor.watchdog().kill()
    wait_for(actor.stopped, "the server to stop")
    _, after = actor.hold()
    assert after["identifier"] == report["identifier"]
    assert after["started"] != report["started"]


def test_a_watchdog_that_is_terminated_shuts_down_cleanly(actor: Actor) -> None:
    actor.hold()
    actor.watchdog().send_signal(signal.SIGTERM)
    wait_for(actor.stopped, "the server to stop")
    assert "database system is shut down" in actor.layout.log.read_text()


@pytest.mark.parametrize("damage", ["reused pid", "cut short"])
def test_what_a_killed_server_left_is_not_called_alive(actor: Actor, damage: str) -> None:
    child, report = actor.hold()
    pid_file = actor.layout.data / "postmaster.pid"
    left = pid_file.read_text().splitlines()
    socket_lock = actor.layout.sockets / f"{SOCKET_NAME}.lock"
    lock_left = socket_lock.read_text().splitlines()
    server, watchdog = actor.postmaster(), actor.watchdog()
    everything = [watchdog, server, *server.children(recursive=True)]
    child.kill()
    for process in everything:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_for(actor.stopped, "everything to be gone")
    if damage == "reused pid":
        # A living process of the server's own user, which PostgreSQL by itself would believe.
        pid = str(_sleeper(actor))
        pid_file.write_text("\n".join([pid, *left[1:]]) + "\n")
        socket_lock.write_text("\n".join([pid, *lock_left[1:]]) + "\n")
    else:
        pid_file.write_text("")
        socket_lock.write_text("")
    assert not is_running(actor.home)
    _, after = actor.hold()
    assert after["identifier"] == report["identifier"]
    assert after["started"] != report["started"]


def _sleeper(actor: Actor) -> int:
    """The pid of a living process of the server's user."""
    owner = actor.layout.cluster.stat()
    switch: dict[str, Any] = {}
    if IS_ROOT:
        switch = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    sleeper = subprocess.Popen(["sleep", "300"], text=True, cwd="/", **switch)
    actor.adopt(sleeper)
    return sleeper.pid


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
def test_another_user_of_the_machine_cannot_connect(actor: Actor) -> None:
    actor.hold()
    stranger = 54_321 if actor.user.uid != 54_321 else 54_322
    path = str(actor.layout.sockets / SOCKET_NAME)
    assert _connects(path, 0)
    assert not _connects(path, stranger)


def test_nobody_else_can_enter_the_folders(actor: Actor) -> None:
    actor.hold()
    closed = [actor.layout.pg, actor.layout.cluster, actor.layout.data, actor.layout.sockets]
    assert {path.stat().st_mode & 0o777 for path in closed} == {0o700}
    assert actor.layout.superuser_key.stat().st_mode & 0o777 == 0o600
    assert actor.layout.superuser_key.stat().st_uid == actor.user.uid
    assert (actor.layout.sockets / SOCKET_NAME).stat().st_mode & 0o777 == 0o700


def _connects(path: str, uid: int) -> bool:
    child = os.fork()
    if child == 0:
        status = 2
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            with socket.socket(socket.AF_UNIX) as door:
                door.connect(path)
            status = 0
        except PermissionError:
            status = 1
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, 1}
    return code == 0


_ORPHAN = """
import os, sys, time
from pathlib import Path
from livery.integrations.postgres import server
from livery.integrations.postgres.account import server_account
from livery.integrations.postgres.binaries import server_bin_dir
from livery.integrations.postgres.layout import Layout
from livery.integrations.postgres.ping import Answer, ping

server._die_with_parent = lambda: None  # as where the kernel has no such service
layout = Layout.of(Path(sys.argv[1]))
account = server_account(layout)
running = server.Server(layout, server_bin_dir(account), account)
while ping(layout.client_socket_dir()) is not Answer.READY:
    time.sleep(0.02)
os._exit(0)
"""


@pytest.mark.parametrize("end", ["next start", "stop"])
async def test_a_server_without_watchdog_is_ended(actor: Actor, end: str) -> None:
    child, report = actor.hold()
    actor.leave(child)
    wait_for(actor.stopped, "the server to stop")
    subprocess.run(
        [*actor.user.python, "-c", _ORPHAN, str(actor.home)],
        check=True,
        cwd="/",
        timeout=60,
        **actor.user.popen,
    )
    assert is_running(actor.home)
    if end == "stop":
        assert await stop(actor.home)
        assert not is_running(actor.home)
    else:
        _, after = actor.hold()
        assert after["identifier"] == report["identifier"]
        assert actor.watchdog().children()
