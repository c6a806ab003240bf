import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.manifest.skillmd import MAX_BYTES, parse_skill_md

GOOD = """---
name: weekly-digest
description: Sums up a week of agent sessions.
license: Apache-2.0
compatibility: Needs Python 3.11
metadata:
  author: livery
  version: 1.0
allowed-tools: Bash(git add:*) Read
---

# Weekly digest

Read the sessions.
"""


def codes(text: str | bytes, folder: str | None = None) -> list[tuple[str, str, int | None]]:
    found = parse_skill_md(text, folder).diagnostics
    return [(item.severity, item.code, item.line) for item in found]


def test_a_conforming_file() -> None:
    skill = parse_skill_md(GOOD, "weekly-digest")
    assert skill.conforms
    assert skill.ok
    assert skill.name == "weekly-digest"
    assert skill.description == "Sums up a week of agent sessions."
    assert skill.license == "Apache-2.0"
    assert skill.compatibility == "Needs Python 3.11"
    assert skill.metadata == {"author": "livery", "version": "1.0"}
    assert skill.allowed_tools == ("Bash(git add:*)", "Read")
    assert skill.body == "# Weekly digest\n\nRead the sessions.\n"


@pytest.mark.parametrize("text", [GOOD.encode(), "\ufeff" + GOOD, GOOD.replace("\n", "\r\n")])
def test_bytes_marks_and_windows_line_ends(text: str | bytes) -> None:
    skill = parse_skill_md(text, "weekly-digest")
    assert skill.conforms
    assert skill.body.startswith("# Weekly digest\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---",
        "# no frontmatter",
        "---\nname: x\n",
        "\n" + GOOD,
        "---\n- a\n---\n",
        "---\n---\n",
        "---\nname: [\n---\n",
        "---\ndescription: Use when: something\n---\n",
        "---\nname: a\nname: b\n---\n",
        "---\nname: &x a\ndescription: *x\n---\n",
        b"---\nname: \xff\n---\n",
        "---\nname: a\ndescription: b\n---\n" + "x" * MAX_BYTES,
    ],
)
def test_malformed_frontmatter(text: str | bytes) -> None:
    skill = parse_skill_md(text)
    assert not skill.ok
    assert {item.code for item in skill.diagnostics} == {"malformed_frontmatter"}
    assert all(item.file == "SKILL.md" and item.line for item in skill.diagnostics)


def test_the_line_of_a_yaml_fault_is_the_line_in_the_file() -> None:
    assert codes("---\nname: a\nname: b\n---\n") == [("error", "malformed_frontmatter", 3)]


HEAD = "---\nname: add\ndescription: Adds.\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\ndescription: x\n---\n", [("error", "invalid_name", 2)]),
        ("---\nname: ''\ndescription: x\n---\n", [("error", "invalid_name", 2)]),
        ("---\nname: [a]\ndescription: x\n---\n", [("error", "invalid_name", 2),
                                                   ("warning", "malformed_frontmatter", 2)]),
        ("---\nname: Add\ndescription: x\n---\n", [("error", "invalid_name", 2)]),
        ("---\nname: a--b\ndescription: x\n---\n", [("error", "invalid_name", 2)]),
        (f"---\nname: {'a' * 65}\ndescription: x\n---\n", [("error", "invalid_name", 2)]),
        ("---\nname: other\ndescription: x\n---\n", [("warning", "invalid_name", 2)]),
        ("---\nname: add\n---\n", [("error", "malformed_frontmatter", 2)]),
        ("---\nname: add\ndescription: ' '\n---\n", [("error", "malformed_frontmatter", 3)]),
        (f"---\nname: add\ndescription: {'x' * 1025}\n---\n",
         [("warning", "malformed_frontmatter", 3)]),
        (HEAD + f"compatibility: {'x' * 501}\n---\n", [("warning", "malformed_frontmatter", 4)]),
        (HEAD + "compatibility:\n---\n", [("warning", "malformed_frontmatter", 4)]),
        (HEAD + "license:\n  - MIT\n---\n", [("warning", "malformed_frontmatter", 4)]),
        (HEAD + "version: 1.0\n---\n", [("warning", "malformed_frontmatter", 4)]),
        (HEAD + "metadata: text\n---\n", [("warning", "malformed_frontmatter", 4)]),
        (HEAD + "metadata:\n  a:\n    - b\n---\n", [("warning", "malformed_frontmatter", 4)]),
        (HEAD + "metadata: {a: b}\n---\n", [("warning", "malformed_frontmatter", 4)]),
        (HEAD + "allowed-tools:\n  - Read\n---\n", [("warning", "malformed_frontmatter", 4)]),
        (HEAD + "allowed-tools:\n  a: b\n---\n", [("warning", "malformed_frontmatter", 4)]),
        (HEAD + "metadata:\n---\n", []),
    ],
)  # fmt: skip
def test_what_is_reported(text: str, expected: list[tuple[str, str, int]]) -> None:
    assert codes(text, "add") == expected


def test_limits_are_inclusive() -> None:
    text = f"---\nname: {'a' * 64}\ndescription: {'x' * 1024}\ncompatibility: {'x' * 500}\n---\n"
    assert parse_skill_md(text, "a" * 64).conforms


def test_what_can_be_read_is_read() -> None:
    skill = parse_skill_md(
        HEAD + "metadata:\n  a: 1\n  b: [x]\nallowed-tools: [Read, [x], '']\nextra: 1\n---\nbody",
        "add",
    )
    assert skill.ok
    assert not skill.conforms
    assert skill.metadata == {"a": "1"}
    assert skill.allowed_tools == ("Read",)
    assert skill.body == "body"


@pytest.mark.parametrize(
    ("text", "tools"),
    [
        ("Read Write", ("Read", "Write")),
        ("Read, Write,Edit", ("Read", "Write", "Edit")),
        ("Bash(git add:*, x) Read", ("Bash(git add:*, x)", "Read")),
        ("a) b", ("a)", "b")),
        ("''", ()),
    ],
)
def test_allowed_tools_are_split_outside_parentheses(text: str, tools: tuple[str, ...]) -> None:
    assert parse_skill_md(HEAD + f"allowed-tools: {text}\n---\n").allowed_tools == tools


PIECES = st.sampled_from(
    [
        *("---\n", "name: add\n", "description: x\n", "metadata:\n", "  a: b\n", "allowed-tools: "),
        *("- ", "[", "]", "{", "}", ":", "\n", "&a ", "*a", "!!x ", "'", '"', "\t", "\0", "\ufeff"),
        *("license: ", "|\n", "é", "\ud800", "#", "..."),
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text() | st.binary())
def test_any_input_gives_a_skill_or_diagnostics(text: str | bytes) -> None:
    skill = parse_skill_md(text, "add")
    assert skill.ok == (bool(skill.name) and bool(skill.description)) or skill.diagnostics
    assert all(item.message and item.remedy for item in skill.diagnostics)
