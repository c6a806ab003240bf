"""The commands on the real platform, embedded for one command each: nothing is left running."""

import json
import subprocess
import time
from datetime import date

import pytest
from typer.testing import CliRunner

from livery.cli import build_cli
from livery.client.session_logs.sample import write_sample_week
from livery.entrypoints.local import open_client

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def livery(home):
    app = build_cli(open_client)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_the_life_of_a_digest(livery, home, tmp_path):
    logs, out = tmp_path / "logs", tmp_path / "out"
    write_sample_week(logs, date(2026, 11, 9))
    with next(logs.rglob("*.jsonl")).open("ab") as file:
        file.write(b'{"type": "user", "half')
    words = ("--path", logs, "--from", "2026-11-09", "--to", "2026-11-16")

    found = livery("digest", *words, "--json", "--out", out)
    assert found.exit_code == 0, found.output
    digest = json.loads(found.stdout)
    assert digest["sessions"]["total"] > 0
    assert digest["provenance"]["state"] == "verified"
    assert [line["reason"] for line in digest["bad_lines"]] != []
    assert (out / "chart.png").read_bytes()[:4] == b"\x89PNG"

    assert livery("verify", out / "digest.md").exit_code == 0

    # Again: nothing new is read, and the numbers are the same.
    again = livery("digest", *words)
    assert again.exit_code == 0, again.output
    assert "0 facts added" in again.stderr
    assert f"{digest['sessions']['total']} sessions" in again.stdout
    folders = list((home / "digests").iterdir())
    assert len(folders) == 1
    assert (folders[0] / "digest.md").exists()

    journal = tmp_path / "journal.ndjson"
    assert livery("audit", "export", "--out", journal).exit_code == 0
    assert livery("verify", journal).exit_code == 0
    assert _left_running(home) == []


def _left_running(home):
    # The watchdog of the database notices its end within a moment.
    deadline = time.monotonic() + 120
    while (found := _processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _processes_of(home):
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(home) in line]
