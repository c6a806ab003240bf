"""docs/cli.md says what `livery --help` says, and every command that a document shows exists."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.docs.commands import command_tree, leaves, line
from tests.docs.generated import DOCS, ROOT, check

_DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("src/livery/packs/*/*/SKILL.md")]
)
_SHOWN = re.compile(r"(?<![\w/-])(?:\.venv/bin/)?livery ([a-z][^`#\n|]*)")
_BLOCK = re.compile(r"```(?:sh|bash)\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`((?:LIVERY_\w+=\S+ )*(?:\.venv/bin/)?livery [a-z][^`]*)`")
# Named by a document as not there yet.
_NOT_YET = frozenset({"migrate"})


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch) -> Any:
    return command_tree(monkeypatch)


def test_the_list_is_the_program(tree: Any) -> None:
    check(DOCS / "cli.md", [line(words, command) for words, command in leaves(tree)])


def test_what_is_not_there_yet_is_not_there(tree: Any) -> None:
    assert not _NOT_YET & set(tree.commands)


def test_every_command_explains_itself(tree: Any) -> None:
    for words, command in leaves(tree):
        assert command.help, words
        for item in command.params:
            named = item.param_type_name == "argument" or "--help" in item.opts
            assert named or item.help, f"{' '.join(words)} {item.opts}"


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_are_shown_exist(document: Path, tree: Any) -> None:
    text = document.read_text(encoding="utf-8")
    shown = [found for block in _BLOCK.findall(text) for found in _SHOWN.findall(block)]
    shown += [found for inline in _INLINE.findall(text) for found in _SHOWN.findall(inline)]
    for command in shown:
        _follow(tree, command)


def _follow(group: Any, command: str) -> None:
    words = shlex.split(command.partition(" > ")[0].partition(";")[0], comments=True)
    if words[0] in _NOT_YET:
        return
    node = group
    while hasattr(node, "commands") and words:
        first = words[0].split("|")[0]
        assert first in node.commands, f"livery {command}: no command {first!r}"
        node, words = node.commands[first], words[1:]
    known = {name for item in node.params for name in (*item.opts, *item.secondary_opts)}
    for word in words:
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in known | {"--help"}, f"livery {command}: no {word}"
