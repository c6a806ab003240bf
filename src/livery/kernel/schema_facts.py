"""What can be read off a JSON Schema 2020-12 without an instance: conjuncts, types, bounds, finite values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

from livery.manifest.canonical import canonical_json
from livery.manifest.errors import ContractInvalid
from livery.manifest.schema import compile_schema

FRACTION: Final = "number"
"""Numbers that are no integers; `integer` is the rest, so that both are sets apart."""
ALL_TYPES: Final = frozenset({"null", "boolean", "integer", FRACTION, "string", "array", "object"})
ANNOTATIONS: Final = frozenset(
    {"$schema", "$comment", "$defs", "$id", "title", "description", "default", "examples"}
    | {"deprecated", "readOnly", "writeOnly"}
    | {"contentEncoding", "contentMediaType", "contentSchema"}
)
"""Keywords that refuse no value."""
KNOWN: Final = frozenset(
    {"$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "type", "enum", "const"}
    | {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "pattern", "format"}
    | {"minItems", "maxItems", "uniqueItems", "prefixItems", "items", "unevaluatedItems"}
    | {"contains", "minContains", "maxContains"}
    | {"required", "minProperties", "maxProperties", "properties", "patternProperties"}
    | {"additionalProperties", "unevaluatedProperties", "propertyNames"}
    | {"dependentRequired", "dependentSchemas"}
)
_MOVING: Final = ("$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor")
_LITERAL: Final = frozenset({"enum", "const", "default", "examples"})
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
_BRANCH_DEPTH: Final = 8
Schemas = list[Any]
"""A conjunction: objects without `allOf` and `$ref`, or False."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where containment is not shown: the path of the schema and the keyword at fault.

    `narrow` and `wide` are what the two sides say there, None where they say nothing.
    """

    path: tuple[str, ...]
    keyword: str
    narrow: Any
    wide: Any


def key_of(value: Any) -> bytes:
    """A value's identity as JSON: 1 is 1.0 and is not true. Raises NotIJson."""
    return canonical_json(value)


class Document:
    """One whole schema, in which references are looked up."""

    def __init__(self, root: Any) -> None:
        self.root = root

    @cached_property
    def local(self) -> bool:
        """Does every reference mean a place of this document, by pointer?"""
        for schema in _walk(self.root):
            if any(word in schema for word in _MOVING):
                return False
            if "$id" in schema and schema is not self.root:
                return False
        return True

    @cached_property
    def plain(self) -> bool:
        """Do all references lead into `$defs` of the root?"""
        refs = [schema["$ref"] for schema in _walk(self.root) if "$ref" in schema]
        return all(isinstance(ref, str) and ref.startswith("#/$defs/") for ref in refs)

    @cached_property
    def definitions(self) -> bytes:
        """The identity of `$defs`."""
        return key_of(self.root.get("$defs", {}) if isinstance(self.root, dict) else {})

    @staticmethod
    def refers(schema: Any) -> bool:
        """Is there a reference inside?"""
        return any("$ref" in part for part in _walk(schema))

    def flatten(self, schemas: Sequence[Any], seen: frozenset[str] = frozenset()) -> Schemas | None:
        """A conjunction without `allOf` and `$ref`; None where a reference leads nowhere or to itself."""
        found: Schemas = []
        for schema in schemas:
            if schema is False:
                return [False]
            if schema is True:
                continue
            if any(word in schema for word in ("unevaluatedProperties", "unevaluatedItems")):
                found.append(schema)
            core = {
                word: value
                for word, value in schema.items()
                if word not in ANNOTATIONS
                and word not in ("allOf", "$ref")
                and not word.startswith("unevaluated")
            }
            found += [core] if core else []
            inner = self._inner(schema, seen)
            if inner is None:
                return None
            found += inner
        return [False] if False in found else _distinct(found)

    def _inner(self, schema: Mapping[str, Any], seen: frozenset[str]) -> Schemas | None:
        found: Schemas = []
        parts: list[tuple[Any, frozenset[str]]] = [(part, seen) for part in schema.get("allOf", ())]
        if "$ref" in schema:
            ref = schema["$ref"]
            target = None if ref in seen else self._lookup(ref)
            if target is None:
                return None
            parts.append((target, seen | {ref}))
        for part, known in parts:
            inner = self.flatten([part], known)
            if inner is None:
                return None
            found += inner
        return found

    def _lookup(self, ref: Any) -> Any:
        if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")) or "%" in ref:
            return None
        place = self.root
        for token in ref.split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(place, dict) and name in place:
                place = place[name]
            elif isinstance(place, list) and name.isdigit() and int(name) < len(place):
                place = place[int(name)]
            else:
                return None
        return place if isinstance(place, dict | bool) else None


def _walk(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object inside that may be a schema; what is only data (`enum`, `const`, …) is left out."""
    stack = [schema]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            yield item
            for word, value in item.items():
                if word in _NAMED and isinstance(value, dict):
                    stack += value.values()
                elif word not in _LITERAL:
                    stack.append(value)


def _distinct(schemas: Schemas) -> Schemas:
    return list({key_of(schema): schema for schema in schemas}.values())


def expand(kinds: Any) -> frozenset[str]:
    """The value of `type` as a set in which integers and other numbers are apart."""
    named = {kinds} if isinstance(kinds, str) else set(kinds)
    return frozenset(named | ({"integer", FRACTION} if "number" in named else set()))


def types_of(schemas: Sequence[Any], document: Document, depth: int = 0) -> frozenset[str]:
    """The types that a value of this conjunction can have, at most."""
    flat = document.flatten(schemas)
    if flat is None or depth > _BRANCH_DEPTH:
        return ALL_TYPES
    found = ALL_TYPES
    for schema in flat:
        if schema is False:
            return frozenset()
        if "type" in schema:
            found &= expand(schema["type"])
        if "const" in schema:
            found &= {_type(schema["const"])}
        if "enum" in schema:
            found &= {_type(value) for value in schema["enum"]}
        for word in ("anyOf", "oneOf"):
            if word in schema:
                parts = [types_of([part], document, depth + 1) for part in schema[word]]
                found &= frozenset().union(*parts)
    return found


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if float(value).is_integer() else FRACTION
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def finite(schemas: Schemas, document: Document) -> list[Any] | None:
    """The values that fit a conjunction where they can be counted (perhaps some more), else None."""
    lists = [schema["enum"] for schema in schemas if "enum" in schema]
    lists += [[schema["const"]] for schema in schemas if "const" in schema]
    held = types_of(schemas, document)
    if held <= {"null", "boolean"}:
        lists.append(
            ([None] if "null" in held else []) + ([False, True] if "boolean" in held else [])
        )
    if not lists:
        return None
    values: list[Any] = min(lists, key=len)
    for schema in schemas:
        known = accepts(schema, values, document)
        if known is not None:
            values = [value for value, fits in zip(values, known, strict=True) if fits]
    return values


def accepts(
    schema: Mapping[str, Any], values: Sequence[Any], document: Document
) -> list[bool] | None:
    """Which of these values fit a part of a document; None where the part cannot be asked alone."""
    if Document.refers(schema):
        if not document.plain:
            return None
        schema = {**schema, "$defs": document.root.get("$defs", {})}
    try:
        validator = compile_schema(dict(schema))
    except ContractInvalid:
        return None
    return [validator.is_valid(value) for value in values]


@lru_cache(maxsize=1024)
def matches(pattern: str, name: str) -> bool:
    """Does the pattern match somewhere in a name, as the validator's own engine sees it?"""
    return compile_schema({"pattern": pattern}).is_valid(name)


def bound(
    schemas: Sequence[Mapping[str, Any]],
    inclusive: str,
    exclusive: str,
    sign: int,
    *,
    integers: bool,
) -> tuple[float, bool] | None:
    """The tightest bound, larger is tighter: (sign * limit, is it exclusive); None without one."""
    found: list[tuple[float, bool]] = []
    for schema in schemas:
        if inclusive in schema:
            limit = sign * schema[inclusive]
            found.append((math.ceil(limit) if integers else limit, False))
        if exclusive in schema:
            limit = sign * schema[exclusive]
            found.append((math.floor(limit) + 1, False) if integers else (limit, True))
    return max(found, default=None)
