"""The difference of two versions: every part of it, and a verdict."""

from typing import Any

import yaml
from tests.support.platform import Running
from tests.support.skills import EVALUATE, certified, package

from livery.manifest.package import PackageFile, parse_package
from livery.services.catalog.difference import MAX_DIFF, MAX_LINES, difference, file_changes

NUMBER = {"type": "number"}


def built(version: str, **changes: Any) -> list[PackageFile]:
    contract = {
        "interface": {
            "input": {
                "type": "object",
                "properties": {"code": {"type": "string"}},
                "additionalProperties": False,
            },
            "output": True,
        },
        **changes.pop("contract", {}),
    }
    files = package("compared", version=version, **changes)
    return [
        PackageFile(file.path, yaml.safe_dump(yaml.safe_load(file.data) | contract).encode())
        if file.path == "contract.yaml"
        else file
        for file in files
    ]


def compared(
    old: list[PackageFile], new: list[PackageFile], *known: str, diffs: bool = False
) -> Any:
    first, _ = parse_package(old)
    second, _ = parse_package(new)
    assert first is not None
    assert second is not None
    versions = first.contract.version, second.contract.version
    return difference(first, second, *versions, known or versions, diffs=diffs)


def test_the_same_is_the_same() -> None:
    found = compared(built("1.0.0"), built("1.0.0"))
    assert found.sentence == "1.0.0 and 1.0.0 are the same package."
    assert (found.files, found.breaks, found.eased, found.contract, found.needs) == (
        (),
        (),
        (),
        (),
        None,
    )


def test_every_part_is_named() -> None:
    old = built(
        "1.0.0",
        capabilities={"network": ["a.example.org"]},
        p95_ms=50,
        extra={"references/old.md": b"1\n2\n", "assets/x.bin": b"\x00\x01"},
    )
    wider = {
        "type": "object",
        "properties": {"code": {"type": ["string", "null"]}, "unit": {"type": "string"}},
        "additionalProperties": False,
    }
    new = built(
        "1.1.0",
        code=EVALUATE.replace("return evaluate(code, ctx)", "return evaluate(code, ctx)  # once"),
        capabilities={"network": ["b.example.org"], "llm": {"level": "small", "token_budget": 500}},
        p95_ms=20,
        timeout_s=9,
        extra={"references/new.md": b"1\n2\n3", "assets/x.bin": b"\x00\x02"},
        contract={"interface": {"input": wider, "output": True}, "owner": "somebody"},
    )
    found = compared(old, new)
    assert found.compatible
    assert [item.message for item in found.eased] == [
        "input: `code` accepts more",
        "input: `unit` is new",
    ]
    assert found.capabilities_added == ("llm small (500 tokens)", "network b.example.org")
    assert found.capabilities_removed == ("network a.example.org",)
    assert [(i.name, i.before, i.after) for i in found.budgets] == [("p95_ms", 50, 20)]
    assert [(i.name, i.before, i.after) for i in found.runtime] == [("timeout_s", 5, 9)]
    assert [(i.name, i.before, i.after) for i in found.contract] == [("owner", "tests", "somebody")]
    assert found.instructions is None
    assert [(i.path, i.change, i.lines_added, i.lines_removed, i.diff) for i in found.files] == [
        ("assets/x.bin", "changed", None, None, None),
        (
            "contract.yaml",
            "changed",
            found.files[1].lines_added,
            found.files[1].lines_removed,
            None,
        ),
        ("references/new.md", "added", 3, 0, None),
        ("references/old.md", "removed", 0, 2, None),
        ("scripts/skill.py", "changed", 1, 1, None),
    ]
    assert found.sentence == (
        "Compatible: 1.1.0 can take the place of 1.0.0."
        " It asks for more: llm small (500 tokens), network b.example.org."
    )


def test_a_break_says_which_version_is_right() -> None:
    narrow = {
        "input": {"type": "object", "properties": {"code": {}}, "required": ["code"]},
        "output": NUMBER,
    }
    found = compared(
        built("1.0.0"), built("1.1.0", contract={"interface": narrow}), "1.0.0", "1.1.0", "2.3.0"
    )
    assert [item.message for item in found.breaks] == ["input: `code` is now required"]
    assert [item.message for item in found.eased] == [
        "input: `*` accepts more",
        "input: `code` accepts more",
        "the output promises more",
    ]
    assert (found.needs, found.compatible) == ("3.0.0", False)
    assert (
        found.sentence
        == "Breaking: what 1.0.0 promised needs a new major; 1.1.0 would be right as 3.0.0."
    )
    told = compared(built("1.0.0"), built("2.0.0", contract={"interface": narrow}))
    assert (told.needs, told.sentence) == (
        None,
        "Breaking, and 2.0.0 says so: it is in another line than 1.0.0.",
    )
    early = compared(built("0.1.0"), built("0.1.1", contract={"interface": narrow}))
    assert (
        early.sentence
        == "Breaking: what 0.1.0 promised needs a new minor; 0.1.1 would be right as 0.2.0."
    )


def test_files_are_shown_line_by_line() -> None:
    old = [PackageFile("a.txt", b"one\ntwo\nthree\n"), PackageFile("run.sh", b"x")]
    new = [PackageFile("a.txt", b"one\n2\nthree\n"), PackageFile("run.sh", b"x", executable=True)]
    [text, script] = file_changes(old, new, diffs=True)
    assert text.diff == "--- a.txt\n+++ a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three"
    assert (text.lines_added, text.lines_removed) == (1, 1)
    assert (script.change, script.lines_added, script.lines_removed) == ("changed", 0, 0)


def test_what_is_too_large_is_only_named() -> None:
    lines = b"x\n" * (MAX_LINES + 1)
    [large] = file_changes([PackageFile("a", b"")], [PackageFile("a", lines)], diffs=True)
    assert (large.lines_added, large.diff) == (None, None)
    wide = [PackageFile("a", b"y" * (MAX_DIFF + 100))]
    [cut] = file_changes([PackageFile("a", b"")], wide, diffs=True)
    assert cut.diff is not None
    assert cut.diff.endswith("characters more")
    assert len(cut.diff) < MAX_DIFF + 100


async def test_the_door_compares_what_is_registered(platform: Running) -> None:
    await certified(platform, built("1.0.0"))
    await certified(platform, built("1.1.0", capabilities={"network": ["a.example.org"]}))
    changed = [
        PackageFile(f.path, f.data + b"\nMore.\n") if f.path == "SKILL.md" else f
        for f in built("1.2.0", capabilities={"network": ["a.example.org"]})
    ]
    await platform.platform.services.catalog.register(changed, by="test")

    async def asked(**params: Any) -> Any:
        async with platform.http() as http:
            return await http.get("/v1/skills/compared/diff", params=params)

    found = (await asked()).json()
    assert (found["from"]["version"], found["to"]["version"]) == ("1.1.0", "1.2.0")
    assert found["instructions"] == {
        "path": "SKILL.md",
        "change": "changed",
        "lines_added": 2,
        "lines_removed": 0,
    }
    assert found["verdict"] == {
        "compatible": True,
        "needs": None,
        "sentence": "Compatible: 1.2.0 can take the place of 1.1.0.",
    }
    services = platform.platform.services
    await services.channels.promote(platform.operator, "compared", "1.0.0", "production")
    assert (await asked()).json()["from"][
        "version"
    ] == "1.0.0"  # what production has is what is replaced
    two = (await asked(**{"from": "1.0.0", "to": "1.1.0", "files": "true"})).json()
    assert two["capabilities"] == {"added": ["network a.example.org"], "removed": []}
    assert two["interface"]["verdict"] == "compatible"
    assert "+  network:\n+  - a.example.org" in two["files"][0]["diff"]
    back = (await asked(**{"from": "1.1.0", "to": "1.0.0"})).json()
    assert back["capabilities"] == {"added": [], "removed": ["network a.example.org"]}
    for params in ({"from": "9.0.0"}, {"to": "9.0.0"}, {"to": "1.0.0"}):
        assert (await asked(**params)).status_code == 404, params
