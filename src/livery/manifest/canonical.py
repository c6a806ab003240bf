"""I-JSON (RFC 7493) checks and canonical JSON (RFC 8785), the base of every hash."""

from __future__ import annotations

import hashlib
import re
from typing import Final

import orjson
import rfc8785

MAX_INT: Final = 2**53 - 1
"""Largest integer that an IEEE 754 double holds without a neighbour rounding to it."""
MAX_DEPTH: Final = 128
"""Deepest nesting of arrays and objects that a value may have."""

# NUL (refused by us: PostgreSQL text cannot hold it), surrogates and noncharacters (RFC 7493 2.1).
_BAD_TEXT = re.compile(
    "[\x00\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)
_ASCII_NUL = "\x00"
# How a checked value can be written: by orjson alone, or only by the reference serializer.
_PLAIN, _NEEDS_RFC, _BAD = 0, 1, 2


class NotIJson(ValueError):
    """A value is outside I-JSON.

    ``pointer`` is the RFC 6901 JSON pointer of the first offending member, ``reason`` one sentence
    that never holds the value itself.
    """

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{pointer or '(root)'}: {reason}")
        self.pointer = pointer
        self.reason = reason


def escape_pointer(segment: str) -> str:
    """Return one reference token of a JSON pointer, escaped as RFC 6901 section 3 says."""
    return segment.replace("~", "~0").replace("/", "~1")


def join_pointer(*segments: str | int) -> str:
    """Return the JSON pointer of a path: ``join_pointer("a/b", 0)`` is ``/a~1b/0``."""
    return "".join(f"/{escape_pointer(str(segment))}" for segment in segments)


def check_ijson(value: object) -> None:
    """Raise NotIJson when ``value`` is not I-JSON: a NUL, surrogate or noncharacter in a text,
    NaN or infinity, an integer beyond 2^53 - 1, a key that is no text, nesting over MAX_DEPTH,
    or a type that JSON does not have. Tuples count as arrays.
    """
    if _classify(value) == _BAD:
        raise _locate(value)


def canonical_json(value: object) -> bytes:
    """Return the RFC 8785 (JCS) bytes of an I-JSON value; raises NotIJson otherwise."""
    kind = _classify(value)
    if kind == _BAD:
        raise _locate(value)
    if kind == _PLAIN:
        # Without floats and with ASCII keys only, orjson's sorted output is byte for byte JCS.
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return rfc8785.dumps(value)  # type: ignore[arg-type]


def canonical_hash(value: object) -> str:
    """Return ``sha256:<hex>`` over the canonical JSON of ``value``; raises NotIJson."""
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()


def sha256_hex(data: bytes) -> str:
    """Return the lower-case hex SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def _classify(value: object) -> int:  # noqa: PLR0912 - flat: the hot path
    kind = _PLAIN
    stack: list[tuple[object, int]] = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        cls = item.__class__
        if cls is dict:
            if depth >= MAX_DEPTH:
                return _BAD
            for key, member in item.items():  # type: ignore[attr-defined]
                if key.__class__ is not str:
                    return _BAD
                if key.isascii():
                    if _ASCII_NUL in key:
                        return _BAD
                elif _BAD_TEXT.search(key):
                    return _BAD
                else:
                    kind = _NEEDS_RFC
                member_cls = member.__class__
                if member_cls is int:
                    if not -MAX_INT <= member <= MAX_INT:
                        return _BAD
                elif member_cls is str and member.isascii():
                    if _ASCII_NUL in member:
                        return _BAD
                elif member is not None and member_cls is not bool:
                    stack.append((member, depth + 1))
        elif cls is list or cls is tuple:
            if depth >= MAX_DEPTH:
                return _BAD
            stack.extend([(member, depth + 1) for member in item])  # type: ignore[attr-defined]
        elif item is None or cls is bool:
            continue
        elif cls is float:
            if item - item != 0.0:  # type: ignore[operator]  # NaN and infinities
                return _BAD
            kind = _NEEDS_RFC
        elif _scalar_fault(item) is not None:
            return _BAD
        elif cls is not str and cls is not int:
            kind = _NEEDS_RFC  # subclasses such as StrEnum
    return kind


def _scalar_fault(item: object) -> str | None:
    """Say why a scalar (or a value of an unknown type) is not I-JSON, or return None."""
    if isinstance(item, str):
        return _text_fault(item)
    if item is None or isinstance(item, bool):
        return None
    if isinstance(item, int):
        return None if -MAX_INT <= item <= MAX_INT else "the integer is beyond 2^53"
    if isinstance(item, float):
        return None if item - item == 0.0 else "NaN and infinity are not JSON numbers"
    return f"a value of type {type(item).__name__} is not JSON"


def _text_fault(text: str) -> str | None:
    found = _BAD_TEXT.search(text)
    if found is None:
        return None
    if found.group() == _ASCII_NUL:
        return "the text holds a NUL character"
    if "\ud800" <= found.group() <= "\udfff":
        return "the text holds a lone surrogate"
    return "the text holds a Unicode noncharacter"


def _locate(value: object) -> NotIJson:
    """Walk a bad value again, now with pointers, and return the first fault in document order."""
    stack: list[tuple[object, str, int]] = [(value, "", 0)]
    while stack:
        item, pointer, depth = stack.pop()
        if isinstance(item, dict | list | tuple) and depth >= MAX_DEPTH:
            return NotIJson(pointer, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(item, dict):
            members: list[tuple[object, str, int]] = []
            for key, member in item.items():
                if not isinstance(key, str):
                    return NotIJson(pointer, "an object key is not a text")
                fault = _text_fault(key)
                if fault:
                    return NotIJson(pointer, fault.replace("the text", "an object key"))
                members.append((member, f"{pointer}/{escape_pointer(key)}", depth + 1))
            stack.extend(reversed(members))
        elif isinstance(item, list | tuple):
            stack.extend(
                (member, f"{pointer}/{index}", depth + 1)
                for index, member in reversed(list(enumerate(item)))
            )
        else:
            fault = _scalar_fault(item)
            if fault:
                return NotIJson(pointer, fault)
    return NotIJson("", "the value uses a container type that is not JSON")
