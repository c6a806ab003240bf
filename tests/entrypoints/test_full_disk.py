"""A real full disk: a small tmpfs that is filled, and emptied again."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.entrypoints.test_up import PATIENCE_S, Livery, _free_pair

pytestmark = pytest.mark.long


@contextmanager
def _mounted(folder: Path, mib: int) -> Iterator[Path]:
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
    if subprocess.run(words, check=False, capture_output=True).returncode != 0:
        pytest.skip("A file system of its own can be mounted by root only.")
    try:
        yield folder
    finally:
        # What ran on it may take a moment to let go.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def full_home(tmp_path: Path) -> Iterator[Livery]:
    """A home on a disk of 400 MiB."""
    with _mounted(tmp_path / "disk", 400) as disk:
        livery = Livery(disk / "home", _free_pair())
        yield livery
        _filler(livery).unlink(missing_ok=True)
        livery("down")


def _filler(livery: Livery) -> Path:
    return livery.home.parent / "filler"


def _fill(livery: Livery, keep: int = 0) -> None:
    """Take all room on the disk but `keep` bytes."""
    with _filler(livery).open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(2**20)):
            pass
    size = _filler(livery).stat().st_size - keep
    with _filler(livery).open("r+b") as file:
        file.truncate(size)


def _http(livery: Livery) -> httpx.Client:
    token = (livery.home / "run" / "operator.token").read_text().strip()
    return httpx.Client(
        base_url=f"http://127.0.0.1:{livery.port}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=PATIENCE_S,
    )


def _until_ready(livery: Livery) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while livery.status()["ready"]["status"] != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_disk_that_is_full_is_said_and_left_behind(full_home: Livery) -> None:
    livery, words = full_home, ("run", "add", "--input", '{"a": 2, "b": 3}')
    pid = livery.up()["pid"]
    (livery.home / "none").mkdir()  # where its session logs are looked for
    _fill(livery)
    problem = livery.json(*words, "--idempotency-key", "kept", code=1)
    assert (problem["status"], problem["code"]) == (503, "unavailable")
    assert problem["detail"] == "The disk of the database is full."
    assert "Free space on the disk" in problem["remedy"]
    assert livery.json("digest", code=1)["detail"] == problem["detail"]
    with _http(livery) as http:
        answers = [
            http.post("/v1/runs", json={"skill_key": "add", "input": {"a": n, "b": 1}})
            for n in range(100)
        ]
        page = httpx.get(f"http://127.0.0.1:{livery.port}/v1/ready").json()
    assert {(a.status_code, a.json()["code"], a.headers["Retry-After"]) for a in answers} == {
        (503, "unavailable", "1")
    }
    assert page["checks"]["database"]["ok"] is False
    said = livery("status", code=1)
    assert "✗ database: The disk of the database is full: 0 MiB free" in said.stdout
    assert "Free space on the disk" in said.stderr
    assert "livery down" not in said.stderr  # starting again on a full disk helps nobody
    _filler(livery).unlink()
    assert livery.json(*words, "--idempotency-key", "kept")["result"] == 5
    _until_ready(livery)
    assert livery.json("status")["pid"] == pid
    assert livery.json("runs", "list", "--status", "running")["items"] == []
    assert livery.json("audit", "verify")["ok"] is True


def test_a_database_that_the_disk_has_stopped_comes_back(full_home: Livery) -> None:
    """PostgreSQL ends itself where it cannot add to its own journal, and cannot start until there is room."""
    livery = full_home
    pid = livery.up()["pid"]
    _fill(livery, keep=12 * 2**20)  # less than the next piece of its journal
    deadline, number = time.monotonic() + PATIENCE_S, 0
    log = livery.home / "logs" / "up.log"
    with _http(livery) as http:
        while log.read_text().count('"database_died"') < 3:
            assert time.monotonic() < deadline
            body = {"skill_key": "add", "input": {"a": number, "b": 1}}
            assert http.post("/v1/runs", json=body).status_code in (200, 503)
            number += 1
    status = livery.status()
    assert (status["pid"], status["ready"]["status"]) == (pid, "degraded")
    assert "nearly full" in status["ready"]["checks"]["database"]["detail"]
    _filler(livery).unlink()
    _until_ready(livery)
    assert livery.json("status")["pid"] == pid
    assert livery.json("run", "add", "--input", '{"a": 2, "b": 3}')["result"] == 5
    assert livery.json("audit", "verify")["ok"] is True


@pytest.mark.parametrize("mib", [5, 30])
def test_a_database_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path, mib: int) -> None:
    with _mounted(tmp_path / "disk", mib) as disk:
        livery = Livery(disk / "home", _free_pair())
        for words in (("run", "add"), ("up", "--detach", "--port", str(livery.port))):
            problem = livery.json(*words, code=1)
            assert problem["detail"].startswith("The database cannot start: the disk of")
            assert "\n" not in problem["detail"]
            assert "Free space on it" in problem["remedy"]


def test_a_start_on_a_full_disk_is_said(full_home: Livery) -> None:
    livery = full_home
    livery.up()
    livery("down")
    _fill(livery)
    for words in (("run", "add"), ("up", "--port", str(livery.port)), ("up", "--detach")):
        problem = livery.json(*words, code=1)
        assert "the disk of" in problem["detail"]
        assert "Free space on it" in problem["remedy"]
