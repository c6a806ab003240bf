"""A package that the reference validator of Agent Skills takes: as it is where it can be, else with SKILL.md rewritten.

The reference reads frontmatter with strictyaml, ends it at the first `---`, and takes six fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from livery.manifest.package import SKILL_MD, PackageFile
from livery.manifest.skillmd import (
    FIELDS,
    MAX_COMPATIBILITY,
    MAX_DESCRIPTION,
    parse_skill_md,
    split_frontmatter,
)
from livery.manifest.yamldoc import load_yaml

# Lines of frontmatter on which PyYAML and strictyaml agree: a key, a key and its text, more text, a comment, nothing.
_TEXT = "[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]*"
_PLAIN_LINE = re.compile(
    rf" *(?:[A-Za-z0-9][\w.-]*:(?: {_TEXT})?|[^\s\"'?:%&*!|>{{}}\[\]@`-]{_TEXT}|#{_TEXT}|)"
)


@dataclass(frozen=True, slots=True)
class Conformed:
    """The files, and what was changed in words; no changes: the files are the original ones, byte for byte."""

    files: tuple[PackageFile, ...]
    changes: tuple[str, ...] = ()


def conform(files: Iterable[PackageFile]) -> Conformed:
    """Return a package whose folder, named as the skill, passes `agentskills validate`.

    ``files`` are those of a package that ``parse_package`` takes. Only SKILL.md is ever changed: fields that the
    specification does not know become texts below ``metadata``, texts that are too long are cut and kept whole there.
    """
    kept = tuple(files)
    original = next(file for file in kept if file.path == SKILL_MD)
    text = original.data.decode("utf-8")
    changes = _differences(text)
    if not changes:
        return Conformed(kept)
    written = _rewritten(text)
    return Conformed(
        tuple(replace(f, data=written.encode()) if f.path == SKILL_MD else f for f in kept),
        tuple(dict.fromkeys(changes)),
    )


def _differences(text: str) -> list[str]:
    """What the reference would refuse, or may read in another way than we do."""
    found = [item.message for item in parse_skill_md(text).diagnostics]
    if text.startswith("\ufeff"):
        found.append("a byte order mark stands before the frontmatter")
    front, _ = split_frontmatter(text) or ("", "")
    if "---" in front:
        found.append("the frontmatter holds ---, where the reference ends it")
    if not all(_PLAIN_LINE.fullmatch(line) for line in front.split("\n")):
        found.append("the frontmatter is written in a way that strict YAML may refuse")
    return found


def _rewritten(text: str) -> str:
    front, body = split_frontmatter(text) or ("", "")
    data: dict[str, Any] = load_yaml(front, all_text=True).value
    metadata: dict[str, str] = {}
    lines = [f"name: {data['name']}"]
    for key, limit in (
        ("description", MAX_DESCRIPTION),
        ("license", None),
        ("compatibility", MAX_COMPATIBILITY),
        ("allowed-tools", None),
    ):
        value = data.get(key)
        whole = _joined(value) if key == "allowed-tools" else _text(value)
        if not whole.strip():
            continue
        if limit is not None and len(whole) > limit:
            metadata[f"full-{key}"] = whole
            whole = whole[: limit - 1] + "…"
        lines.append(f"{key}: {_quoted(whole)}")
    given = data.get("metadata")
    others = {key: value for key, value in data.items() if key not in FIELDS}
    for key, value in [*(_flat(given) if isinstance(given, dict) else ()), *_flat(others)]:
        metadata.setdefault(key, value)
    if isinstance(given, str | list) and given:
        metadata.setdefault("metadata", _text(given))
    if metadata:
        lines.append("metadata:")
        lines += [f"  {_key(key)}: {_quoted(value)}" for key, value in metadata.items()]
    return "\n".join(["---", *lines, "---", "", body])


def _flat(mapping: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, _text(value)) for key, value in mapping.items() if _text(value)]


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_text(item) for item in value)
    return _text(value)


def _key(key: str) -> str:
    plain = re.fullmatch(r"[A-Za-z][\w.-]{0,63}", key) is not None and "---" not in key
    return key if plain else _quoted(key)


def _quoted(text: str) -> str:
    """A double-quoted scalar in ASCII on one line, without `---`, which ends the frontmatter to the reference."""
    # Above U+FFFF JSON writes surrogate pairs, which YAML does not know.
    quoted = "".join(
        json.dumps(char)[1:-1] if ord(char) < 0x10000 else f"\\U{ord(char):08x}" for char in text
    )
    return '"' + quoted.replace("---", "\\x2d\\x2d\\x2d").replace("\\u007f", "\\x7f") + '"'
