"""Out again: byte for byte where a validator takes it, rewritten and told where it does not; all files or none."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.platform import Running
from tests.support.public_packages import write_tree
from tests.support.terminal import Terminal

from livery.authoring.loading import read_folder
from livery.cli.scaffold import write_skill
from livery.client import LiveryClient
from livery.manifest.package import package_digest

AGENTSKILLS = Path(sys.executable).with_name("agentskills")


def valid(folder: Path) -> None:
    done = subprocess.run(
        [AGENTSKILLS, "validate", folder], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def said(livery: Terminal, *words: object) -> Any:
    found = await livery(*words, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


async def test_every_built_in_comes_out_as_it_is_and_valid(
    platform: Running, tmp_path: Path
) -> None:
    livery = Terminal(platform, tmp_path / "home")
    skills = (await said(livery, "skills", "list"))["items"]
    assert len(skills) >= 5
    for skill in skills:
        done = await said(livery, "skills", "export", skill["skill_key"], "--to", tmp_path / "out")
        folder = tmp_path / "out" / skill["skill_key"]
        assert (done["path"], done["conformed"], done["changes"]) == (str(folder), False, [])
        assert done["digest"] == done["original_digest"] == skill["digest"]
        assert package_digest(read_folder(folder)) == skill["digest"]
        valid(folder)
    again = await said(livery, "skills", "add", tmp_path / "out")
    assert {item["digest"] for item in again["loaded"]} == {skill["digest"] for skill in skills}
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


async def test_a_scaffold_goes_around(platform: Running, tmp_path: Path) -> None:
    livery = Terminal(platform, tmp_path / "home")
    write_skill(tmp_path / "new", "goes-around", "me")
    (tmp_path / "new" / "goes-around" / "scripts" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "new" / "goes-around" / "scripts" / "run.sh").chmod(0o755)
    [item] = (await said(livery, "skills", "add", tmp_path / "new"))["loaded"]
    done = await said(livery, "skills", "export", "goes-around@0.1.0", "--to", tmp_path / "out")
    assert done["digest"] == item["digest"]
    mine, theirs = (read_folder(tmp_path / name / "goes-around") for name in ("new", "out"))
    assert mine == theirs
    valid(tmp_path / "out" / "goes-around")


async def test_public_ones_come_out_valid(platform: Running, tmp_path: Path) -> None:
    livery = Terminal(platform, tmp_path / "home")
    keys = write_tree(tmp_path / "tree", 25, seed=4)
    loaded = (await said(livery, "skills", "add", tmp_path / "tree"))["loaded"]
    digests = {item["key"]: item["digest"] for item in loaded}
    conformed = 0
    for key in keys:
        done = await said(livery, "skills", "export", key, "--to", tmp_path / "out")
        conformed += done["conformed"]
        assert done["conformed"] == bool(done["changes"]) == (done["digest"] != digests[key])
        assert done["original_digest"] == digests[key]
        valid(tmp_path / "out" / key)
        exact = await said(livery, "skills", "export", key, "--exact", "--to", tmp_path / "exact")
        assert (exact["digest"], exact["conformed"]) == (digests[key], False)
        assert package_digest(read_folder(tmp_path / "exact" / key)) == digests[key]
    assert 0 < conformed < len(keys)


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
async def test_nothing_is_overwritten(platform: Running, tmp_path: Path, kind: str) -> None:
    livery = Terminal(platform, tmp_path / "home")
    target = tmp_path / "out" / "add"
    target.parent.mkdir()
    if kind == "folder":
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    elif kind == "file":
        target.write_text("mine")
    else:
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    found = await livery("skills", "export", "add", "--to", tmp_path / "out")
    assert found.exit_code == 2
    forced = await livery("skills", "export", "add", "--to", tmp_path / "out", "--force")
    if kind == "folder":
        assert forced.exit_code == 0
        assert not (target / "mine.txt").exists()
        assert (target / "SKILL.md").is_file()
    else:
        assert forced.exit_code == 2
        assert not (tmp_path / "elsewhere" / "SKILL.md").exists()
    assert [path.name for path in target.parent.iterdir()] == ["add"]


async def test_what_is_not_there(platform: Running, tmp_path: Path) -> None:
    livery = Terminal(platform, tmp_path / "home")
    for ref in ("no-such-skill", "add@9.9.9"):
        found = await livery("skills", "export", ref, "--to", tmp_path / "out", "--json")
        assert (found.exit_code, json.loads(found.stdout)["code"]) == (1, "not_found")
    (tmp_path / "file").write_text("x")
    found = await livery("skills", "export", "add", "--to", tmp_path / "file")
    assert found.exit_code == 2
    assert not (tmp_path / "out").exists()


async def test_people_are_told_what_changed(platform: Running, tmp_path: Path) -> None:
    livery = Terminal(platform, tmp_path / "home")
    folder = tmp_path / "told"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: told\ndescription: x\nauthor: me\n---\nbody\n")
    await said(livery, "skills", "add", folder)
    found = await livery("skills", "export", "told", "--to", tmp_path / "out", columns=80)
    assert found.exit_code == 0
    assert "the field 'author' is not allowed" in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 80
    text = (tmp_path / "out" / "told" / "SKILL.md").read_text()
    assert text == '---\nname: told\ndescription: "x"\nmetadata:\n  author: "me"\n---\n\nbody\n'


@pytest.mark.parametrize("name", [".git/config", "x/.git", "x/GIT~1/config", "r/HEAD"])
async def test_what_runs_in_version_control_is_never_written(
    platform: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Not even where a platform has it, of a release that took it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in ("SKILL.md", name, "r/objects/x", "r/refs/x"):
            archive.writestr(path, b"---\nname: add\ndescription: x\n---\n")

    async def sent(*_: object) -> bytes:
        return buffer.getvalue()

    monkeypatch.setattr(LiveryClient, "get_package", sent)
    livery = Terminal(platform, tmp_path / "home")
    for exact in ((), ("--exact",)):
        found = await livery("skills", "export", "add", "--to", tmp_path / "out", *exact, "--json")
        assert (found.exit_code, json.loads(found.stdout)["code"]) == (1, "contract_invalid")
    assert not (tmp_path / "out").exists()
