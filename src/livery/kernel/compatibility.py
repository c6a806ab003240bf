"""Which promises of an interface a new version breaks: contravariant for input, covariant for output.

Everything that the old version accepted must be accepted, and everything that the new one answers must be
something that the old one could have answered. What cannot be shown is a break (see `subsumption`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from livery.kernel.schema_facts import ALL_TYPES, Document, Gap
from livery.kernel.subsumption import gaps
from livery.manifest.canonical import join_pointer
from livery.manifest.semver import SemVer

ANY: Final[Mapping[str, Any]] = {
    "input": {"type": "object"},
    "output": {"type": "object"},
}
"""The interface of a contract that states none: instructions only."""
_MAX_BREAKS: Final = 100
_MAX_DEPTH: Final = 16
_WORDS: Final = {
    "minimum": "the minimum",
    "exclusiveMinimum": "the exclusive minimum",
    "maximum": "the maximum",
    "exclusiveMaximum": "the exclusive maximum",
    "multipleOf": "the step",
    "minLength": "the shortest length",
    "maxLength": "the longest length",
    "minItems": "the least number of items",
    "maxItems": "the greatest number of items",
    "minProperties": "the least number of members",
    "maxProperties": "the greatest number of members",
    "pattern": "the pattern",
    "format": "the format",
}
_UNSHOWN: Final = {
    "size": "it is too large to compare",
    "form": "it is no I-JSON",
    "$ref": "a reference cannot be followed",
    "$id": "it uses $id, $anchor or dynamic references",
}


@dataclass(frozen=True, slots=True)
class Break:
    """One broken promise. `pointer` leads into the contract (`/interface/input/properties/a`), `field` is the same
    in short (`a`, `rows[].id`; empty for the whole), `message` a sentence that names it."""

    side: str
    pointer: str
    field: str
    message: str


def interface_of(contract: Mapping[str, Any]) -> Mapping[str, Any]:
    """The interface of a contract document, `ANY` where it has none."""
    found = contract.get("interface")
    return found if isinstance(found, Mapping) else ANY


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Break, ...]:
    """What the interface `new` (`{input, output}`) breaks of `old`; empty where `new` can replace it unseen."""
    found = [_break("input", gap) for gap in _telling(gaps(old["input"], new["input"]))]
    lost = removed(Document(old["output"]), Document(new["output"]))
    told = _telling(gaps(new["output"], old["output"]))
    found += [_break("output", gap) for gap in told if gap.path not in lost]
    for path in lost:
        name = _field(path)
        found.append(
            Break("output", _pointer("output", path), name, f"output: `{name}` was removed")
        )
    return tuple(sorted(set(found), key=lambda item: (item.pointer, item.message))[:_MAX_BREAKS])


def eased(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Break, ...]:
    """What else is different: what `new` accepts beyond `old`, and what it promises beyond it. Nobody breaks on it."""
    sides = (
        ("input", gaps(new["input"], old["input"]), "is no longer required", "accepts more"),
        ("output", gaps(old["output"], new["output"]), "is now always there", "promises more"),
    )
    found = []
    for side, more, free, wider in sides:
        added = removed(Document(new[side]), Document(old[side]))
        for path in added:
            name = f"{side}: `{_field(path)}`"
            found.append(Break(side, _pointer(side, path), _field(path), f"{name} is new"))
        for gap in more:
            if gap.path not in added:
                field = _field(gap.path)
                name = f"{side}: `{field}`" if field else f"the {side}"
                said = f"{name} {free if gap.keyword == 'required' else wider}"
                found.append(Break(side, _pointer(side, gap.path), field, said))
    return tuple(sorted(set(found), key=lambda item: (item.pointer, item.message))[:_MAX_BREAKS])


def _telling(found: Sequence[Gap]) -> list[Gap]:
    """Without what goes without saying: a member that is new and required was anything before."""
    new = {gap.path for gap in found if gap.keyword == "required"}
    silent = (None, sorted(ALL_TYPES))
    return [
        gap
        for gap in found
        if gap.keyword == "required" or gap.path not in new or gap.narrow not in silent
    ]


def same_line(old: SemVer, new: SemVer) -> bool:
    """Do these versions promise to replace each other? One major; below 1.0.0 one minor."""
    return old.major == new.major and (old.major > 0 or old.minor == new.minor)


def next_line(version: SemVer, known: Iterable[SemVer]) -> SemVer:
    """The first version that may break what `version`'s line promised: a new major, below 1.0.0 a new minor."""
    known = (version, *known)
    if version.major > 0:
        return SemVer(max(item.major for item in known) + 1, 0, 0)
    return SemVer(0, max(item.minor for item in known if item.major == 0) + 1, 0)


def removed(old: Document, new: Document) -> list[tuple[str, ...]]:
    """Paths of the members that `old` names and `new` does not. A reader of optional ones misses them too."""
    return _removed(old, old.root, new, new.root, ())


def _removed(
    old: Document, was: Any, new: Document, now: Any, path: tuple[str, ...]
) -> list[tuple[str, ...]]:
    if len(path) > _MAX_DEPTH:
        return []
    before, after = _members(old, was), _members(new, now)
    found: list[tuple[str, ...]] = []
    for name, part in before.items():
        here = (*path, *(("items",) if name is None else ("properties", name)))
        if name in after:
            found += _removed(old, part, new, after[name], here)
        elif name is not None:
            found.append(here)
    return found


def _members(document: Document, schema: Any, depth: int = 0) -> dict[str | None, Any]:
    """The named members of a schema and of its branches; None is each item of an array."""
    found: dict[str | None, Any] = {}
    for part in document.flatten([schema]) or ():
        if part is False:
            continue
        for word in ("anyOf", "oneOf"):
            for branch in part.get(word, ()) if depth < _MAX_DEPTH else ():
                for name, inner in _members(document, branch, depth + 1).items():
                    found.setdefault(name, inner)
        found |= part.get("properties", {})
        if "items" in part:
            found[None] = part["items"]
    return found


def _break(side: str, gap: Gap) -> Break:
    field = _field(gap.path)
    name = f"{side}: `{field}`" if field else f"the {side}"
    say = _input if side == "input" else _output
    return Break(side, _pointer(side, gap.path), field, say(name, gap))


def _pointer(side: str, path: tuple[str, ...]) -> str:
    return join_pointer("interface", side, *path)


def _field(path: tuple[str, ...]) -> str:
    """`("properties", "a", "items", "properties", "b")` as `a[].b`."""
    text, steps = "", iter(path)
    for step in steps:
        if step == "items":
            text += "[]"
        elif step in ("additionalProperties", "propertyNames"):
            text += ".*" if text else "*"
        else:
            name = next(steps, "")
            if step == "prefixItems":
                text += f"[{name}]"
            else:
                name = f"/{name}/" if step == "patternProperties" else name
                text += f".{name}" if text else name
    return text


def _input(name: str, gap: Gap) -> str:
    word = gap.keyword
    if word == "required":
        return f"{name} is now required"
    if word == "false":
        return f"{name} is no longer accepted"
    if word == "type":
        return f"{name} accepted {_list(gap.narrow)}, accepts now only {_list(gap.wide)}"
    if word == "values":
        return f"{name} no longer accepts {_values(gap.narrow)}"
    if word == "enum":
        return f"{name} accepts now only {_values(gap.wide)}"
    if word in _WORDS:
        return f"{name}: {_WORDS[word]} is now {_value(gap.wide)}, was {_value(gap.narrow)}"
    return _changed(name, word)


def _output(name: str, gap: Gap) -> str:
    word = gap.keyword
    if word == "required":
        return f"{name} is no longer always there"
    if word == "false":
        return f"{name} is new where nothing more was promised (additionalProperties: false)"
    if word == "type":
        return f"{name} was {_list(gap.wide)}, may now be {_list(gap.narrow)}"
    if word == "values":
        return f"{name} may now be {_values(gap.narrow)}"
    if word == "enum":
        return f"{name} was one of {_values(gap.wide)}, may now be something else"
    if word in _WORDS:
        return f"{name}: {_WORDS[word]} was {_value(gap.wide)}, is now {_value(gap.narrow)}"
    return _changed(name, word)


def _changed(name: str, word: str) -> str:
    why = _UNSHOWN.get(word)
    return f"{name}: {why or f'`{word}` changed'}, cannot be shown compatible"


def _list(kinds: Any) -> str:
    words = [kind for kind in kinds if not (kind == "integer" and "number" in kinds)]
    if len(words) > 5:
        return "anything"
    return " or ".join(words) or "nothing"


def _values(values: Any) -> str:
    shown = ", ".join(_value(value) for value in values[:5])
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown


def _value(value: Any) -> str:
    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
