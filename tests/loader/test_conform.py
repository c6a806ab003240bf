"""What is exported passes the reference validator: byte for byte where it can be, rewritten where it must be."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from skills_ref.validator import validate
from tests.support.public_packages import skill_md

from livery.cli.scaffold import write_skill
from livery.entrypoints.seed import built_in
from livery.manifest.conform import conform
from livery.manifest.package import PackageFile, package_digest, parse_package
from livery.manifest.skillmd import parse_skill_md

AGENTSKILLS = Path(sys.executable).with_name("agentskills")


def written(folder: Path, files: tuple[PackageFile, ...]) -> Path:
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    return folder


def faults(tmp_path: Path, data: bytes, name: str = "add") -> list[str]:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    (folder / "SKILL.md").write_bytes(data)
    return list(validate(folder))


HEAD = b"---\nname: add\ndescription: Adds two numbers.\n"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"---\nAdd.\n",
        HEAD + b"license: MIT\ncompatibility: Needs git.\nallowed-tools: Bash(git:*) Read\n---\n",
        HEAD + b"metadata:\n  author: me\n  version: 1.0\n---\nbody\n---\nmore\n",
        HEAD + b"metadata:\n    author: me\n    on: yes\n---\n",
        b"---\r\nname: add\r\ndescription: Adds.\r\n---\r\nbody\r\n",
        b"---\nname: add\ndescription: >\n  Adds two\n  numbers.\nlicense: |\n  MIT\n  or not\n---\n",
        b"---\nname: add\ndescription: Adds two\n  numbers, and more.\n---\n",
        b"---\nname: 'add'\ndescription: \"Adds: two\"\n# a comment\n---\n",
        b'---\nname: add\ndescription: "tab\\there \\x01 \\u2028 \\U0001F600"\n---\n',
        "---\nname: add\ndescription: Résumé – 概要 😀.\n---\n".encode(),
    ],
)
def test_what_conforms_is_not_touched(tmp_path: Path, data: bytes) -> None:
    assert faults(tmp_path, data) == []
    files = (PackageFile("SKILL.md", data), PackageFile("x/y.txt", b"1", True))
    done = conform(files)
    assert done.changes == ()
    assert done.files == files


@pytest.mark.parametrize(
    ("data", "keeps"),
    [
        (HEAD + b"version: 1.2.0\nauthor: me\n---\nbody\n", {"version": "1.2.0", "author": "me"}),
        (HEAD + b"tags: [a, b]\n---\n", {"tags": '["a","b"]'}),
        (HEAD + b"tags:\n  - a\n  - b\n---\n", {"tags": '["a","b"]'}),
        (HEAD + b"metadata: {a: b}\n---\n", {"a": "b"}),
        (HEAD + b"metadata:\n  a:\n    - b\n---\n", {"a": '["b"]'}),
        (HEAD + b"metadata: text\n---\n", {"metadata": "text"}),
        (HEAD + b"metadata:\n  a: b\na: c\n---\n", {"a": "b"}),
        (HEAD + b"metadata:\n  '--- x': '---'\n---\n", {"--- x": "---"}),
        (HEAD + b"allowed-tools:\n  - Read\n  - Bash(git:*)\n---\n", {}),
        (HEAD + b"allowed-tools: [Read]\n---\n", {}),
        (HEAD + b"license:\n---\n", {}),
        (HEAD + b"compatibility: '" + b"x" * 501 + b"'\n---\n", {"full-compatibility": "x" * 501}),
        (b"---\nname: add\ndescription: " + b"x" * 2000 + b"\n---\n", {"full-description": "x" * 2000}),
        (b"---\nname: add\ndescription: before --- after\n---\n", {}),
        (b"\xef\xbb\xbf" + HEAD + b"---\n", {}),
        (
            HEAD + b"x: \"tab\\there \\x01 \\x7f \\u2028 \\U0001F600\"\n---\n",
            {"x": "tab\there \x01 \x7f \u2028 \U0001f600"},
        ),
        (b"---\nname: add\ndescription: !!str Adds\n---\n", {}),
        (b"---\nname: add\n? description\n: Adds\n---\n", {}),
        (b'---\n"name": add\n"description": Adds\n---\n', {}),
        (b"---\n{name: add, description: Adds}\n---\n", {}),
    ],
)  # fmt: skip
def test_what_does_not_is_rewritten(tmp_path: Path, data: bytes, keeps: dict[str, str]) -> None:
    package, _ = parse_package([PackageFile("SKILL.md", data)])
    assert package is not None
    before = package.skill_md
    done = conform(package.files)
    assert done.changes
    [file] = done.files
    assert faults(tmp_path, file.data) == []
    after = parse_skill_md(file.data, "add")
    assert after.conforms, after.diagnostics
    assert (after.name, after.description, after.body) == (
        before.name,
        before.description,
        before.body,
    )
    assert after.allowed_tools == before.allowed_tools
    assert keeps.items() <= after.metadata.items()
    # Once conforming it stays as it is.
    assert conform(done.files).files == done.files


def test_thousands_of_others_pass_too(tmp_path: Path) -> None:
    """Frontmatter put together at random: whatever we take, the reference takes after us, and mostly as it was."""
    rng = random.Random(3)
    pieces = [
        "license: MIT", "metadata:", "  a: b", "    c: d", "  - x", "author: me", "tags: [a]", "compatibility: x y",
        "allowed-tools: Read", "- y", "x", " z", "# c", "", "a: 'q'", 'b: "r"', "c: |", "  text", "   odd", "d: >-",
        "e: a: b", "f: # g", "h: '", "i: --- j", "k: é 概", "l:\tm", "n: *o", "p: &q r", "s: %t", "u: @v", "w: -",
        "compatibility: 1", "license: 2026-01-01", "license: yes", "metadata: ~", "license: a#b", "license: a: b",
        "license: 'a''b'", 'license: "a\\n"', "license: [a", "...", "license: ? x",
        "license: !!str x", "license: ! x", "license: a\u00a0b", "Ä: ö",
    ]  # fmt: skip
    taken = rewritten = 0
    for _ in range(4000):
        lines = ["name: add", "description: Adds.", *rng.choices(pieces, k=rng.randint(0, 5))]
        if rng.random() < 0.2:
            rng.shuffle(lines)
        data = "\n".join(["---", *lines, "---", "body", ""]).encode()
        package, _ = parse_package([PackageFile("SKILL.md", data)])
        if package is None:
            continue
        done = conform(package.files)
        taken, rewritten = taken + 1, rewritten + bool(done.changes)
        assert faults(tmp_path, done.files[0].data) == [], data
    assert taken > 500
    assert 0 < rewritten < taken


def test_public_style_files_pass(tmp_path: Path) -> None:
    rng = random.Random(5)
    for number in range(300):
        data = skill_md(rng, f"skill-{number}")
        done = conform([PackageFile("SKILL.md", data)])
        assert faults(tmp_path, done.files[0].data, f"skill-{number}") == [], data


def test_what_we_ship_and_scaffold_is_not_touched_and_passes(tmp_path: Path) -> None:
    write_skill(tmp_path / "new", "word-count", "me")
    folders = [tmp_path / "new" / "word-count"]
    for name, files in built_in():
        done = conform(files)
        assert done.changes == (), name
        assert package_digest(done.files) == package_digest(files)
        folders.append(written(tmp_path / name, done.files))
    for folder in folders:
        found = subprocess.run(
            [AGENTSKILLS, "validate", folder],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert found.returncode == 0, found.stdout + found.stderr
