"""`livery token link`: an address that signs a browser in, for a platform that runs, and none else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from livery.entrypoints import portal
from livery.entrypoints.local import process_start


def livery(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LIVERY_")}
    return subprocess.run(
        [sys.executable, "-m", "livery", *words],
        check=False,
        env={**kept, "LIVERY_HOME": str(home), "LIVERY_SESSION_LOGS": str(home / "none")},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a platform that runs: this process stands for it."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    info = {
        "pid": os.getpid(),
        "pid_started": process_start(os.getpid()),
        "url": "http://127.0.0.1:8700",
        "portal_url": "https://ops.example",
    }
    (run / "server.json").write_text(json.dumps(info))
    (run / "operator.token").write_text("token-of-the-operator\n")
    return tmp_path


def test_the_address_signs_in_once(home: Path) -> None:
    done = livery(home, "token", "link", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads(done.stdout)
    address, _, code = made["url"].partition("?code=")
    assert (address, made["expires_in_s"]) == ("https://ops.example/sign-in", portal.CODE_S)
    assert portal.redeem_code(home, code) == "token-of-the-operator"
    assert portal.redeem_code(home, code) is None


def test_for_people_the_address_alone_is_the_answer(home: Path) -> None:
    done = livery(home, "token", "link")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith("https://ops.example/sign-in?code=")
    assert "once, within 10 minutes" in done.stderr
    assert "token-of-the-operator" not in done.stdout + done.stderr


@pytest.mark.parametrize("left_behind", [True, False], ids=["it died", "never"])
def test_where_nothing_runs_there_is_no_link(home: Path, left_behind: bool) -> None:
    server = home / "run" / "server.json"
    if left_behind:
        info = json.loads(server.read_text())
        server.write_text(json.dumps({**info, "pid_started": "1"}))
    else:
        server.unlink()
    done = livery(home, "token", "link", "--json")
    assert done.returncode == 1
    problem = json.loads(done.stdout)
    assert problem["code"] == "unavailable"
    assert str(home) in problem["detail"]
    assert "livery up --detach" in problem["remedy"]
    assert not (home / "run" / "sign-in").exists()


def test_a_home_without_its_token_says_so(home: Path) -> None:
    (home / "run" / "operator.token").unlink()
    done = livery(home, "token", "link", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["code"] == "unauthenticated"
