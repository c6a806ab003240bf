"""Whatever Livery makes in its home is its owner's alone: open umask, open home, made before."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.entrypoints.test_up import _free_pair

from livery.cli import findings
from livery.cli.findings import FAIL
from livery.client.session_logs.sample import write_sample_week
from livery.private import private_folder, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_a_private_folder_and_what_is_missing_above_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    private_folder(home / "cache" / "data" / "segments")
    for name in ("cache", "cache/data", "cache/data/segments"):
        assert mode(home / name) == 0o700
    assert mode(home) == 0o755
    (home / "digests").mkdir(mode=0o777)
    assert mode(private_folder(home / "digests")) == 0o700
    file = home / "digests" / "a"
    file.write_bytes(b"older")
    write_private(file, b"new")
    assert (mode(file), file.read_bytes()) == (0o600, b"new")
    (home / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        private_folder(home / "file" / "below")


def test_doctor_names_folders_that_are_too_open(tmp_path: Path) -> None:
    for name in ("digests/week", "cache/data/segments"):
        private_folder(tmp_path / name)
    assert findings.permissions(tmp_path).level == "ok"
    for name in ("digests/week", "cache/data"):
        (tmp_path / name).chmod(0o755)
        found = findings.permissions(tmp_path)
        assert found.level == FAIL
        assert str(tmp_path / name) in found.remedy
        (tmp_path / name).chmod(0o700)


def test_everything_in_the_home_is_ours_alone(tmp_path: Path) -> None:
    home, logs = tmp_path / "home", tmp_path / "logs"
    for folder in (home, home / "cache", home / "digests"):
        folder.mkdir()
        folder.chmod(0o755)
    write_sample_week(logs, date(2026, 11, 9))
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LIVERY_")}

    def livery(*words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "livery", *words],
            check=False, env={**kept, "LIVERY_HOME": str(home)}, capture_output=True, text=True,
            timeout=120, umask=0,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    digest = ("digest", "--path", str(logs), "--from", "2026-11-09")
    livery(*digest)
    seen = _open_to_others(home)
    livery("up", "--detach", "--port", str(_free_pair()))
    try:
        livery(*digest)
        seen |= _open_to_others(home)
    finally:
        livery("down")
    assert sorted(seen) == []
    assert list(home.glob("digests/*/digest.md"))
    assert list(home.glob("cache/data/window-*.duckdb"))


def _open_to_others(home: Path) -> set[str]:
    found = set()
    for folder, folders, files in os.walk(home):
        for name in (*folders, *files):
            path = Path(folder, name)
            kind = path.lstat().st_mode
            # A link has no mode of its own; a socket is reached through its folder only.
            if not stat.S_ISLNK(kind) and not stat.S_ISSOCK(kind) and kind & 0o077:
                found.add(f"{path.relative_to(home)} {stat.S_IMODE(kind):o}")
    return found
