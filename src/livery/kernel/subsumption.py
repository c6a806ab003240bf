"""Does every JSON value that fits one schema fit another? JSON Schema 2020-12, sound and not complete.

An empty answer is a proof; a gap is a place where there is none. What is not understood (an unknown
keyword, a reference that leads elsewhere, too deep or too large) is a gap, never a yes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from livery.kernel.schema_facts import (
    ANNOTATIONS,
    FRACTION,
    KNOWN,
    Document,
    Gap,
    Schemas,
    accepts,
    bound,
    expand,
    finite,
    key_of,
    matches,
    types_of,
)
from livery.manifest.canonical import NotIJson

MAX_STEPS: Final = 4_000
MAX_DEPTH: Final = 48
_SPLIT: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
_WHOLE: Final = ("unevaluatedProperties", "unevaluatedItems")
_ALIKE: Final = (
    ("not",),
    ("if", "then", "else"),
    ("dependentSchemas",),
    ("contains", "minContains", "maxContains"),
)
Path = tuple[str, ...]


class _TooLarge(Exception):
    """The comparison was given up."""


def gaps(narrow: Any, wide: Any) -> tuple[Gap, ...]:
    """Where it cannot be shown that what fits `narrow` fits `wide`; empty where it is shown."""
    try:
        if key_of(narrow) == key_of(wide):
            return ()
        return tuple(_Comparison(Document(narrow), Document(wide)).all())
    except (_TooLarge, RecursionError):
        return (Gap((), "size", None, None),)
    except NotIJson:
        return (Gap((), "form", None, None),)


class _Comparison:
    def __init__(self, narrow: Document, wide: Document) -> None:
        self._narrow, self._wide = narrow, wide
        self._steps = 0
        self._open: dict[tuple[bytes, bytes], int] = {}
        # A reference means the same in both where both have the same definitions.
        self._shared = narrow.plain and wide.plain and narrow.definitions == wide.definitions

    def all(self) -> list[Gap]:
        if not (self._narrow.local and self._wide.local):
            return [Gap((), "$id", None, None)]
        return self._contained([self._narrow.root], self._wide.root, (), 0)

    def _contained(self, narrow: Sequence[Any], wide: Any, path: Path, depth: int) -> list[Gap]:
        """Gaps between the conjunction `narrow` and `wide`; `depth` counts steps into the value."""
        self._steps += 1
        if self._steps > MAX_STEPS or depth > MAX_DEPTH:
            raise _TooLarge
        subs, sups = self._narrow.flatten(narrow), self._wide.flatten([wide])
        if subs is None or sups is None:
            return [Gap(path, "$ref", None, None)]
        if False in subs:
            return []
        if False in sups:
            return [Gap(path, "false", None, None)]
        key = (key_of(subs), key_of(sups))
        if key in self._open:
            # Values are finite: a question that comes back deeper inside is answered by induction.
            return [] if depth > self._open[key] else [Gap(path, "$ref", None, None)]
        self._open[key] = depth
        try:
            found = self._unknown(subs, sups, path)
            for sup in sups:
                if not self._same(sup, subs):
                    found += self._conjunct(subs, sup, path, depth)
            return found
        finally:
            del self._open[key]

    def _same(self, sup: Any, subs: Schemas) -> bool:
        if not self._shared and Document.refers(sup):
            return False
        wanted = key_of(sup)
        return any(key_of(sub) == wanted for sub in subs)

    def _unknown(self, subs: Schemas, sups: Schemas, path: Path) -> list[Gap]:
        def odd(schemas: Schemas) -> dict[bytes, str]:
            return {
                key_of([name, value]): name
                for schema in schemas
                for name, value in schema.items()
                if name not in KNOWN and name not in ANNOTATIONS
            }

        old, new = odd(subs), odd(sups)
        return [
            Gap(path, name, None, None)
            for name in sorted({(old | new)[k] for k in old.keys() ^ new.keys()})
        ]

    def _conjunct(self, subs: Schemas, sup: Mapping[str, Any], path: Path, depth: int) -> list[Gap]:
        values = finite(subs, self._narrow)
        if values is not None and (known := accepts(sup, values, self._wide)) is not None:
            refused = [value for value, fits in zip(values, known, strict=True) if not fits]
            return [Gap(path, "values", refused, None)] if refused else []
        found = self._direct(subs, sup, path, depth)
        if not found:
            return []
        for parts in self._splits(subs, sup):
            if all(not self._part(part, sup, path, depth) for part in parts):
                return []
        return found

    def _part(
        self, part: Schemas | None, sup: Mapping[str, Any], path: Path, depth: int
    ) -> list[Gap]:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _TooLarge
        if part is None:
            return [Gap(path, "$ref", None, None)]
        return [] if False in part else self._conjunct(part, sup, path, depth)

    def _splits(self, subs: Schemas, sup: Mapping[str, Any]) -> Iterator[list[Schemas | None]]:
        """Ways to see `subs` as a union: by its own branches, and by type where `sup` is one."""
        for index, sub in enumerate(subs):
            for word in ("anyOf", "oneOf"):
                if word in sub:
                    rest = {k: v for k, v in sub.items() if k != word}
                    others = [*subs[:index], *([rest] if rest else []), *subs[index + 1 :]]
                    flat = [self._narrow.flatten([branch]) for branch in sub[word]]
                    yield [None if part is None else [*others, *part] for part in flat]
        if "anyOf" in sup or "oneOf" in sup:
            held = types_of(subs, self._narrow)
            names = [
                name
                for name in _SPLIT
                if name in held and not (name == "integer" and FRACTION in held)
            ]
            if len(names) > 1:
                yield [[*subs, {"type": name}] for name in names]

    def _direct(self, subs: Schemas, sup: Mapping[str, Any], path: Path, depth: int) -> list[Gap]:
        for word in _WHOLE:
            if word in sup:  # it looks at its neighbours: only the very same schema is the same
                return [Gap(path, word, None, sup[word])]
        held = types_of(subs, self._narrow)
        found: list[Gap] = []
        if "type" in sup and not held <= expand(sup["type"]):
            return [Gap(path, "type", sorted(held), sorted(expand(sup["type"])))]
        for word in ("enum", "const"):
            if word in sup:
                allowed = sup[word] if word == "enum" else [sup[word]]
                found.append(Gap(path, "enum", None, allowed))
        found += [
            Gap(path, alike[0], None, sup[alike[0]])
            for alike in _ALIKE
            if alike[0] in sup and not self._alike(subs, sup, alike)
        ]
        found += self._branches(subs, sup, path, depth)
        if held & {"integer", FRACTION}:
            found += self._numbers(subs, sup, path, integers=FRACTION not in held)
        if "string" in held:
            found += self._strings(subs, sup, path)
        if "array" in held:
            found += self._arrays(subs, sup, path, depth)
        if "object" in held:
            found += self._objects(subs, sup, path, depth)
        return found

    def _alike(self, subs: Schemas, sup: Mapping[str, Any], words: tuple[str, ...]) -> bool:
        """Do these words say in some conjunct exactly what they say in `sup`?"""
        wanted = {word: sup.get(word) for word in words}
        return self._same(wanted, [{word: sub.get(word) for word in words} for sub in subs])

    def _branches(self, subs: Schemas, sup: Mapping[str, Any], path: Path, depth: int) -> list[Gap]:
        found = []
        for word in ("anyOf", "oneOf"):
            if word not in sup or self._same(
                {word: sup[word]}, [{word: s.get(word)} for s in subs]
            ):
                continue
            apart = word == "anyOf" or self._apart(sup[word])
            if apart and any(
                not self._contained(subs, branch, path, depth) for branch in sup[word]
            ):
                continue
            held, open_to = types_of(subs, self._narrow), types_of([{word: sup[word]}], self._wide)
            if held <= open_to:
                found.append(Gap(path, word, None, None))
            else:
                found.append(Gap(path, "type", sorted(held), sorted(open_to)))
        return found

    def _apart(self, branches: Sequence[Any]) -> bool:
        """Do these branches exclude each other by their types?"""
        seen: set[str] = set()
        for branch in branches:
            kinds = types_of([branch], self._wide)
            if kinds & seen:
                return False
            seen |= kinds
        return True

    def _numbers(
        self, subs: Schemas, sup: Mapping[str, Any], path: Path, *, integers: bool
    ) -> list[Gap]:
        found = []
        for sign, pair in (
            (1, ("minimum", "exclusiveMinimum")),
            (-1, ("maximum", "exclusiveMaximum")),
        ):
            held = bound(subs, *pair, sign, integers=integers)
            for word in pair:
                wanted = bound([sup], *pair, sign, integers=integers) if word in sup else None
                if wanted is not None and (held is None or held < wanted):
                    found.append(Gap(path, word, _first(subs, *pair), sup[word]))
        step = sup.get("multipleOf")
        if step is not None and not any(_multiple(sub.get("multipleOf"), step) for sub in subs):
            found.append(Gap(path, "multipleOf", _first(subs, "multipleOf"), step))
        return found

    def _strings(self, subs: Schemas, sup: Mapping[str, Any], path: Path) -> list[Gap]:
        found = _limits(subs, sup, path, "minLength", "maxLength")
        for word in ("pattern", "format"):
            if word in sup and all(sub.get(word) != sup[word] for sub in subs):
                found.append(Gap(path, word, _first(subs, word), sup[word]))
        return found

    def _arrays(self, subs: Schemas, sup: Mapping[str, Any], path: Path, depth: int) -> list[Gap]:
        found = _limits(subs, sup, path, "minItems", "maxItems")
        if sup.get("uniqueItems") is True and not any(
            sub.get("uniqueItems") is True for sub in subs
        ):
            found.append(Gap(path, "uniqueItems", False, True))
        longest = min((sub["maxItems"] for sub in subs if "maxItems" in sub), default=None)
        named = max(len(schema.get("prefixItems", ())) for schema in [*subs, sup])
        for index in range(named if longest is None else min(named, int(longest))):
            held = [part for sub in subs for part in _item(sub, index)]
            for part in _item(sup, index):
                found += self._contained(held, part, (*path, "prefixItems", str(index)), depth + 1)
        if "items" in sup and (longest is None or longest > named):
            held = [sub["items"] for sub in subs if "items" in sub]
            found += self._contained(held, sup["items"], (*path, "items"), depth + 1)
        return found

    def _objects(self, subs: Schemas, sup: Mapping[str, Any], path: Path, depth: int) -> list[Gap]:
        required = {name for sub in subs for name in sub.get("required", ())}
        missing = [name for name in sup.get("required", ()) if name not in required]
        found = [Gap((*path, "properties", name), "required", None, None) for name in missing]
        found += _limits(
            [*subs, {"minProperties": len(required)}], sup, path, "minProperties", "maxProperties"
        )
        for name, needed in sup.get("dependentRequired", {}).items():
            held = required | {
                n for s in subs for n in s.get("dependentRequired", {}).get(name, ())
            }
            if not set(needed) <= held:
                found.append(Gap((*path, "properties", name), "dependentRequired", None, needed))
        if "propertyNames" in sup:
            held_names = [s["propertyNames"] for s in subs if "propertyNames" in s]
            found += self._contained(
                [*held_names, {"type": "string"}],
                sup["propertyNames"],
                (*path, "propertyNames"),
                depth + 1,
            )
        return found + self._members(subs, sup, path, depth + 1)

    def _members(self, subs: Schemas, sup: Mapping[str, Any], path: Path, depth: int) -> list[Gap]:
        found = []
        names = {name for schema in [*subs, sup] for name in schema.get("properties", {})}
        for name in sorted(names):
            held = [part for sub in subs for part in _member(sub, name)]
            for part in _member(sup, name):
                found += self._contained(held, part, (*path, "properties", name), depth)
        for pattern, wanted in sup.get("patternProperties", {}).items():
            held = [sub.get("patternProperties", {}).get(pattern, _other(sub)) for sub in subs]
            found += self._contained(held, wanted, (*path, "patternProperties", pattern), depth)
        if "additionalProperties" in sup:
            held = [_other(sub) for sub in subs]
            wanted = sup["additionalProperties"]
            found += self._contained(held, wanted, (*path, "additionalProperties"), depth)
        return found


def _limits(subs: Schemas, sup: Mapping[str, Any], path: Path, least: str, most: str) -> list[Gap]:
    found = []
    low = max((sub[least] for sub in subs if least in sub), default=0)
    high = min((sub[most] for sub in subs if most in sub), default=None)
    if sup.get(least, 0) > low:
        found.append(Gap(path, least, low or None, sup[least]))
    if most in sup and (high is None or high > sup[most]):
        found.append(Gap(path, most, high, sup[most]))
    return found


def _first(subs: Schemas, *words: str) -> Any:
    return next((sub[word] for sub in subs for word in words if word in sub), None)


def _multiple(held: Any, wanted: Any) -> bool:
    if held is None:
        return False
    whole = isinstance(held, int) and isinstance(wanted, int)
    return bool(held == wanted or (whole and held % wanted == 0))


def _item(schema: Mapping[str, Any], index: int) -> list[Any]:
    prefix = schema.get("prefixItems", ())
    if index < len(prefix):
        return [prefix[index]]
    return [schema["items"]] if "items" in schema else []


def _member(schema: Mapping[str, Any], name: str) -> list[Any]:
    """What a schema asks of the member `name`."""
    found = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    patterns = schema.get("patternProperties", {})
    found += [part for pattern, part in patterns.items() if matches(pattern, name)]
    if not found and "additionalProperties" in schema:
        found = [schema["additionalProperties"]]
    return found


def _other(schema: Mapping[str, Any]) -> Any:
    """What a schema asks, at least, of a member that it does not name."""
    patterns = list(schema.get("patternProperties", {}).values())
    rest = schema.get("additionalProperties", True)
    return {"anyOf": [*patterns, rest]} if patterns else rest
