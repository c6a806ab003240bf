"""The JSON Schema of ``contract.yaml`` (``apiVersion: livery/v1``)."""

from __future__ import annotations

from typing import Any, Final

API_VERSION: Final = "livery/v1"
RUNTIMES: Final = ("python", "pipeline", "mcp", "container", "instructions")
OPERATORS: Final = ("query", "transform", "score", "summarize", "render", "skill")
COMPATIBILITY: Final = ("backward", "breaking", "none")
REVIEW_POLICIES: Final = ("standing", "fixed")
MAX_TIMEOUT_S: Final = 3600
ASSERTIONS: Final = ("eq", "ne", "lt", "le", "gt", "ge", "matches", "in", "exists")
"""What an assertion may say of the value at its pointer, in the output of every fixture or of one."""


def _closed(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required or [],
        "additionalProperties": False,
    }


_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 2000}
_AMOUNT: Final = {"type": "number", "minimum": 0, "maximum": 1_000_000}

_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 200}
_POINTER: Final = {"type": "string", "pattern": "^(?:/(?:[^~/]|~[01])*)*$", "maxLength": 1000}
_FIXTURES: Final[dict[str, Any]] = {
    "type": "array",
    "maxItems": 1000,
    "items": _closed(
        {
            "name": _NAME,
            "input": True,
            "output": True,
            "tolerance": {"type": "number", "minimum": 0},
        },
        ["name", "input", "output"],
    ),
}


def _takes(operators: list[str], value: dict[str, Any]) -> dict[str, Any]:
    """These operators of an assertion take such a value."""
    given = {"properties": {"op": {"enum": operators}}, "required": ["op"]}
    return {"if": given, "then": {"properties": {"value": value}}}


_ASSERTION: Final[dict[str, Any]] = {
    **_closed(
        {
            "name": _NAME,
            "pointer": _POINTER,
            "op": {"enum": list(ASSERTIONS)},
            "value": True,
            "fixture": _NAME,
        },
        ["name", "pointer", "op", "value"],
    ),
    "allOf": [
        _takes(["lt", "le", "gt", "ge"], {"type": "number"}),
        _takes(["matches"], {"type": "string", "maxLength": 1000}),
        _takes(["in"], {"type": "array", "minItems": 1, "maxItems": 1000}),
        _takes(["exists"], {"type": "boolean"}),
    ],
}

FIXTURES_SCHEMA: Final[dict[str, Any]] = _closed({"fixtures": _FIXTURES})
"""What a file under ``tests/`` holds."""

TESTS_SCHEMA: Final[dict[str, Any]] = _closed(
    {
        "fixtures": _FIXTURES,
        "assertions": {"type": "array", "maxItems": 1000, "items": _ASSERTION},
        "budgets": _closed(
            {"p95_ms": {"type": "number", "exclusiveMinimum": 0}, "cost_usd": _AMOUNT}
        ),
    }
)
"""The ``tests`` member of a contract."""

CONTRACT_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Livery skill contract",
    **_closed(
        {
            "apiVersion": {"const": API_VERSION},
            "version": True,  # parse_semver says it better
            "owner": {"type": "string", "minLength": 1, "maxLength": 200},
            "category": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"},
            "runtime": _closed(
                {
                    "kind": {"enum": list(RUNTIMES)},
                    "entry": {"type": "string", "minLength": 1, "maxLength": 300},
                    "timeout_s": {
                        "type": "number",
                        "exclusiveMinimum": 0,
                        "maximum": MAX_TIMEOUT_S,
                    },
                    # container only
                    "image": {"type": "string", "maxLength": 300},
                    "interface": {"const": 1},
                    "language": {"type": "string", "maxLength": 32},
                    "memory_mb": {"type": "integer", "minimum": 16, "maximum": 65536},
                    "cpus": {"type": "number", "exclusiveMinimum": 0, "maximum": 64},
                    "env": {"type": "array", "items": _TEXT, "maxItems": 64},
                },
                ["kind"],
            ),
            "interface": _closed(
                {
                    "input": {"type": ["object", "boolean"]},
                    "output": {"type": ["object", "boolean"]},
                },
                ["input", "output"],
            ),
            "capabilities": {"type": ["object", "null"]},
            # fixed: every call with an effect is approved by itself; no standing approval covers it
            "review_policy": {"enum": list(REVIEW_POLICIES)},
            "cost": _closed({"estimate_usd": _AMOUNT, "high_cost": {"type": "boolean"}}),
            "steps": {
                "type": "array",
                "maxItems": 200,
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"},
                        "operator": {"enum": list(OPERATORS)},
                    },
                    "required": ["operator"],
                },
            },
            "tests": TESTS_SCHEMA,
            "release": _closed(
                {"compatibility": {"enum": list(COMPATIBILITY)}, "migration": {"type": "string"}}
            ),
        },
        ["apiVersion", "version", "runtime"],
    ),
}
"""What a contract may hold; capabilities, versions and the two schemas are checked further."""
