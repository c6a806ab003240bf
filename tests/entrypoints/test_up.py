"""`livery up`, as a person and a crash would use it: real processes, a real home."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from livery.entrypoints import updown
from livery.entrypoints.settings import Settings
from livery.manifest.errors import LiveryError

PATIENCE_S = 240
"""Until a wait is given up: what is asserted is that it happens, not how fast a busy machine is."""
WATCHDOG = "livery.integrations.postgres.watchdog"


class Livery:
    """The command in a home of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        kept = {k: v for k, v in os.environ.items() if not k.startswith("LIVERY_")}
        self.environ = {**kept, "LIVERY_HOME": str(home), "LIVERY_SESSION_LOGS": str(home / "none")}

    def __call__(
        self, *words: str, code: int = 0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "livery", *words],
            check=False,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def json(self, *words: str, code: int = 0, stdin: str = "") -> Any:
        return json.loads(self(*words, "--json", code=code, stdin=stdin).stdout)

    def up(self) -> Any:
        return self.json("up", "--port", str(self.port), "--detach")

    def status(self) -> Any:
        """What `status` says; it exits 0 where the platform is ready, and 1 where it is not."""
        done = self.start("status", "--json")
        said, _ = done.communicate(timeout=PATIENCE_S)
        document = json.loads(said)
        is_ready = document["running"] and document["ready"]["status"] == "ready"
        assert done.returncode == (0 if is_ready else 1), said
        return document

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "livery", *words],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def database(self) -> psutil.Process:
        """The watchdog of this home's PostgreSQL."""
        return next(
            process
            for process in psutil.process_iter(["cmdline"])
            if (process.info["cmdline"] or [])[-2:] == [WATCHDOG, str(self.home)]
        )


def _free_pair() -> int:
    for port in range(18700 + os.getpid() % 500 * 10, 65000, 10):
        with suppress(OSError):
            for offset in (0, 1):
                with socket.create_server(("127.0.0.1", port + offset)):
                    pass
            return port
    raise AssertionError("no free ports")


@pytest.fixture
def livery(tmp_path: Path) -> Iterator[Livery]:
    livery = Livery(tmp_path / "home", _free_pair())
    yield livery
    livery("down")


def _gone(pids: list[int], within_s: float = PATIENCE_S) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not any(_alive(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


def _alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def _tree(pid: int) -> list[int]:
    root = psutil.Process(pid)
    return [root.pid, *(child.pid for child in root.children(recursive=True))]


def _postgres(home: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if str(home) in " ".join(process.info["cmdline"] or []) and process.pid != os.getpid()
    ]


def test_up_status_run_down(livery: Livery) -> None:
    info = livery.up()
    assert info["url"] == f"http://127.0.0.1:{livery.port}"
    assert set(info["processes"]) == {"vault", "api", "portal", "worker"}
    status = livery.json("status")
    assert status["running"] is True
    assert status["ready"]["status"] == "ready"
    envelope = livery.json("run", "add", "--input", '{"a": 2, "b": 3}')
    assert (envelope["ok"], envelope["result"]) == (True, 5)
    denied = livery.json("run", "add", "--input", '{"a": "x", "b": 3}', code=3)
    assert denied["code"] == "tool_input_invalid"
    token = livery.json("token", "new", "--role", "auditor")["token"]
    assert token.startswith("lvy_")
    livery.json("agents", "hire", "analytics.weekly_digest.v1", "-w", "default", "--name", "Ana")
    by_name = livery.json("token", "new", "--role", "agent", "--agent", "Ana")
    assert by_name["token"].startswith("lvy_")
    unknown = livery.json("token", "new", "--role", "agent", "--agent", "Bob", code=2)
    assert "livery agents list" in unknown["remedy"]
    words = ("credentials", "add", "webhook-signing", "--label", "hooks")
    kept = livery.json(*words, stdin='{"signing_secret": "hunter2-hunter2"}')
    assert kept["credential_ref"].startswith("cred_")
    assert livery.json("credentials", "list")["items"] == [kept]
    assert "hunter2" not in livery("credentials", "list").stdout
    livery(*words, code=2)
    assert livery.json("credentials", "revoke", kept["credential_ref"])["status"] == "revoked"
    again = livery.up()
    assert again["pid"] == info["pid"]
    pids = _tree(info["pid"])
    assert livery.json("down") == {"stopped": True}
    assert _gone(pids)
    assert livery.json("down") == {"stopped": False}
    assert livery.json("status", code=1)["running"] is False


def test_no_process_sees_more_than_its_own_database(livery: Livery) -> None:
    pids = livery.up()["processes"]
    seen = {name: psutil.Process(pid).environ() for name, pid in pids.items() if name != "vault"}
    assert "LIVERY_DATABASE_URL" not in seen["portal"]
    assert "://livery_api:" in seen["api"]["LIVERY_DATABASE_URL"]
    assert "://livery_worker:" in seen["worker"]["LIVERY_DATABASE_URL"]


@pytest.mark.long
@pytest.mark.parametrize("name", ["api", "portal", "worker", "vault"])
def test_a_killed_process_is_started_again(livery: Livery, name: str) -> None:
    before = livery.up()["processes"]
    os.kill(before[name], signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        status = livery.status()
        if status["processes"][name] != before[name] and status["ready"]["status"] == "ready":
            break
        assert time.monotonic() < deadline, status
        time.sleep(0.3)
    envelope = livery.json("run", "add", "--input", '{"a": 40, "b": 2}')
    assert envelope["result"] == 42


@pytest.mark.long
def test_a_killed_tree_leaves_nothing_and_starts_again(livery: Livery) -> None:
    info = livery.up()
    livery.json("run", "add", "--input", '{"a": 1, "b": 1}', "--idempotency-key", "kept")
    pids = _tree(info["pid"])
    os.kill(info["pid"], signal.SIGKILL)
    assert _gone(pids)
    assert livery.json("status", code=1)["running"] is False
    second = livery.up()
    assert second["pid"] != info["pid"]
    replayed = livery.json("run", "add", "--input", '{"a": 1, "b": 1}', "--idempotency-key", "kept")
    assert replayed["from_cache"] is True
    assert livery.json("audit", "verify")["ok"] is True


def test_a_taken_port_is_said_plainly(livery: Livery) -> None:
    with socket.create_server(("127.0.0.1", livery.port)):
        done = livery("up", "--port", str(livery.port), "--detach", code=1)
    assert str(livery.port) in done.stderr
    assert "Traceback" not in done.stderr
    assert not _postgres(livery.home) or _gone(_postgres(livery.home))


def test_a_command_without_a_server_leaves_nothing_behind(livery: Livery) -> None:
    envelope = livery.json("run", "add", "--input", '{"a": 2, "b": 3}')
    assert envelope["result"] == 5
    assert _gone(_postgres(livery.home))
    assert livery.json("status", code=1)["running"] is False


@pytest.mark.long
def test_a_database_whose_watchdog_was_killed_comes_back(livery: Livery) -> None:
    info = livery.up()
    livery.json("run", "add", "--input", '{"a": 1, "b": 1}', "--idempotency-key", "kept")
    token = (livery.home / "run" / "operator.token").read_text().strip()
    watchdog = livery.database()
    server = watchdog.children()[0]
    watchdog.kill()
    seen, deadline = [], time.monotonic() + PATIENCE_S
    with httpx.Client(
        base_url=info["url"], headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_S
    ) as http:
        while not seen or seen[-1].status_code != 200 or server.is_running():
            assert time.monotonic() < deadline, seen[-1].text
            answer = http.get("/v1/runs")
            called = http.post("/v1/runs", json={"skill_key": "add", "input": {"a": 40, "b": 2}})
            seen += [answer, called]
            time.sleep(0.05)
    refused = [answer for answer in seen if answer.status_code != 200]
    assert {(a.status_code, a.json()["code"]) for a in refused} <= {(503, "unavailable")}
    assert all(a.headers["Retry-After"] for a in refused)
    assert all("Repeat the call" in a.json()["remedy"] for a in refused)
    again = livery.up()  # returns when it is ready
    assert (again["pid"], again["processes"]) == (info["pid"], info["processes"])
    assert livery.status()["ready"]["status"] == "ready"
    replayed = livery.json("run", "add", "--input", '{"a": 1, "b": 1}', "--idempotency-key", "kept")
    assert replayed["from_cache"] is True
    assert livery.database().pid != watchdog.pid
    assert livery.json("audit", "verify")["ok"] is True
    livery.json("down")
    assert _gone(_postgres(livery.home))


@pytest.mark.long
def test_what_is_not_ready_is_not_called_up(
    livery: Livery, monkeypatch: pytest.MonkeyPatch
) -> None:
    livery.up()
    watchdog = livery.database()
    watchdog.suspend()  # it lives, and does nothing: nobody brings the server back
    try:
        server = watchdog.children()[0]
        server.send_signal(signal.SIGQUIT)
        status = livery.status()
        assert (status["running"], status["ready"]["status"]) == (True, "degraded")
        assert status["ready"]["checks"]["database"]["ok"] is False
        assert "livery down" in livery("status", code=1).stderr
        monkeypatch.setattr(updown, "_PATIENCE_S", 0)
        with pytest.raises(LiveryError, match="not ready: database") as refused:
            updown.start_detached(Settings.read({"LIVERY_HOME": str(livery.home)}))
        assert (refused.value.code, "livery down" in refused.value.remedy) == ("unavailable", True)
        failed = livery.json("run", "add", "--input", '{"a": 2, "b": 3}', code=1)
        assert failed["code"] == "unavailable"
    finally:
        watchdog.resume()


@pytest.mark.long
def test_two_starts_at_once_end_with_one_platform(livery: Livery) -> None:
    words = ("up", "--port", str(livery.port), "--detach", "--json")
    both = [livery.start(*words), livery.start(*words)]
    said = [json.loads(one.communicate(timeout=PATIENCE_S)[0]) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert said[0]["pid"] == said[1]["pid"]


@pytest.mark.long
def test_a_taken_port_of_the_portal_is_the_one_that_is_named(livery: Livery) -> None:
    with socket.create_server(("127.0.0.1", livery.port + 1)):
        problem = livery.json("up", "--port", str(livery.port), "--detach", code=1)
    assert f"port {livery.port + 1}" in problem["detail"]
    assert f"is port {livery.port + 1} free" in problem["remedy"]


@pytest.mark.long
@pytest.mark.parametrize("after", ["at once", "while it imports", "while it starts"])
def test_an_interrupted_start_leaves_nothing_and_says_so(livery: Livery, after: str) -> None:
    demo = livery.start("demo", "--port", str(livery.port))
    if after == "while it starts":
        deadline = time.monotonic() + PATIENCE_S
        while not (livery.home / "pg").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    else:
        _until_main_runs(demo.pid)
        time.sleep(0.0 if after == "at once" else 0.5)
    demo.send_signal(signal.SIGINT)
    out, err = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 130, out + err
    assert "Traceback" not in err
    assert "Interrupted." in err
    if after == "while it starts":
        assert "nothing is left running" in err
    assert _gone(_postgres(livery.home))
    assert livery.json("status", code=1)["running"] is False


def _until_main_runs(pid: int) -> None:
    """Until our code is in charge of SIGINT: nothing else loads a library that was installed, but for a tracer's."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        maps = Path(f"/proc/{pid}/maps").read_text(errors="replace")
        if any(
            "/site-packages/" in line and "/coverage/" not in line for line in maps.splitlines()
        ):
            return
        time.sleep(0.005)
