"""The text of ``contract.yaml`` for a skill in code: derived, deterministic, read back."""

import re
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import yaml
from typing_extensions import override

from livery.authoring.tool import Tool
from livery.manifest.yamldoc import load_yaml

KEPT = ("review_policy", "tests", "release")
"""What people write by hand: a new snapshot keeps it."""


class _Dumper(yaml.SafeDumper):
    """Block style, in our order, texts quoted wherever the contract's reader would misread them."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True

    @override
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    plain = load_yaml(value)
    safe = not plain.faults and plain.value == value
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if safe else '"')


_Dumper.add_representer(str, _text)


def contract_mapping(tool: Tool, existing: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The contract of a tool, with the tests and release of an existing one."""
    return with_kept(tool.contract, existing)


def with_kept(
    derived: Mapping[str, Any], existing: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A derived contract with what people wrote by hand: `review_policy`, `tests`, `release`, `cost.high_cost`."""
    if not existing:
        return dict(derived)
    mapping = {**derived, **{key: existing[key] for key in KEPT if key in existing}}
    cost = existing.get("cost")
    if isinstance(cost, Mapping) and "high_cost" in cost:
        mapping["cost"] = {**mapping.get("cost", {}), "high_cost": cost["high_cost"]}
    return mapping


def contract_yaml(tool: Tool, existing: Mapping[str, Any] | None = None) -> str:
    """Text for ``contract.yaml``: the same tool and the same existing parts give the same text.

    Args:
        tool: the skill.
        existing: the present contract, whose `tests` and `release` are kept.

    Raises:
        ValueError: the contract cannot be written so that it reads back as itself.
    """
    return mapping_yaml(contract_mapping(tool, existing))


def mapping_yaml(mapping: Mapping[str, Any]) -> str:
    """Text for a contract; raises ValueError where it would not read back as itself."""
    text = yaml.dump(dict(mapping), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    if (doc := load_yaml(text)).faults or doc.value != mapping:
        raise ValueError("the contract cannot be written as YAML")
    return text


def updated_yaml(text: str, mapping: Mapping[str, Any]) -> tuple[str, int]:
    """A new text for ``contract.yaml``, and how many comments were lost.

    A top-level part that says what it should is kept letter by letter; the others are written
    anew, and the comments inside them are lost. The same text where nothing is to be changed.

    Raises:
        ValueError: the contract cannot be written so that it reads back as itself.
    """
    before = load_yaml(text).value
    if before == mapping:
        return text, 0
    whole = mapping_yaml(mapping)
    if not isinstance(before, dict):
        return whole, _comments(text)
    parts = _parts(text)
    kept = {key: part for key, part in parts.items() if key and before.get(key) == mapping.get(key)}
    made = parts.get("", "")
    for key in _order(before, mapping):
        made += kept.get(key) or _head(parts.get(key, "")) + mapping_yaml({key: mapping[key]})
        made += "" if made.endswith("\n") else "\n"
    if (doc := load_yaml(made)).faults or doc.value != mapping:
        made = whole
    return made, max(0, _comments(text) - _comments(made))


_KEY = re.compile(r"([A-Za-z][\w-]*):(?:\s|$)")
_COMMENT = re.compile(r"(?:^|\s)#(?:\s|$)")


def _parts(text: str) -> dict[str, str]:
    """Top-level key -> its lines, with the comments just above it; "" -> what stands before."""
    parts: dict[str, str] = {"": ""}
    key, above = "", ""
    for line in text.splitlines(keepends=True):
        if found := _KEY.match(line):
            key = found[1]
            parts[key] = above + line
            above = ""
        elif line.startswith("#") or not line.strip():
            above += line
        else:
            parts[key] += above + line
            above = ""
    parts[key] += above
    return parts


def _head(part: str) -> str:
    """The comments and empty lines above the key."""
    lines = part.splitlines(keepends=True)
    return "".join(takewhile(lambda line: line.startswith("#") or not line.strip(), lines))


def _order(before: Mapping[str, Any], mapping: Mapping[str, Any]) -> list[str]:
    """The keys in the order of the present file; a new one behind its neighbour."""
    order = [key for key in before if key in mapping]
    last = -1
    for key in mapping:
        if key in order:
            last = order.index(key)
        else:
            last += 1
            order.insert(last, key)
    return order


def _comments(text: str) -> int:
    return sum(1 for line in text.splitlines() if _COMMENT.search(line))
