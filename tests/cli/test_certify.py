"""`skills certify` and `jobs` on the real platform, embedded for one command each: no worker, nothing left running."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.jobs import SLEEPS
from tests.support.skills import NOTHING, package
from typer.testing import CliRunner

from livery.cli import build_cli
from livery.cli.screen import Screen
from livery.cli.skills_certify import checklist
from livery.entrypoints.local import open_client
from livery.services.certification import certify

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def livery(home):
    app = build_cli(open_client)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def _write(folder: Path, name: str, **options: Any) -> Path:
    for file in package(name, **options):
        path = folder / name / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    return folder / name


def test_certify_by_key_and_version_then_all_that_waits(livery, tmp_path):
    slow = ({"name": "sleeps", "input": {"seconds": 0.2}, "output": 1},)
    _write(tmp_path, "first", code=SLEEPS, fixtures=slow)
    _write(tmp_path, "second")
    _write(tmp_path, "wrong", fixtures=({**NOTHING, "output": 2},))
    added = livery("skills", "add", tmp_path, "--json")
    assert added.exit_code == 0, added.output

    found = livery("skills", "certify", "first@1.0.0", "--json")
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert list(document) == ["key", "version", "digest", "status", "checks", "certificate"]
    for check in document["checks"]:
        assert list(check) == ["name", "verdict", "duration_ms", "findings"]
    assert (document["key"], document["version"], document["status"]) == (
        "first", "1.0.0", "certified",
    )  # fmt: skip
    assert document["certificate"]["state"] == "valid"
    assert (
        json.loads(livery("skills", "certify", "first", "--no-wait", "--json").stdout) == document
    )

    every = livery("skills", "certify", "--all", "--json")
    assert every.exit_code == 1, every.output
    certified = {item["key"]: item["status"] for item in json.loads(every.stdout)["items"]}
    assert certified == {"second": "certified", "wrong": "pending_certification"}
    assert json.loads(every.stdout)["failed"] == []
    people = livery("skills", "certify", "--all")
    assert people.exit_code == 1
    assert "wrong" in people.stdout
    assert "0 of 1 certified" in people.stderr
    assert livery("skills", "certify", "wrong", "--json").exit_code == 1

    jobs = json.loads(livery("skills", "jobs", "--json").stdout)["items"]
    assert {job["key"] for job in jobs} == {"first", "second", "wrong"}
    assert {job["state"] for job in jobs} == {"done"}
    assert "first" in livery("skills", "jobs", "--state", "done").stdout


def test_what_lapsed_and_fails_now_is_not_called_certified(livery, tmp_path, monkeypatch):
    there = tmp_path / "there"
    there.touch()
    code = f"import pathlib; result = int(pathlib.Path({str(there)!r}).exists())"
    _write(tmp_path / "skills", "breaks", fixtures=({**NOTHING, "input": {"code": code}},))
    _write(tmp_path / "skills", "lapses")
    assert livery("skills", "add", tmp_path / "skills").exit_code == 0
    with monkeypatch.context() as patch:
        patch.setattr(certify, "LIFETIME", timedelta(0))
        for name in ("breaks", "lapses"):
            assert livery("skills", "certify", name).exit_code == 0
    there.unlink()
    found = livery("skills", "certify", "breaks", "--json")
    assert found.exit_code == 1, found.output
    document = json.loads(found.stdout)
    assert list(document) == ["key", "version", "digest", "status", "checks", "certificate"]
    assert (document["status"], document["certificate"]) == ("stale", None)
    assert "fail" in {check["verdict"] for check in document["checks"]}
    people = livery("skills", "certify", "breaks")
    assert people.exit_code == 1
    assert "! breaks@1.0.0 · stale" in people.stdout
    there.touch()
    every = livery("skills", "certify", "--all", "--json")
    assert every.exit_code == 0, every.output
    items = json.loads(every.stdout)["items"]
    certified = {item["key"]: item["certificate"]["state"] for item in items}
    assert certified == {"breaks": "valid", "lapses": "valid"}
    assert json.loads(livery("skills", "certify", "--all", "--json").stdout)["items"] == []


def test_without_waiting_the_job_is_printed_and_still_done(livery, tmp_path):
    _write(tmp_path, "later")
    assert livery("skills", "add", tmp_path / "later").exit_code == 0
    asked = livery("skills", "certify", "later", "--no-wait", "--json")
    assert asked.exit_code == 0, asked.output
    job = json.loads(asked.stdout)
    assert job["state"] in ("queued", "running")
    assert job["progress"].keys() == {"done", "total", "current"}
    shown = json.loads(livery("skills", "jobs", "--json").stdout)["items"]
    assert [(item["job_id"], item["state"]) for item in shown] == [(job["job_id"], "done")]


def test_a_key_or_all_and_not_both(livery):
    for words in ((), ("add", "--all"), ("--all", "--no-wait")):
        assert livery("skills", "certify", *words).exit_code == 2


def test_the_list_of_checks_shows_what_is_done_and_what_runs(capsys):
    check = {
        "name": "static",
        "verdict": "pass",
        "summary": "declared: nothing",
        "duration_ms": 1.5,
    }
    job = {
        "state": "running",
        "checks": [check, {**check, "name": "security", "verdict": "fail"}],
        "progress": {"done": 2, "total": 6, "current": "fixtures"},
    }
    Screen().show(checklist(job))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["✓", "static", "declared:", "nothing", "1.5", "ms"]
    assert lines[1].startswith("✗")
    assert "fixtures" in lines[2]
    assert "2 of 6" in lines[2]
