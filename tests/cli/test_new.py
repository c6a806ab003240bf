"""`livery new skill` and `livery contracts`: from nothing to a working skill."""

import json
import subprocess
import sys

import pytest
import skills_ref

from livery.authoring import testkit


def plain(panel):
    """The words of a panel, whatever its width broke."""
    return " ".join(panel.replace("┃", " ").split())


@pytest.fixture
def folder(livery, tmp_path):
    found = livery("new", "skill", "word-count", "--in", tmp_path)
    assert found.exit_code == 0
    for next_step in ("contracts update", "contracts check", "skills add", "run word-count"):
        assert f"livery {next_step}" in found.stdout
    return tmp_path / "word-count"


def test_it_works_as_it_is(livery, folder):
    package, diagnostics = testkit.read_package(folder)
    assert (package.contract.name, diagnostics) == ("word-count", ())
    assert testkit.run_fixtures(folder).ok
    found = livery("contracts", "check", folder)
    assert found.exit_code == 0
    assert "three words" in found.stdout
    assert json.loads(livery("contracts", "check", folder, "--json").stdout)["ok"] is True


def test_its_own_test_passes(folder):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=folder)
    assert done.returncode == 0, done.stdout


def test_it_takes_about_ten_lines(folder):
    code = (folder / "scripts" / "skill.py").read_text().splitlines()
    assert sum(1 for line in code if line.strip()) <= 12


@pytest.fixture
def tool(livery, tmp_path):
    assert livery("new", "tool", "slug", "--in", tmp_path).exit_code == 0
    return tmp_path / "slug"


def test_a_tool_is_ten_lines_plus_nothing(livery, tool):
    files = sorted(f.relative_to(tool).as_posix() for f in tool.rglob("*") if f.is_file())
    assert files == ["SKILL.md", "contract.yaml", "scripts/tool.py"]
    assert len((tool / "scripts" / "tool.py").read_text().splitlines()) <= 10
    assert livery("contracts", "check", tool).exit_code == 0
    assert testkit.run_fixtures(tool).ok
    edit = (tool / "scripts" / "tool.py").read_text().replace("text: str", "title: str")
    (tool / "scripts" / "tool.py").write_text(edit)
    (tool / "contract.yaml").unlink()
    assert livery("contracts", "update", tool).exit_code == 0  # its entry is found again
    assert "entry: scripts/tool.py:run" in (tool / "contract.yaml").read_text()


# A name is a folder and a key, never a module: what Python calls its own is as good as any.
@pytest.mark.parametrize("name", ["class", "json", "test", "9", "z" * 64])
@pytest.mark.parametrize("kind", ["skill", "tool"])
def test_names_that_might_trip_somebody_up(livery, tmp_path, kind, name):
    assert livery("new", kind, name, "--in", tmp_path).exit_code == 0
    assert livery("contracts", "check", tmp_path / name).exit_code == 0
    assert skills_ref.validate(tmp_path / name) == []
    if kind == "skill":
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path / name]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=tmp_path)
        assert done.returncode == 0, done.stdout


def test_two_skills_are_tested_in_one_run(livery, tmp_path):
    for name in ("one", "two"):
        assert livery("new", "skill", name, "--in", tmp_path).exit_code == 0
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=tmp_path)
    assert b"2 passed" in done.stdout


def test_a_changed_code_needs_a_new_contract(livery, folder):
    code = folder / "scripts" / "skill.py"
    code.write_text(code.read_text().replace("text: str", "text: str, least: int = 0"))
    found = livery("contracts", "check", folder)
    assert found.exit_code == 1
    assert "/interface/input/properties/least" in found.stdout
    assert "livery contracts update" in found.stdout
    updated = livery("contracts", "update", folder, "--json")
    assert json.loads(updated.stdout)["changed"] is True
    assert livery("contracts", "check", folder).exit_code == 0
    assert json.loads(livery("contracts", "update", folder, "--json").stdout)["changed"] is False


def test_an_update_keeps_what_people_wrote(livery, folder):
    contract = folder / "contract.yaml"
    contract.write_text(contract.read_text() + "release:\n  compatibility: backward\n")
    livery("contracts", "update", folder)
    assert "compatibility: backward" in contract.read_text()


def test_broken_code_is_said_so(livery, folder):
    (folder / "scripts" / "skill.py").write_text("raise RuntimeError('\\x1b[2J boom')\n")
    for command in ("check", "update"):
        found = livery("contracts", command, folder)
        assert found.exit_code == 1
        assert "boom" in found.output
        assert "\x1b" not in found.output
        assert "Traceback" not in found.output


def test_a_failing_fixture_is_named(livery, folder):
    cases = folder / "tests" / "cases.yaml"
    cases.write_text(cases.read_text().replace("words: 3", "words: 4"))
    found = livery("contracts", "check", folder)
    assert found.exit_code == 1
    assert "three words" in found.stdout


@pytest.mark.parametrize("content", ["", "name: x", "---\nname: other\ndescription: d\n---\n"])
def test_a_package_that_cannot_be_taken(livery, folder, content):
    (folder / "SKILL.md").write_text(content)
    assert livery("contracts", "check", folder).exit_code == 1


def test_instructions_only(livery, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: notes\ndescription: Notes.\n---\n\nRead.\n")
    assert livery("contracts", "check", folder).exit_code == 0


def test_nothing_is_overwritten(livery, folder):
    (folder / "SKILL.md").write_text("mine")
    found = livery("new", "skill", "word-count", "--in", folder.parent)
    assert found.exit_code == 2
    assert (folder / "SKILL.md").read_text() == "mine"


@pytest.mark.parametrize(
    "name",
    [
        "Word_Count",
        "",
        "../evil",
        "a" * 65,
        "-a",
        "a-",
        "a--b",
        "a b",
        "ä",
        "a\n",
        "con.",
        "/tmp/x",
    ],
)
@pytest.mark.parametrize("kind", ["skill", "tool"])
def test_a_name_that_is_none(livery, tmp_path, kind, name):
    found = livery("new", kind, "--in", tmp_path / "into", "--", name)
    assert found.exit_code == 2
    assert "1 to 64 characters, a-z, 0-9 and single hyphens" in plain(found.output)
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("kind", ["skill", "tool"])
def test_a_place_that_cannot_be_made(livery, tmp_path, kind):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert livery("new", kind, "a", "--in", tmp_path / "file").exit_code == 2
    assert livery("new", kind, "link", "--in", tmp_path).exit_code == 2
    assert livery("new", kind, "a", "--in", "/proc").exit_code == 2  # also for root
    (tmp_path / "empty").mkdir()
    found = livery("new", kind, "empty", "--in", tmp_path)
    assert found.exit_code == 2
    assert "is there already" in plain(found.output)
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_hostile_owner_leaves_nothing_half_written(livery, tmp_path):
    found = livery("new", "skill", "a", "--in", tmp_path, "--owner", 'x\'\n""": {evil}')
    if found.exit_code:
        assert not (tmp_path / "a").exists()
    else:
        assert livery("contracts", "check", tmp_path / "a").exit_code == 0


def test_json(livery, tmp_path):
    found = json.loads(livery("new", "skill", "b", "--in", tmp_path, "--json").stdout)
    assert found["skill_key"] == "b"
    assert len(found["files"]) == 5
