"""Whether this home's platform runs, told from what a process left behind."""

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from livery.entrypoints.databases import prepare
from livery.entrypoints.local import process_start, server_info
from livery.entrypoints.settings import HomeRefused, Settings
from livery.entrypoints.updown import start_detached
from livery.integrations.postgres.errors import DatabaseHomeRefused


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("LIVERY_HOME", str(tmp_path))
    settings = Settings.read()
    settings.prepare()
    return settings


def _wrote(settings: Settings, pid: int) -> None:
    started = process_start(pid)
    (settings.run_dir / "server.json").write_text(json.dumps({"pid": pid, "pid_started": started}))


def test_a_killed_server_that_nobody_has_waited_for_does_not_run(settings: Settings) -> None:
    # An init that does not reap (a container's) leaves a killed supervisor in just this state.
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        _wrote(settings, child.pid)
        assert server_info(settings) is not None
        child.kill()
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert server_info(settings) is None
    finally:
        child.kill()
        child.communicate()
    assert server_info(settings) is None


def test_another_process_with_the_same_id_is_not_the_server(settings: Settings) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        path = settings.run_dir / "server.json"
        path.write_text(json.dumps({"pid": child.pid, "pid_started": "1"}))
        assert server_info(settings) is None
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("below", ["", "/deep/er"])
@pytest.mark.parametrize("words", [["status"], ["down"], ["up", "--detach"], ["skills", "list"]])
def test_a_home_that_is_a_file_is_refused_in_a_sentence(
    tmp_path: Path, below: str, words: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    code, problem = _refused(f"{tmp_path}/file{below}", *words)
    assert (code, problem["code"]) == (1, "configuration_error")
    assert f"{tmp_path}/file is a file" in problem["detail"]
    assert "LIVERY_HOME" in problem["remedy"]


def test_a_home_that_cannot_be_made_is_refused_in_a_sentence() -> None:
    code, problem = _refused("/proc/livery", "up", "--detach")  # root may not write there either
    assert (code, problem["code"]) == (1, "configuration_error")
    assert "/proc/livery cannot be made" in problem["detail"]
    assert "LIVERY_HOME" in problem["remedy"]


def test_a_home_that_may_not_be_written_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda place, mode: place != settings.keys_dir)
    with pytest.raises(HomeRefused, match=r"may not write in .*keys"):
        settings.prepare()


def test_a_user_without_a_name_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    home = tmp_path / "home"
    settings = Settings.read({"LIVERY_HOME": str(home)})
    for start in (prepare, start_detached):
        with pytest.raises(DatabaseHomeRefused, match="user 12345 has no name") as refused:
            start(settings)
        assert "/etc/passwd" in refused.value.remedy
        assert not home.exists()
    # With a database elsewhere, or one that is there already, no name is asked for.
    prepare(Settings.read({"LIVERY_HOME": str(home), "LIVERY_DATABASE_URL": "postgresql://x"}))
    (home / "pg" / "cluster").mkdir(parents=True)
    prepare(settings)


def _refused(home: str, *words: str) -> tuple[int, dict[str, str]]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LIVERY_")}
    done = subprocess.run(
        [sys.executable, "-m", "livery", *words, "--json"],
        check=False,
        env={**kept, "LIVERY_HOME": home},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout)
