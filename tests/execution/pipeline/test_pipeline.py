"""Pipelines: what each operator computes (worked out by hand), what is refused, where a value comes from."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.authoring.testkit import make_context
from livery.execution.pipeline import operators
from livery.execution.pipeline.plan import make_plan
from livery.execution.pipeline.run import StepFailed, run_plan
from livery.manifest.canonical import canonical_hash
from livery.manifest.errors import ContractInvalid, LiveryError

ROWS = [
    {"team": "a", "cost": 3, "runs": 2},
    {"team": "b", "cost": 5, "runs": 1},
    {"team": "a", "cost": 4, "runs": 6},
]


def nobody(key: str, value: Any) -> Any:
    raise AssertionError(f"{key} was called with {value}")


def run(steps: list[dict[str, Any]], args: Any = None, call: Any = nobody, **options: Any) -> Any:
    ctx = make_context(options.pop("capabilities", None), **options)
    return run_plan(make_plan(tuple(steps)), args, ctx, call)


def test_values_flow_from_step_to_step() -> None:
    steps = [
        {"id": "dear", "operator": "transform", "input": {"$from": "input.rows"},
         "expression": "[?cost > `3`]"},
        {"id": "teams", "operator": "summarize", "input": {"$from": "steps.dear"}, "by": ["team"],
         "measures": {"cost": {"op": "sum", "field": "cost"}, "n": {"op": "count"}}},
        {"id": "ranked", "operator": "score", "input": {"$from": "steps.teams"},
         "weights": {"cost": 2, "n": -0.5}, "into": "points", "maximum": 8},
        {"id": "text", "operator": "render", "input": {"$from": "steps.ranked"},
         "template": "{% for row in value %}{{ row.team }}={{ row.points }};{% endfor %}"},
    ]  # fmt: skip
    value, trace = run(steps, {"rows": ROWS})
    # b: 2*5 - 0.5 = 9.5, held to 8; a: 2*4 - 0.5 = 7.5
    assert trace.values["teams"] == [
        {"team": "b", "cost": 5, "n": 1},
        {"team": "a", "cost": 4, "n": 1},
    ]
    assert value == "b=8;a=7.5;"
    lineage = [item.to_dict() for item in trace.lineage]
    assert [item["step"] for item in lineage] == ["dear", "teams", "ranked", "text"]
    assert all(item["deterministic"] for item in lineage)
    assert lineage[0]["inputs"] == {"input.rows": canonical_hash(ROWS)}
    assert lineage[1]["inputs"] == {"steps.dear": lineage[0]["output"]}
    assert lineage[3]["output"] == canonical_hash(value)


@pytest.mark.parametrize(
    ("op", "expected"),
    [("sum", 12), ("mean", 4.0), ("min", 3), ("max", 5), ("median", 4)],
)
def test_measures(op: str, expected: float) -> None:
    [row] = operators.summarize(ROWS, {"x": {"op": op, "field": "cost"}})
    assert row == {"x": expected}


def test_nothing_to_summarize() -> None:
    assert operators.summarize([], {"n": {"op": "count"}, "s": {"op": "sum", "field": "x"}}) == [
        {"n": 0, "s": 0}
    ]
    assert operators.summarize([], {"n": {"op": "count"}}, ["team"]) == []


@given(st.lists(st.integers(-(10**9), 10**9)), st.integers(-100, 100))
def test_a_score_is_the_weighted_sum(numbers: list[int], weight: int) -> None:
    done = operators.score([{"x": n} for n in numbers], {"x": weight}, "p")
    assert [row["p"] for row in done] == [float(n * weight) for n in numbers]


def test_a_query_is_held_to_what_was_declared() -> None:
    steps = [{"operator": "query", "view": "sessions", "measures": ["count"]}]
    rows = {"sessions": [{"count": 2}, {"count": 3}]}
    value, trace = run(steps, capabilities={"data": ["sessions"]}, data=rows)
    assert value == [{"count": 5}]
    assert trace.lineage[0].deterministic is False
    with pytest.raises(LiveryError) as refused:
        run(steps, data=rows)
    assert refused.value.code == "skill_capability_denied"


def test_another_skill_is_called_with_what_was_put_together() -> None:
    asked: list[Any] = []

    def call(key: str, value: Any) -> Any:
        asked.append((key, value))
        return value["a"] + value["b"]

    steps = [{"operator": "skill", "skill": "add", "input": {"a": {"$from": "input.n"}, "b": 3}}]
    assert run(steps, {"n": 2}, call)[0] == 5
    assert asked == [("add", {"a": 2, "b": 3})]


def test_an_artifact_is_rendered() -> None:
    ctx = make_context()
    step = {"operator": "render", "template": "# {{ input.t }}\n", "artifact": "a.md"}
    run_plan(make_plan((step,)), {"t": "Hi"}, ctx, nobody)
    assert ctx.artifacts["a.md"][1] == b"# Hi\n"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"operator": "score", "input": [{"x": "1"}], "weights": {"x": 1}, "into": "p"}, "no number"),
        ({"operator": "score", "input": 5, "weights": {"x": 1}, "into": "p"}, "rows"),
        ({"operator": "summarize", "input": [1], "measures": {"n": {"op": "count"}}}, "rows"),
        ({"operator": "summarize", "input": [{}], "measures": {"n": {"op": "sum"}}}, "field"),
        ({"operator": "transform", "input": "text", "expression": "abs(@)"}, "expression fails"),
        ({"operator": "render", "template": "{{ nothing }}"}, "nothing"),
        ({"operator": "render", "template": "{{ ().__class__.__bases__ }}"}, "fails"),
        ({"operator": "render", "template": "{{ 'a' * 99999999 }}"}, "characters"),
        ({"operator": "transform", "input": 1, "expression": "@", "gives": {"type": "string"}}, "gives"),
        ({"operator": "transform", "input": 1, "expression": "@", "accepts": {"type": "string"}}, "takes"),
    ],
)  # fmt: skip
def test_a_failed_step_says_which_and_why(step: dict[str, Any], said: str) -> None:
    first = {"id": "first", "operator": "transform", "input": [1], "expression": "@"}
    with pytest.raises(StepFailed) as failed:
        run([first, {"id": "second", **step}])
    error = failed.value
    assert said in error.message
    assert (error.details["step"], error.details["operator"]) == ("second", step["operator"])
    assert [item["step"] for item in error.details["done"]] == ["first"]


@pytest.mark.parametrize(
    ("step", "pointer"),
    [
        ({"operator": "shell"}, "/steps/0/operator"),
        ({"operator": "query", "view": "v"}, "/steps/0"),
        ({"operator": "query", "view": "v", "measures": ["c"], "sql": "drop"}, "/steps/0"),
        ({"operator": "transform", "input": 1, "expression": "[["}, "/steps/0/expression"),
        ({"operator": "transform", "input": {"$from": "steps.later"}, "expression": "@"}, "/steps/0/input"),
        ({"operator": "transform", "input": {"$from": "env.HOME"}, "expression": "@"}, "/steps/0/input"),
        ({"operator": "transform", "input": {"$from": 3}, "expression": "@"}, "/steps/0/input"),
        ({"operator": "render", "template": "x", "gives": {"$ref": "http://a/b"}}, "/steps/0/gives"),
        ({"operator": "score", "input": [], "weights": {}, "into": "p"}, "/steps/0/weights"),
        ({"id": "Bad Id", "operator": "render", "template": "x"}, "/steps/0/id"),
    ],
)  # fmt: skip
def test_malformed_steps_are_refused_where_they_stand(step: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ContractInvalid) as refused:
        make_plan((step,))
    assert refused.value.violations[0].pointer.startswith(pointer)


def test_the_same_input_gives_the_same_lineage() -> None:
    steps = [{"operator": "transform", "input": {"$from": "input"}, "expression": "sort(@)"}]
    lineages = {
        json.dumps([item.to_dict() for item in run(steps, [3, 1, 2])[1].lineage]) for _ in range(3)
    }
    assert len(lineages) == 1


def test_what_is_used_is_what_must_be_declared() -> None:
    plan = make_plan(
        (
            {"id": "q", "operator": "query", "view": "sessions", "measures": ["count"]},
            {"id": "s", "operator": "skill", "skill": "add", "input": {}},
        )
    )
    assert [(use.kind, use.value, use.where) for use in plan.uses()] == [
        ("data", "sessions", "q"),
        ("tools", "livery:add", "s"),
    ]
