"""`livery contracts check|update` over a folder and over many, with code that misbehaves."""

import json
import shutil

import pytest

CODE = "scripts/skill.py"


@pytest.fixture
def folder(livery, tmp_path):
    assert livery("new", "skill", "word-count", "--in", tmp_path).exit_code == 0
    return tmp_path / "word-count"


@pytest.fixture
def checked(livery):
    def check(folder, *words):
        found = livery("contracts", "check", folder, "--json", *words)
        document = json.loads(found.stdout)
        assert found.exit_code == (0 if document["ok"] else 1)
        return document

    return check


def failures(document):
    return [(c["name"], c["file"], c["line"]) for c in document["checks"] if c["ok"] is False]


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_changed_field_is_named(checked, livery, folder):
    edit(folder / CODE, "text: str)", "text: str, least: int = 0)")
    document = checked(folder)
    said = [c for c in document["checks"] if c["ok"] is False]
    assert [c["detail"] for c in said] == [
        "/interface/input/properties/least: the code has it, contract.yaml does not"
    ]
    lines = (folder / "contract.yaml").read_text().splitlines()
    assert lines[said[0]["line"] - 1].strip() == "properties:"
    assert livery("contracts", "update", folder).exit_code == 0
    assert checked(folder)["ok"]


def test_a_contract_by_hand_that_says_more_is_named(checked, folder):
    edit(folder / "contract.yaml", "estimate_usd: 0", "estimate_usd: 1")
    edit(folder / "contract.yaml", "capabilities: {}", "capabilities:\n  network:\n    - a.example")
    details = [c["detail"] for c in checked(folder)["checks"] if c["ok"] is False]
    assert details == [
        "/capabilities/network: contract.yaml has it, the code does not",
        "/cost/estimate_usd: contract.yaml says 1, the code says 0",
    ]


def test_comments_and_order_are_the_authors(checked, livery, folder):
    contract = folder / "contract.yaml"
    contract.write_text("# Mine.\n" + contract.read_text() + "# The end.\n")
    assert checked(folder)["ok"]
    assert json.loads(livery("contracts", "update", folder, "--json").stdout)["changed"] is False
    edit(contract, "interface:\n", "interface:\n  # the whole input\n")
    edit(folder / CODE, "text: str)", "text: str, least: int = 0)")
    found = livery("contracts", "update", folder)
    assert "1 comment in the changed parts were lost" in found.stderr
    assert contract.read_text().startswith("# Mine.\n")
    assert contract.read_text().endswith("# The end.\n")


def test_update_checks_without_writing(livery, folder):
    assert livery("contracts", "update", folder, "--check").exit_code == 0
    edit(folder / CODE, "text: str)", "text: str, least: int = 0)")
    before = (folder / "contract.yaml").read_bytes()
    found = livery("contracts", "update", folder, "--check")
    assert found.exit_code == 1
    assert "is not what the code says" in found.stderr
    assert (folder / "contract.yaml").read_bytes() == before


def test_update_never_throws_away_a_contract_that_it_cannot_read(livery, folder):
    contract = folder / "contract.yaml"
    contract.write_text(contract.read_text() + "tests: {\n")
    before = contract.read_bytes()
    found = livery("contracts", "update", folder)
    assert found.exit_code == 1
    assert "contract.yaml:" in found.stderr
    assert contract.read_bytes() == before


def test_a_deleted_contract_is_missed_and_made_again(checked, livery, folder):
    before = (folder / "contract.yaml").read_bytes()
    (folder / "contract.yaml").unlink()
    assert failures(checked(folder)) == [("contract", None, None)]
    assert livery("contracts", "update", folder).exit_code == 0
    assert (folder / "contract.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("code", "line", "said"),
    [
        ("import os\nx = (\n", 2, "SyntaxError"),
        ("import os\n\nraise RuntimeError('boom')\n", 3, "boom"),
        ("import nowhere_at_all\n", 1, "nowhere_at_all"),
        ("import sys\nsys.exit(0)\n", 2, "SystemExit"),
        ("run = 7\n", None, "7 is no skill"),
    ],
)
def test_the_line_of_the_error_is_named(checked, folder, code, line, said):
    (folder / CODE).write_text(code)
    (found,) = [c for c in checked(folder)["checks"] if c["ok"] is False]
    assert (found["name"], found["line"]) == ("code", line)
    assert found["file"] == (CODE if line else None)
    assert said in found["detail"]


def test_the_line_of_a_failing_fixture_is_named(checked, folder):
    cases = folder / "tests" / "cases.yaml"
    edit(cases, "words: 3", "words: 4")
    line = cases.read_text().splitlines().index("  - name: three words") + 1
    assert failures(checked(folder)) == [("fixture", "tests/cases.yaml", line)]
    edit(folder / CODE, "    words = text.split()", "    raise ValueError(text)")
    line = (folder / CODE).read_text().splitlines().index("    raise ValueError(text)") + 1
    assert failures(checked(folder)) == [("fixture", CODE, line)] * 2


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("while True: pass\n", "did not end within 2 s"),
        ("import os\nos._exit(3)\n", "ended the process (exit code 3)"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "(SIGSEGV)"),
        ("print('{\"ok\": true}', flush=True)\nimport os\nos._exit(0)\n", "(exit code 0)"),
    ],
)
def test_code_that_hangs_or_leaves_fails_alone(livery, tmp_path, folder, code, said):
    for name in ("a-first", "z-last"):
        assert livery("new", "tool", name, "--in", tmp_path).exit_code == 0
    (folder / CODE).write_text(code)
    found = livery("contracts", "check", tmp_path, "--timeout", "2", "--json")
    assert found.exit_code == 1
    document = json.loads(found.stdout)
    assert document["counts"] == {"packages": 3, "ok": 2, "failed": 1}
    assert [(p["about"], p["ok"]) for p in document["packages"]] == [
        ("a-first@0.1.0", True),
        ("word-count", False),
        ("z-last@0.1.0", True),
    ]
    assert said in document["packages"][1]["checks"][0]["detail"]


def test_a_tree_has_a_summary(livery, tmp_path, folder):
    shutil.copytree(folder, tmp_path / "deep" / "er" / "word-count")
    edit(tmp_path / "deep" / "er" / "word-count" / "tests" / "cases.yaml", "words: 3", "words: 4")
    found = livery("contracts", "check", tmp_path)
    assert found.exit_code == 1
    assert "2 packages, 1 failed" in found.stderr
    assert "deep/er/word-count" in found.stdout
    assert "three words" in found.stdout
    assert "nothing to count" not in found.stdout  # what passed is not listed for each
    shutil.rmtree(tmp_path / "deep")
    assert livery("contracts", "check", tmp_path).exit_code == 0


def test_a_tree_is_updated_at_once(livery, tmp_path, folder):
    livery("new", "tool", "other", "--in", tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "SKILL.md").write_text("---\nname: notes\ndescription: Notes.\n---\n")
    edit(folder / CODE, "text: str)", "text: str, least: int = 0)")
    found = json.loads(livery("contracts", "update", tmp_path, "--json").stdout)
    assert [(p["changed"], p["error"]) for p in found["packages"]] == [
        (False, None),
        (False, None),
        (True, None),
    ]
    assert not (tmp_path / "notes" / "contract.yaml").exists()


def test_where_there_is_nothing(livery, tmp_path):
    for command in ("check", "update"):
        assert livery("contracts", command, tmp_path / "nowhere").exit_code == 2
        assert livery("contracts", command, tmp_path).exit_code == 1


def test_the_built_in_packs_are_what_they_say(livery):
    from livery import packs

    assert livery("contracts", "check", *packs.__path__).exit_code == 0
