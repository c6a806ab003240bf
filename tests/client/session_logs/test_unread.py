"""What cannot be read is named with its reason, and what is no file is never opened."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from livery.client.session_logs.batches import plan_reads
from livery.client.session_logs.discovery import find_logs
from livery.client.session_logs.reader import FileCursor, open_log

SHOWN = """
import sys
from pathlib import Path
from livery.client.session_logs.discovery import find_logs
found = find_logs([Path(sys.argv[1])])
print([log.label for log in found], [(p.file, p.line, p.reason) for p in found.unread])
"""


def found_by_an_ordinary_user(folder: Path) -> str:
    """Root may read everything, so that another user has to look."""
    words = [sys.executable, "-c", SHOWN, str(folder)]
    if os.geteuid() == 0:
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0 and os.geteuid() == 0:
        pytest.skip(f"no other user can run this interpreter: {done.stderr[-200:]}")
    return done.stdout


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(0o755)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "s.jsonl").write_text("{}\n")
    (tmp_path / "closed").chmod(0)
    return tmp_path


def test_a_closed_folder_is_named(logs: Path) -> None:
    assert found_by_an_ordinary_user(logs) == (
        "[] [('closed/', 0, 'cannot be read: Permission denied')]\n"
    )
    (logs / "open.jsonl").write_text("{}\n")
    assert found_by_an_ordinary_user(logs).startswith("['open.jsonl'] [('closed/', 0,")
    assert "Permission denied" in found_by_an_ordinary_user(logs / "closed")


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's whole path is often too long
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "is a named pipe; not opened"),
        (_socket, "is a socket; not opened"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device; not opened"),
        (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file or directory"),
    ],
)
@pytest.mark.timeout(20)
def test_what_is_no_file(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    path = tmp_path / "s.jsonl"
    make(path)
    for place in (tmp_path, path) if path.exists() else (tmp_path,):
        found = find_logs([place])
        assert [(p.file, p.line, p.reason) for p in found.unread] == [("s.jsonl", 0, reason)]
        assert list(found) == []


@pytest.mark.timeout(20)
def test_a_file_that_became_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text("{}\n")
    logs = find_logs([tmp_path])
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="no regular file"):
        open_log(path)
    from livery.client.session_logs.reader import file_id

    known = {file_id(path): FileCursor(file_id(path), "s.jsonl", offset=2)}
    plans, closed = plan_reads(logs, known)
    assert plans == []
    assert "no regular file" in closed[0].reason
