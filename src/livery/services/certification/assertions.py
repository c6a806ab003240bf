"""Assertions of a contract: what holds for the output of every fixture, or of one.

{name, pointer, op: eq|ne|lt|le|gt|ge|matches|in|exists, value, fixture?}
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from livery.manifest.schema import compile_schema
from livery.services.certification.comparison import shown

_NOTHING = object()
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


def broken(assertion: Mapping[str, Any], output: Any) -> str | None:
    """What does not hold, in words, or None."""
    pointer, op, value = assertion["pointer"], assertion["op"], assertion["value"]
    found = _at(output, pointer)
    where = pointer or "the output"
    if op == "exists":
        if (found is not _NOTHING) is value:
            return None
        return f"{where} is {'not there' if value else 'there'}"
    if found is _NOTHING:
        return f"{where} is not there"
    if _holds(found, op, value):
        return None
    return f"{where} is {shown(found)}, which is not {op} {shown(value)}"


def _holds(found: Any, op: str, value: Any) -> bool:
    if op in _ORDER:
        return _number(found) and _number(value) and _ORDER[op](found, value)
    if op == "matches":
        # The same linear engine as of interfaces: a pattern cannot hang the check.
        return compile_schema({"type": "string", "pattern": value}).is_valid(found)
    if op == "in":
        return any(_same(found, item) for item in value)
    return _same(found, value) is (op == "eq")


def _same(a: Any, b: Any) -> bool:
    # JSON's equality: 1 and 1.0 are one number, 1 and true are not one value.
    return compile_schema({"const": b}).is_valid(a)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif (
            isinstance(value, list)
            and key.isdecimal()
            and str(int(key)) == key
            and int(key) < len(value)
        ):
            value = value[int(key)]
        else:
            return _NOTHING
    return value
