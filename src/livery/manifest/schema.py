"""JSON Schema 2020-12 of skill interfaces: compiled once, never fetches, linear regexes."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final, NoReturn

import jsonschema_rs

from livery.manifest.canonical import NotIJson, check_ijson, join_pointer
from livery.manifest.denylist import redact_text
from livery.manifest.errors import ContractInvalid, Violation

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_VIOLATIONS: Final = 50
MAX_MESSAGE: Final = 300

# The linear engine: no backtracking, so no pattern of a contract can hang a worker. Look-around
# and back-references do not exist in it and make the contract invalid.
_REGEX = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 21)
_MASK: Final = "the value"


class Validator:
    """A compiled schema. Thread-safe; make one with ``compile_schema`` and keep it."""

    __slots__ = ("_compiled",)

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def is_valid(self, value: object) -> bool:
        """Say whether the JSON value fits the schema; False also for what is not JSON."""
        try:
            return bool(self._compiled.is_valid(value))
        except ValueError:  # not a JSON value
            return False

    def violations(self, value: object) -> tuple[Violation, ...]:
        """Return what is wrong, sorted by pointer, at most MAX_VIOLATIONS; () when it fits.

        Messages never repeat the offending value (it may be a secret) and are cut at MAX_MESSAGE.
        """
        try:
            if self._compiled.is_valid(value):
                return ()
            check_ijson(value)
            found = [
                violation
                for error in islice(self._compiled.iter_errors(value), 4 * MAX_VIOLATIONS)
                for violation in _violations_of(error, value)
            ]
        except NotIJson as fault:
            return (Violation(fault.pointer, fault.reason),)
        except ValueError:
            return (Violation("", "is not a JSON value"),)
        found.sort(key=lambda item: (item.pointer, item.message))
        return tuple(found[:MAX_VIOLATIONS])


def compile_schema(schema: object) -> Validator:
    """Compile a JSON Schema 2020-12 (object or boolean).

    Raises ContractInvalid when it is no valid schema, names another dialect, uses a regular
    expression that the linear engine does not know, or refers to anything outside itself:
    nothing is ever fetched.
    """
    if not isinstance(schema, dict | bool):
        raise ContractInvalid(message="a schema must be an object", violations=[_at("")])
    try:
        check_ijson(schema)
    except NotIJson as fault:
        raise ContractInvalid(
            message=f"the schema is not I-JSON: {fault.reason}",
            violations=[Violation(fault.pointer, fault.reason)],
        ) from None
    dialect = schema.get("$schema", DIALECT) if isinstance(schema, dict) else DIALECT
    if dialect not in (DIALECT, DIALECT + "#"):
        raise ContractInvalid(
            message=f"only {DIALECT} is supported",
            violations=[Violation("/$schema", f"must be {DIALECT}")],
        )
    try:
        compiled = jsonschema_rs.Draft202012Validator(
            schema,
            retriever=_refuse,
            pattern_options=_REGEX,
            validate_formats=True,
            mask=_MASK,
        )
    except (ValueError, RecursionError) as fault:
        raise _invalid(schema, fault) from None
    return Validator(compiled)


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"a schema may not refer to {uri}")


def _at(pointer: str) -> Violation:
    return Violation(pointer, "must be a JSON Schema (object or boolean)")


def _violations_of(error: Any, value: object) -> list[Violation]:
    """Turn one error into violations; each unexpected member gets its own pointer."""
    path, unexpected = list(error.instance_path), None
    if error.kind.name in ("additionalProperties", "unevaluatedProperties"):
        unexpected = error.kind.unexpected
    elif error.kind.name == "falseSchema":
        # jsonschema-rs 0.60 reports `additionalProperties: false` without any `properties` once,
        # at the parent's place and without names: there, no member is expected.
        *_, parent, keyword = ["", *error.schema_path] if error.schema_path else ["", ""]
        if keyword != "additionalProperties" or parent == "properties":
            return [Violation(join_pointer(*path), "is not allowed here")]
        unexpected = list(_at_path(value, path))
    if unexpected is None:
        return [Violation(join_pointer(*path), _message(error.message))]
    return [
        Violation(join_pointer(*path, redact_text(str(name))), "is not allowed here")
        for name in unexpected[:MAX_VIOLATIONS]
    ]


def _at_path(value: Any, path: list[str | int]) -> Any:
    for step in path:
        value = value[step]
    return value


def _invalid(schema: object, fault: BaseException) -> ContractInvalid:
    kind = getattr(fault, "kind", None)
    if kind is not None and kind.name == "$ref":
        message = "refers to something that the document does not hold"
        outside = [Violation(pointer, message) for pointer in _outside_references(schema)]
        violations = outside[:MAX_VIOLATIONS] or [
            Violation("", _message(f"{message}: {getattr(fault, 'message', '')}"))
        ]
    else:
        message = _message(str(getattr(fault, "message", fault)).split("\n", 1)[0])
        violations = [Violation(join_pointer(*getattr(fault, "instance_path", ())), message)]
    return ContractInvalid(
        message=f"not a usable JSON Schema: {message}",
        violations=violations,
        remedy="Use JSON Schema 2020-12 with references inside the document only.",
    )


def _outside_references(schema: object) -> list[str]:
    """Return the pointers of all references that do not start with ``#``, sorted."""
    found: list[str] = []
    stack: list[tuple[object, str]] = [(schema, "")]
    while stack:
        item, pointer = stack.pop()
        if isinstance(item, dict):
            for key, member in item.items():
                here = pointer + join_pointer(key)
                if key in ("$ref", "$dynamicRef") and isinstance(member, str):
                    found.extend([here] if not member.startswith("#") else [])
                stack.append((member, here))
        elif isinstance(item, list):
            stack.extend((member, f"{pointer}/{index}") for index, member in enumerate(item))
    return sorted(found)


def _message(text: str) -> str:
    clean = redact_text(text)
    return clean if len(clean) <= MAX_MESSAGE else clean[: MAX_MESSAGE - 1] + "…"
