"""Processes that hold a server, as root and as an ordinary user."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.users import IS_ROOT, User, myself, ordinary_user

from livery.integrations.postgres import locks, stop
from livery.integrations.postgres.layout import Layout

_HOLDER = Path(__file__).with_name("holder.py")


class Actor:
    """Starts holders of one home and looks at what runs there."""

    def __init__(self, user: User, home: Path) -> None:
        self.user = user
        self.home = home
        self.layout = Layout.of(home)
        self._children: list[subprocess.Popen[str]] = []

    def spawn(self) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            [*self.user.python, str(_HOLDER), str(self.home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            **self.user.popen,
        )
        self._children.append(child)
        return child

    def report(self, child: "subprocess.Popen[str]") -> dict[str, Any]:
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line, "the holder ended without a report"
        report: dict[str, Any] = json.loads(line)
        return report

    def hold(self) -> "tuple[subprocess.Popen[str], dict[str, Any]]":
        child = self.spawn()
        report = self.report(child)
        assert "error" not in report, report
        return child, report

    def leave(self, child: "subprocess.Popen[str]") -> None:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(60) == 0

    def adopt(self, child: "subprocess.Popen[str]") -> None:
        """End `child` with the test."""
        self._children.append(child)

    def watchdog(self) -> psutil.Process:
        (found,) = [p for p in psutil.process_iter(["cmdline"]) if self._is_watchdog(p)]
        return found

    def postmaster(self) -> psutil.Process:
        (found,) = self.watchdog().children()
        return found

    def _is_watchdog(self, process: psutil.Process) -> bool:
        line = process.info["cmdline"] or []
        return "livery.integrations.postgres.watchdog" in line and str(self.home) in line

    def stopped(self) -> bool:
        return not locks.is_held(self.layout.server_lock) and not locks.is_held(
            self.layout.watchdog_lock
        )

    def end(self) -> None:
        for child in self._children:
            if child.poll() is None:
                child.kill()
                child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        time.sleep(0.05)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of ours that other users may enter."""
    made = Path(tempfile.mkdtemp(prefix="livery-pg-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
async def home(folder: Path) -> AsyncIterator[Path]:
    """A home that does not exist yet; its server is stopped afterwards."""
    place = folder / "home"
    yield place
    if Layout.of(place).pg.exists():
        assert await stop(place)


USERS = {"root": myself, "ordinary": ordinary_user} if IS_ROOT else {"ordinary": ordinary_user}


@pytest.fixture(params=list(USERS))
def actor(request: pytest.FixtureRequest, folder: Path) -> Iterator[Actor]:
    """A home and the processes that use it, once as root and once as an ordinary user."""
    user = USERS[request.param]()
    place = folder / "actor's home"
    place.mkdir(mode=0o700)
    os.chown(place, user.uid, -1)
    made = Actor(user, place)
    yield made
    made.end()
    if made.layout.pg.exists():
        assert asyncio.run(stop(place))
