"""The bad input table: every malformed package ends in one of the two lists, with its code, file and line."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.loader.malformed import CASES, Case
from tests.support.platform import Running
from tests.support.terminal import Terminal

from livery.manifest.diagnostics import LOADER_CODES

GOOD = ("good-first", "good-last")


def write(root: Path, case: Case) -> None:
    for name, content in case.files.items():
        path = root / case.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content.replace("{name}", case.name) if isinstance(content, str) else ""
        path.write_bytes(text.encode() if isinstance(content, str) else content)


@pytest.fixture(scope="module")
async def report(platform: Running, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All of them in one tree, with good ones around: `{path or key: item}` and the exit code."""
    root = tmp_path_factory.mktemp("malformed") / "tree"
    for case in CASES:
        write(root, case)
    for name in GOOD:
        write(root, Case(f"{name[:1]}-{name}" if "first" in name else f"zz-{name}",
                         {"SKILL.md": f"---\nname: {name}\ndescription: x\n---\n"}, ""))  # fmt: skip
    found = await Terminal(platform, root.parent / "home")("skills", "add", root, "--json")
    return root, json.loads(found.stdout), found.exit_code


def said(report: Any, case: Case) -> tuple[str, list[dict[str, Any]]]:
    """`error` or `warning`, and the diagnostics."""
    root, document, _ = report
    for item in document["rejected"]:
        if item["path"] == str(root / case.name):
            return "error", item["diagnostics"]
    name = "nm-another" if case.name == "nm-other-folder" else case.name
    [item] = [item for item in document["loaded"] if item["key"] == name]
    return "warning", item["diagnostics"]


def test_there_are_enough_and_none_is_there_twice() -> None:
    assert len(CASES) >= 90
    assert max(Counter(case.name for case in CASES).values()) == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_code_the_place_and_the_way_out(report: Any, case: Case) -> None:
    severity, diagnostics = said(report, case)
    assert severity == case.severity, diagnostics
    [found] = [item for item in diagnostics if item["code"] == case.code][:1]
    assert found["message"]
    assert found["remedy"]
    if case.where is not None:
        file, line = case.where
        assert found["file"] == file
        if line is not None:
            assert found["line"] == line
    for item in diagnostics:
        assert set(item) == {"code", "file", "line", "message", "remedy"}
        assert item["code"] in LOADER_CODES
        assert len(item["message"]) < 600


async def test_each_is_in_one_list_once_and_the_good_ones_are_loaded(report: Any) -> None:
    _, document, code = report
    assert code == 1
    assert set(document) == {"loaded", "rejected"}
    assert len(document["loaded"]) + len(document["rejected"]) == len(CASES) + len(GOOD)
    assert set(GOOD) <= {item["key"] for item in document["loaded"]}
    for item in document["loaded"]:
        assert set(item) == {"key", "version", "digest", "status", "diagnostics"}
    for item in document["rejected"]:
        assert set(item) == {"path", "diagnostics"}


async def test_what_was_said_is_shown_with_the_skill_and_below_the_list(
    platform: Running, report: Any
) -> None:
    root, document, _ = report
    livery = Terminal(platform, root.parent / "home")
    shown = json.loads((await livery("skills", "show", "fm-unknown-field", "--json")).stdout)
    assert [item["line"] for item in shown["diagnostics"]] == [4]
    listed = await livery("skills", "list")
    assert "What the loader said" in listed.stdout
    assert f"{len(document['rejected'])} packages rejected" in listed.stdout
    as_json = json.loads((await livery("skills", "list", "--json")).stdout)
    told = {item["key"] for item in as_json["diagnostics"]}
    assert told >= {i["key"] for i in document["loaded"] if i["diagnostics"]} - {"nm-another"}
    assert as_json["last_load"]["count"] == len(document["rejected"])
