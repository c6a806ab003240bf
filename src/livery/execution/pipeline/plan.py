"""Steps as they are written, checked once: operators, names, references, the schema of each boundary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from livery.authoring.context import SKILL_PROVIDER
from livery.manifest.capabilities import CapabilityUse
from livery.manifest.errors import ContractInvalid, LiveryError, Violation
from livery.manifest.schema import Validator, compile_schema

FROM: Final = "$from"
DETERMINISTIC: Final = frozenset({"transform", "score", "summarize", "render"})
"""What depends on its inputs alone. `query` also depends on the data, `skill` on the skill it calls."""

_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 10_000}
_NAMES: Final = {"type": "array", "items": _TEXT, "maxItems": 100}
_AGGREGATES: Final = ("sum", "mean", "min", "max", "count", "median")
_OWN: Final[dict[str, dict[str, Any]]] = {
    "query": {
        "required": ["view", "measures"],
        "properties": {
            "view": _TEXT,
            "dimensions": _NAMES,
            "measures": _NAMES,
            "where": True,
            "order_by": _NAMES,
            "limit": {"type": "integer", "minimum": 1, "maximum": 100_000},
        },
    },
    "transform": {
        "required": ["input", "expression"],
        "properties": {"input": True, "expression": _TEXT},
    },
    "score": {
        "required": ["input", "weights", "into"],
        "properties": {
            "input": True,
            "weights": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": "number"},
            },
            "into": _TEXT,
            "minimum": {"type": "number"},
            "maximum": {"type": "number"},
        },
    },
    "summarize": {
        "required": ["input", "measures"],
        "properties": {
            "input": True,
            "by": _NAMES,
            "measures": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {
                    "type": "object",
                    "properties": {"op": {"enum": list(_AGGREGATES)}, "field": _TEXT},
                    "required": ["op"],
                    "additionalProperties": False,
                },
            },
        },
    },
    "render": {
        "required": ["template"],
        "properties": {
            "input": True,
            "template": {"type": "string", "maxLength": 200_000},
            "artifact": _TEXT,
            "media_type": _TEXT,
        },
    },
    "skill": {"required": ["skill", "input"], "properties": {"skill": _TEXT, "input": True}},
}
_COMMON: Final[dict[str, Any]] = {
    "id": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$"},
    "operator": True,
    "accepts": {"type": ["object", "boolean"]},
    "gives": {"type": ["object", "boolean"]},
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it does, and what may go in and come out."""

    id: str
    operator: str
    options: Mapping[str, Any]
    accepts: Validator | None
    gives: Validator | None

    @property
    def deterministic(self) -> bool:
        """Does its value follow from its inputs alone?"""
        return self.operator in DETERMINISTIC


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked pipeline; its result is that of its last step."""

    steps: tuple[Step, ...]

    def uses(self) -> tuple[CapabilityUse, ...]:
        """What the steps touch: views and skills."""
        found = []
        for step in self.steps:
            if step.operator == "query":
                found.append(CapabilityUse("data", str(step.options["view"]), step.id))
            elif step.operator == "skill":
                name = f"{SKILL_PROVIDER}:{step.options['skill']}"
                found.append(CapabilityUse("tools", name, step.id))
        return tuple(found)


def make_plan(steps: tuple[Mapping[str, Any], ...]) -> Plan:
    """Check the steps of a contract; raises ContractInvalid with every fault and its pointer."""
    faults: list[Violation] = []
    made: list[Step] = []
    known: set[str] = set()
    for index, raw in enumerate(steps):
        name = raw.get("id", f"step{index + 1}")
        faults += _faults(raw, f"/steps/{index}", known)
        if name in known:
            faults.append(Violation(f"/steps/{index}/id", f"{name} is the name of two steps"))
        known.add(name)
        if not faults:
            made.append(_step(raw, name))
    if faults:
        raise ContractInvalid(message="The steps are not well formed.", violations=faults)
    return Plan(tuple(made))


def _step(raw: Mapping[str, Any], name: str) -> Step:
    own = _OWN[raw["operator"]]["properties"]
    return Step(
        name,
        raw["operator"],
        {key: value for key, value in raw.items() if key in own},
        compile_schema(raw["accepts"]) if "accepts" in raw else None,
        compile_schema(raw["gives"]) if "gives" in raw else None,
    )


@lru_cache(maxsize=16)
def _validator(operator: str) -> Validator:
    own = _OWN[operator]
    return compile_schema(
        {
            "type": "object",
            "properties": {**_COMMON, **own["properties"]},
            "required": ["operator", *own["required"]],
            "additionalProperties": False,
        }
    )


def _faults(raw: Mapping[str, Any], pointer: str, known: set[str]) -> list[Violation]:
    operator = raw.get("operator")
    if operator not in _OWN:
        return [Violation(f"{pointer}/operator", f"must be one of {', '.join(_OWN)}")]
    found = [
        Violation(pointer + item.pointer, item.message)
        for item in _validator(operator).violations(dict(raw))
    ]
    if found:
        return found
    for member in ("accepts", "gives"):
        if member in raw:
            found += _nested(f"{pointer}/{member}", raw[member])
    if operator == "transform":
        found += _expression(f"{pointer}/expression", raw["expression"])
    for member, value in raw.items():
        found += _references(f"{pointer}/{member}", value, known)
    return found


def _nested(pointer: str, schema: Any) -> list[Violation]:
    try:
        compile_schema(schema)
    except LiveryError as error:
        return [Violation(pointer + item.pointer, item.message) for item in error.violations]
    return []


def _expression(pointer: str, text: str) -> list[Violation]:
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        return [Violation(pointer, f"no JMESPath expression: {str(error).splitlines()[0][:200]}")]
    except RecursionError:
        return [Violation(pointer, "no JMESPath expression: it is nested too deeply")]
    return []


def _references(pointer: str, value: Any, known: set[str]) -> list[Violation]:
    """Every `$from` must name the input or an earlier step."""
    if isinstance(value, list):
        return [
            fault
            for index, item in enumerate(value)
            for fault in _references(f"{pointer}/{index}", item, known)
        ]
    if not isinstance(value, dict):
        return []
    if FROM not in value:
        return [
            fault
            for key, item in value.items()
            for fault in _references(f"{pointer}/{key}", item, known)
        ]
    text = value[FROM]
    if len(value) != 1 or not isinstance(text, str):
        return [Violation(pointer, f"{FROM} stands alone and is text")]
    found = _expression(f"{pointer}/{FROM}", text)
    head = text.replace("[", ".").split(".")
    if not found and head[0] == "steps" and (len(head) < 2 or head[1].strip('"') not in known):
        found.append(Violation(pointer, f"{text!r} names no earlier step"))
    elif not found and head[0] not in ("input", "steps", "@"):
        found.append(Violation(pointer, f"{text!r} begins with neither input nor steps"))
    return found


def compiled(expression: str) -> ParsedResult:
    """A JMESPath expression; the library keeps the last ones."""
    return jmespath.compile(expression)
