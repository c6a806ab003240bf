"""The command line as the program has it."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.main import get_command

from livery.entrypoints import main as entry


def command_tree(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What `livery` is, without running it. Typer brings a Click of its own, so types are not named."""
    kept: list[typer.Typer] = []
    monkeypatch.setattr(typer.Typer, "__call__", lambda self, *_, **__: kept.append(self))
    entry.main()
    monkeypatch.undo()
    return get_command(kept[0])


def leaves(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with its words."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from leaves(command, (*words, name))
        elif not command.hidden:
            yield (*words, name), command


def line(words: tuple[str, ...], command: Any) -> str:
    """One command as a line of docs/cli.md: its synopsis and the first sentences of its help."""
    parts = ["livery", *words, *map(_parameter, command.params)]
    said = command.help.strip().partition("\n\n")[0].replace("\n", " ")
    return f"- `{' '.join(part for part in parts if part)}`: {said}"


def _parameter(item: Any) -> str:
    if item.param_type_name == "argument":
        return (item.metavar or item.name).strip("{}").upper()
    name = max(item.opts, key=len)
    if name == "--help":
        return ""
    shown = name if item.is_flag else f"{name} {(item.metavar or item.name).upper()}"
    return shown if item.required else f"[{shown}]"
