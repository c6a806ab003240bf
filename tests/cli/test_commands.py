"""The other commands: every one answers people, and one JSON document to programs."""

import json
import zipfile
from io import BytesIO

import pytest

EVERY_JSON = [
    ("skills", "list"),
    ("skills", "show", "add"),
    ("skills", "certify", "add"),
    ("skills", "revoke", "add", "1.0.0", "--reason", "wrong"),
    ("runs", "list"),
    ("runs", "show", "r"),
    ("audit", "tail"),
    ("audit", "verify"),
    ("agents", "list"),
    ("agents", "hire", "analytics.weekly_digest.v1", "--workspace", "acme"),
    ("agent-types", "list"),
    ("workspaces", "list"),
    ("workspaces", "create", "Acme Ltd"),
    ("artifacts", "list"),
    ("doctor",),
]


@pytest.mark.parametrize("words", EVERY_JSON, ids=" ".join)
def test_json_is_one_document(livery, words):
    found = livery(*words, "--json")
    assert (found.exit_code, found.stderr) == (0, "")
    assert isinstance(json.loads(found.stdout), dict)


@pytest.mark.parametrize("words", EVERY_JSON, ids=" ".join)
@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_people_get_text_that_fits(livery, words, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    found = livery(*words)
    assert found.exit_code == 0
    assert found.output.strip()
    assert max(map(len, found.stdout.splitlines()), default=0) <= int(columns)
    assert "Traceback" not in found.output
    assert "\x1b" not in found.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("skills", "list"), ["add", "subtract", "certified", "Adds two numbers."]),
        (("skills", "show", "add"), ["✓ add@1.0.0 · certified", "network: api.example.org"]),
        (("skills", "certify", "add"), ["✓ add@1.0.0 · certified", "fixtures", "2 of 2"]),
        (("runs", "list"), ["denied", "skill_revoked", "run-19"]),
        (("runs", "show", "r"), ["DENIED · skill_revoked", '"a": 1', "token:1"]),
        (("audit", "tail"), ["run.denied", "skill_revoked", "cor-1"]),
        (("audit", "verify"), ["c1", "Nothing was removed or changed."]),
        (("agents", "list"), ["Analyst", "acme", "weekly-digest@1.0.0"]),
        (("agent-types", "list"), ["analytics.weekly_digest.v1", "published"]),
        (("workspaces", "list"), ["acme", "Acme Ltd"]),
    ],
)
def test_what_people_read(livery, words, said):
    output = livery(*words).stdout
    for expected in said:
        assert expected in output


def test_a_failed_certification_fails(livery):
    found = livery("skills", "certify", "broken")
    assert found.exit_code == 1
    assert "✗" in found.stdout
    assert livery("skills", "certify", "broken", "--json").exit_code == 1


def test_an_empty_list_says_what_to_do(livery, platform):
    platform.skills = []
    found = livery("skills", "list")
    assert found.stdout == ""
    assert "livery new skill" in found.stderr


def test_a_folder_becomes_a_zip_without_leftovers(livery, platform, tmp_path):
    livery("new", "skill", "word-count", "--in", tmp_path)
    folder = tmp_path / "word-count"
    (folder / "scripts" / "__pycache__").mkdir()
    (folder / "scripts" / "__pycache__" / "skill.pyc").write_bytes(b"x")
    (folder / "scripts" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "scripts" / "run.sh").chmod(0o755)
    first = livery("skills", "add", folder)
    assert first.exit_code == 0
    assert "livery skills certify packaged" in first.stderr
    sent = platform.requests[-1]["body"]
    archive = zipfile.ZipFile(BytesIO(sent[sent.index(b"PK") :]))
    assert sorted(archive.namelist()) == [
        "0/word-count/SKILL.md",
        "0/word-count/contract.yaml",
        "0/word-count/scripts/run.sh",
        "0/word-count/scripts/skill.py",
        "0/word-count/tests/cases.yaml",
        "0/word-count/tests/test_word_count.py",
    ]
    modes = {i.filename: i.external_attr >> 16 & 0o777 for i in archive.infolist()}
    assert modes["0/word-count/scripts/run.sh"] == 0o755
    assert modes["0/word-count/SKILL.md"] == 0o644
    both = livery("skills", "add", folder, "--certify", "--json")
    [item] = json.loads(both.stdout)["loaded"]
    assert (item["status"], item["certification"]["status"]) == ("certified", "certified")


def test_what_is_no_package(livery, platform, tmp_path):
    found = livery("skills", "add", tmp_path / "nothing")
    assert found.exit_code == 2
    assert "Way out" in found.stderr
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "SKILL.md").write_text("x")
    (linked / "out").symlink_to("/etc/hostname")
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, code in ((linked, "contract_invalid"), (empty, "missing_skill_md")):
        found = livery("skills", "add", path, "--json")
        assert (found.exit_code, found.stderr) == (1, "")
        [bad] = json.loads(found.stdout)["rejected"]
        assert (bad["path"], bad["diagnostics"][0]["code"]) == (str(path), code)
    assert platform.requests == []


def test_the_journal_is_exported(livery, tmp_path):
    out = tmp_path / "journal.ndjson"
    assert livery("audit", "export", "--out", out).exit_code == 0
    assert out.read_bytes() == b'{"type": "entry"}\n' * 2
    assert livery("audit", "export").stdout_bytes == out.read_bytes()
    assert livery("audit", "export", "--json").exit_code == 2
    found = livery("audit", "export", "--json", "--out", out)
    assert json.loads(found.stdout)["bytes"] == 36


def test_a_checkpoint_is_printed(livery):
    assert "signatures" in json.loads(livery("audit", "checkpoint").stdout)


def test_help_is_short_and_has_an_example(livery):
    from typer.main import get_command

    from livery.cli import build_cli

    def walk(command, path):
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, [*path, name])
        if not hasattr(command, "commands"):
            yield path

    root = get_command(build_cli(lambda: None))
    paths = list(walk(root, []))
    assert len(paths) > 20
    for path in paths:
        found = livery(*path, "--help")
        assert found.exit_code == 0, path
        assert f"Example: livery {' '.join(path)}" in found.stdout, path


def test_version(livery):
    assert livery("--version").stdout.startswith("livery ")


def test_no_command_shows_the_commands(livery):
    found = livery()
    assert found.exit_code == 2
    assert "doctor" in found.output
