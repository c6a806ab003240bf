"""What a SKILL.md says that it needs: read leniently, where public skills write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from livery.manifest.canonical import escape_pointer
from livery.manifest.yamldoc import YamlDoc

MAX_NAMES: Final = 64
_SPLIT = re.compile(r"[\s,;|]+")
_LEAST = re.compile(r"\blivery\s*(?:>=|≥)\s*([0-9]{1,6}(?:\.[0-9]{1,6}){0,2})", re.IGNORECASE)
_PROGRAM = re.compile(r"[A-Za-z0-9][\w.+-]{0,63}", re.ASCII)
_SYSTEMS: Final = {
    **dict.fromkeys(("linux", "ubuntu", "debian"), "linux"),
    **dict.fromkeys(("darwin", "macos", "mac", "osx"), "darwin"),
    **dict.fromkeys(("windows", "win32", "win"), "windows"),
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is needed; ``line`` is 1-based in SKILL.md.

    ``kind`` is ``os`` (value ``linux``, ``darwin`` or ``windows``; one of several is enough),
    ``program`` (a command) or ``livery`` (the least version).
    """

    kind: str
    value: str
    line: int


def read_requirements(doc: YamlDoc, first_line: int) -> tuple[Requirement, ...]:
    """Return what frontmatter asks for; ``first_line`` is the file's line before its first.

    Read are ``compatibility`` (``livery >= 1.2``), ``metadata.os`` and ``metadata.programs``, and
    what agents' own blocks below ``metadata`` say as ``os`` and ``requires: {bins: [...]}``.
    """
    found: list[Requirement] = []
    least = _LEAST.search(str(doc.value.get("compatibility") or "")[:2000])
    if least:
        line = doc.line_of("/compatibility") + first_line
        found.append(Requirement("livery", least[1], line))
    for pointer, block in _blocks(doc.value.get("metadata")):
        line = doc.line_of(f"{pointer}/os") + first_line
        systems = [_SYSTEMS.get(name.lower()) for name in _names(block.get("os"))]
        found += [Requirement("os", name, line) for name in systems if name]
        requires = block.get("requires")
        bins = requires.get("bins") if isinstance(requires, dict) else None
        for place, names in (("programs", block.get("programs")), ("requires/bins", bins)):
            line = doc.line_of(f"{pointer}/{place}") + first_line
            found += [
                Requirement("program", name, line)
                for name in _names(names)
                if _PROGRAM.fullmatch(name)
            ]
    return tuple(dict.fromkeys(found))[:MAX_NAMES]


def _blocks(metadata: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(metadata, dict):
        return
    yield "/metadata", metadata
    for key, member in list(metadata.items())[:MAX_NAMES]:
        if isinstance(member, dict):
            yield f"/metadata/{escape_pointer(key)}", member


def _names(value: object) -> list[str]:
    if isinstance(value, str):
        return [name for name in _SPLIT.split(value[:2000]) if name][:MAX_NAMES]
    if isinstance(value, list):
        return [name for name in value[:MAX_NAMES] if isinstance(name, str) and name]
    return []
