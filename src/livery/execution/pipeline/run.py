"""Run a plan: each step checked, its value followed, its failure explained."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from livery.authoring.context import Context
from livery.authoring.errors import SkillFailed
from livery.execution.pipeline import operators
from livery.execution.pipeline.budget import Budget
from livery.execution.pipeline.expression import search
from livery.execution.pipeline.plan import FROM, Plan, Step
from livery.manifest.canonical import NotIJson, canonical_hash
from livery.manifest.errors import LiveryError, Violation
from livery.manifest.schema import Validator

CallSkill = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a value comes from: its step, the hashes of what went in, its own hash, and how long it took."""

    step: str
    operator: str
    deterministic: bool
    inputs: Mapping[str, str]
    output: str
    duration_ms: float

    def to_dict(self) -> dict[str, Any]:
        """As provenance keeps it; without the duration, so that equal runs have equal lineage."""
        return {
            "step": self.step,
            "operator": self.operator,
            "deterministic": self.deterministic,
            "inputs": dict(self.inputs),
            "output": self.output,
        }


class StepFailed(LiveryError):
    """A step failed; details name it, its operator, its inputs by hash, and the steps that were done."""

    code = "provider_execution_failed"


@dataclass(slots=True)
class Trace:
    """The values so far, and their lineage."""

    args: Any
    values: dict[str, Any] = field(default_factory=dict)
    lineage: list[Lineage] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)

    @property
    def scope(self) -> dict[str, Any]:
        """What references are resolved in."""
        return {"input": self.args, "steps": dict(self.values)}


def run_plan(plan: Plan, args: Any, ctx: Context, call: CallSkill) -> tuple[Any, Trace]:
    """The value of the last step, and the trace. Raises StepFailed, or the refusal of a capability as it is."""
    trace = Trace(args)
    value: Any = None
    for step in plan.steps:
        value = _step(step, trace, ctx, call)
    return value, trace


def _step(step: Step, trace: Trace, ctx: Context, call: CallSkill) -> Any:
    started = time.perf_counter()
    inputs: dict[str, str] = {}
    try:
        options = {name: _resolved(value, trace, inputs) for name, value in step.options.items()}
        # What is named twice is there once: as text it is there twice.
        trace.budget.check(options)
        _check(step.accepts, options.get("input"), "takes")
        value = _do(step, options, trace, ctx, call)
        trace.budget.check(value)
        _check(step.gives, value, "gives")
        output = canonical_hash(value)
    except LiveryError as error:
        if error.code == "skill_capability_denied":
            raise
        raise _failed(step, trace, inputs, error.message, error) from error
    except NotIJson as error:
        text = f"Its value at {error.pointer or '/'}: {error.reason}."
        raise _failed(step, trace, inputs, text, None) from error
    took = round((time.perf_counter() - started) * 1000, 3)
    trace.values[step.id] = value
    trace.lineage.append(Lineage(step.id, step.operator, step.deterministic, inputs, output, took))
    return value


def _do(step: Step, options: Mapping[str, Any], trace: Trace, ctx: Context, call: CallSkill) -> Any:
    match step.operator:
        case "query":
            return ctx.data.query(
                options["view"],
                options.get("dimensions", []),
                options["measures"],
                options.get("where"),
                options.get("order_by"),
                options.get("limit"),
            )
        case "transform":
            return operators.transform(options["input"], options["expression"], trace.budget)
        case "score":
            return operators.score(
                options["input"],
                options["weights"],
                options["into"],
                options.get("minimum"),
                options.get("maximum"),
                trace.budget,
            )
        case "summarize":
            return operators.summarize(
                options["input"], options["measures"], options.get("by", ()), trace.budget
            )
        case "render":
            return _render(options, trace, ctx)
        case _:
            return call(options["skill"], options["input"])


def _render(options: Mapping[str, Any], trace: Trace, ctx: Context) -> str:
    text = operators.render(
        options["template"], {**trace.scope, "value": options.get("input")}, trace.budget
    )
    if "artifact" in options:
        ctx.artifact(options["artifact"], options.get("media_type", "text/markdown"), text)
    return text


def _resolved(value: Any, trace: Trace, inputs: dict[str, str]) -> Any:
    """The value with every `$from` replaced by what it names, whose hash is noted."""
    if isinstance(value, list):
        return [_resolved(item, trace, inputs) for item in value]
    if not isinstance(value, dict):
        return value
    if FROM not in value:
        return {key: _resolved(item, trace, inputs) for key, item in value.items()}
    found = search(value[FROM], trace.scope, trace.budget)
    inputs[value[FROM]] = canonical_hash(found)
    return found


def _check(validator: Validator | None, value: Any, way: str) -> None:
    if validator is None or validator.is_valid(value):
        return
    violations = validator.violations(value)
    first = violations[0]
    raise _Boundary(
        message=f"What it {way} at {first.pointer or '/'}: {first.message}", violations=violations
    )


class _Boundary(LiveryError):
    code = "tool_output_invalid"


def _failed(
    step: Step, trace: Trace, inputs: Mapping[str, str], message: str, error: LiveryError | None
) -> StepFailed:
    violations: tuple[Violation, ...] = error.violations if error is not None else ()
    failed = StepFailed(
        message=f"Step {step.id} ({step.operator}): {message}",
        violations=violations,
        details={
            "step": step.id,
            "operator": step.operator,
            "cause": getattr(error, "cause", error.code) if error else "tool_output_invalid",
            "inputs": dict(inputs),
            "done": [item.to_dict() for item in trace.lineage],
            **({"violations": [item.to_dict() for item in violations[:10]]} if violations else {}),
            **({"because": dict(error.details)} if error is not None and error.details else {}),
        },
        remedy="Look at the step in contract.yaml with the inputs named here.",
    )
    if error is not None and not isinstance(error, SkillFailed):
        failed.retryable = error.retryable
    return failed
