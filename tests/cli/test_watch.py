"""`livery contracts watch` as a process of its own, and saves as editors make them."""

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from livery.cli.scaffold import write_skill

WAIT_S = 240


class Watched:
    """The watching process; `until` waits for words, and forgets what came before them."""

    def __init__(self, folder, env, *words):
        command = [sys.executable, "-m", "livery", "contracts", "watch", str(folder), *words]
        self.process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def until(self, pattern):
        seen, deadline = "", time.monotonic() + WAIT_S
        while not re.search(pattern, seen):
            try:
                seen += self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"no {pattern!r} in:\n{seen}")
        return seen

    def end(self, sent=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(sent)
        return self.process.wait(WAIT_S)


@pytest.fixture
def folder(tmp_path):
    write_skill(tmp_path, "word-count", "me")
    return tmp_path / "word-count"


@pytest.fixture
def start(tmp_path):
    started = []
    env = {**os.environ, "LIVERY_HOME": str(tmp_path / "home"), "COLUMNS": "200"}

    def make(folder, *words):
        started.append(Watched(folder, env, *words))
        return started[-1]

    yield make
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


def children(pid):
    listed = subprocess.run(["ps", "-eo", "ppid=,pid="], capture_output=True, text=True, check=True)
    pairs = [line.split() for line in listed.stdout.splitlines()]
    return [int(child) for parent, child in pairs if int(parent) == pid]


def test_a_day_of_saves(start, folder):
    code, contract = folder / "scripts" / "skill.py", folder / "contract.yaml"
    sound, text = code.read_text(), contract.read_text()
    watched = start(folder, "--timeout", "20")
    watched.until("first check")
    watched.until(r"word-count@0.1.0: 5 passed, 0 failed")

    # An editor that writes beside and renames.
    beside = code.with_name("skill.py.new~")
    beside.write_text(sound.replace("text: str)", "text: str, least: int = 0)"))
    beside.replace(code)
    seen = watched.until(r"\d failed")
    assert "scripts/skill.py changed" in seen
    assert re.search(r"contract.yaml:\d+: /interface/input/properties/least", seen)

    # Half a file, then the rest of it.
    code.write_text(sound[: len(sound) // 2] + "(\n")
    assert re.search(r"scripts/skill.py:\d+: SyntaxError", watched.until(r"1 failed"))
    code.write_text(sound)
    watched.until(r"5 passed, 0 failed")

    contract.unlink()
    seen = watched.until(r"1 failed")
    assert "contract.yaml is gone" in seen
    assert "no contract.yaml" in seen
    contract.write_text(text)
    assert "contract.yaml is new" in watched.until(r"5 passed, 0 failed")

    # The same content saved again, and an editor's own files, are no change.
    code.write_text(sound)
    (folder / ".skill.py.swp").write_text("x")
    (folder / "note.md").write_text("x")
    assert "note.md is new\n" in watched.until(r"5 passed, 0 failed")

    assert watched.end() == 0
    assert not children(watched.process.pid)


def test_a_loop_is_ended_by_its_time_or_by_the_next_save(start, folder):
    code = folder / "scripts" / "skill.py"
    sound = code.read_text()
    code.write_text("while True: pass\n")
    watched = start(folder, "--timeout", "1")
    watched.until(r"it did not end within 1 s")
    watched.end()

    watched = start(folder, "--timeout", "600")
    watched.until("first check")
    code.write_text(sound)
    watched.until(r"5 passed, 0 failed")

    code.write_text("while True: pass\n")
    watched.until("scripts/skill.py changed")
    running = children(watched.process.pid)
    assert watched.end() == 0  # Ctrl-C in the middle of a check
    assert running
    assert not [pid for pid in running if _alive(pid)]


def test_a_loop_ends_with_a_watch_that_was_killed(start, folder):
    (folder / "scripts" / "skill.py").write_text("while True: pass\n")
    watched = start(folder, "--timeout", "600")
    watched.until("first check")
    deadline = time.monotonic() + WAIT_S
    while not (running := children(watched.process.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    watched.end(signal.SIGKILL)
    while any(_alive(pid) for pid in running):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_folder_that_goes_and_comes_back(start, folder, tmp_path):
    watched = start(folder)
    watched.until(r"5 passed, 0 failed")
    shutil.move(folder, tmp_path / "away")
    watched.until("empty or gone")
    shutil.move(tmp_path / "away", folder)
    watched.until(r"5 passed, 0 failed")
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "tests" / "cases.yaml").write_text("fixtures: []\n")
    shutil.rmtree(folder)
    shutil.move(other, folder)  # as `git switch` or an unzip may do it
    watched.until(r"3 passed, 0 failed")
    (folder / "SKILL.md").unlink()
    watched.until(r"missing_skill_md")
    assert watched.end() == 0


def test_once(start, folder):
    watched = start(folder, "--once")
    watched.until(r"5 passed, 0 failed")
    assert watched.process.wait(WAIT_S) == 0
    (folder / "tests" / "cases.yaml").write_text("fixtures:\n  - nonsense\n")
    watched = start(folder, "--once")
    watched.until(r"tests/cases.yaml:2: ")
    assert watched.process.wait(WAIT_S) == 1
    assert start(folder / "nowhere").process.wait(WAIT_S) == 2


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
