import asyncio
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from livery.authoring import (
    BaseToolContract,
    CapabilityDenied,
    Context,
    InputInvalid,
    Number,
    OutputInvalid,
    Skill,
    SkillFailed,
    skill,
    testkit,
)
from livery.manifest.contract import parse_contract
from livery.manifest.errors import LiveryError
from livery.manifest.skillmd import SkillMd

LIMIT = 2**53 - 1
CTX = testkit.make_context()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@skill(version="1.2.3", category="math", owner="me", cost_usd=Decimal("0.25"), timeout_s=5)
def scale_up(value: Number, factor: Number = 2) -> Number:
    """Scale a value.

    Not part of the description.
    """
    return value * factor


class Order(BaseModel):
    item: str
    count: int = Field(gt=0)
    due: date | None = None

    @field_validator("item")
    @classmethod
    def known(cls, item: str) -> str:
        if item != "pen":
            raise ValueError("only pens are sold here")
        return item


class Receipt(BaseModel):
    total: Decimal
    due: date | None


@skill("order")
def run(order: Order, ctx: Context) -> Receipt:
    return Receipt(total=Decimal("1.10") * order.count, due=order.due or ctx.now.date())


def test_the_contract_is_derived() -> None:
    number = {"type": "number", "minimum": -LIMIT, "maximum": LIMIT}
    assert scale_up.contract == {
        "apiVersion": "livery/v1",
        "version": "1.2.3",
        "owner": "me",
        "category": "math",
        "runtime": {"kind": "python", "entry": "test_skill.py:scale_up", "timeout_s": 5},
        "interface": {
            "input": {
                "type": "object",
                "properties": {"value": number, "factor": {**number, "default": 2}},
                "required": ["value"],
                "additionalProperties": False,
            },
            "output": number,
        },
        "capabilities": {},
        "cost": {"estimate_usd": 0.25},
    }
    assert scale_up.about.name == "scale-up"
    assert scale_up.about.description == "Scale a value."


def test_the_platform_reads_the_derived_contract() -> None:
    contract = parse_contract(scale_up.contract, SkillMd(name="scale-up", description="Scale."))
    assert (contract.version, contract.owner, contract.category) == ("1.2.3", "me", "math")
    assert contract.cost.estimate_usd_micros == 250_000
    assert contract.runtime.timeout_s == 5


def test_the_contract_is_a_fresh_copy() -> None:
    scale_up.contract["interface"]["input"]["required"].append("x")
    assert scale_up.contract["interface"]["input"]["required"] == ["value"]


def test_it_stays_a_function() -> None:
    assert scale_up(3) == 6
    assert scale_up.__name__ == "scale_up"
    assert isinstance(scale_up, Skill)


@pytest.mark.parametrize(
    ("given_", "result"),
    [
        ({"value": 3}, 6),
        ({"value": 3, "factor": -1.5}, -4.5),
        ({"value": LIMIT, "factor": 1}, LIMIT),
    ],
)
def test_call(given_: dict[str, Any], result: float) -> None:
    output = scale_up.call(given_, CTX)
    assert output == result
    assert type(output) is type(result)
    assert asyncio.run(scale_up.acall(given_, CTX)) == result


@pytest.mark.parametrize(
    ("given_", "pointer"),
    [
        ({}, ""),
        ([], ""),
        (None, ""),
        ({"value": "3"}, "/value"),
        ({"value": True}, "/value"),
        ({"value": None}, "/value"),
        ({"value": 3, "other": 1}, ""),
        ({"value": LIMIT + 1}, "/value"),
        ({"value": 2.0**53}, "/value"),
        ({"value": float("nan")}, "/value"),
        ({"value": 1, "factor": float("inf")}, "/factor"),
    ],
)
def test_input_that_does_not_fit_is_refused_with_its_place(given_: Any, pointer: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        scale_up.call(given_, CTX)
    assert caught.value.code == "tool_input_invalid"
    assert caught.value.violations[0].pointer.startswith(pointer)


@given(JSON)
def test_any_input_gives_a_result_or_a_refusal(value: Any) -> None:
    for given_ in (value, {"value": value}, {"value": 1, "factor": value}):
        try:
            output = scale_up.call(given_, CTX)
        except LiveryError as refusal:
            assert refusal.code in {"tool_input_invalid", "tool_output_invalid"}  # noqa: PT017
        else:
            assert abs(output) <= LIMIT


def test_output_that_does_not_fit_is_refused() -> None:
    with pytest.raises(OutputInvalid) as caught:
        scale_up.call({"value": LIMIT}, CTX)
    assert caught.value.code == "tool_output_invalid"
    with pytest.raises(OutputInvalid):
        scale_up.call({"value": 1.5, "factor": 2**53 - 1}, CTX)


@pytest.mark.parametrize("result", ["5", None, 5.5, [5], float("nan"), object()])
def test_a_result_is_never_repaired(result: Any) -> None:
    @skill()
    def count() -> int:
        return result  # type: ignore[no-any-return]

    with pytest.raises(OutputInvalid):
        count.call({}, CTX)


def test_a_model_can_be_the_whole_input() -> None:
    assert set(run.contract["interface"]["input"]["properties"]) == {"item", "count", "due"}
    assert run.call({"item": "pen", "count": 3}, CTX) == {"total": "3.30", "due": "2026-11-21"}
    given_ = {"item": "pen", "count": 1, "due": "2026-12-24"}
    assert run.call(given_, CTX) == {"total": "1.10", "due": "2026-12-24"}


def test_a_validator_of_the_author_refuses_with_its_place() -> None:
    with pytest.raises(InputInvalid, match="only pens") as caught:
        run.call({"item": "ink", "count": 1}, CTX)
    assert caught.value.violations[0].pointer == "/item"
    with pytest.raises(InputInvalid) as caught:
        run.call({"item": "ink", "count": 0, "due": "tomorrow"}, CTX)
    assert [violation.pointer for violation in caught.value.violations] == ["/count", "/due"]
    assert "and 1 more" in caught.value.message


def test_parameters_may_have_any_name() -> None:
    @skill()
    def odd(schema: str, copy: int, self: bool, model_config: list[int]) -> str:
        return f"{schema}{copy}{self}{model_config}"

    given_ = {"schema": "s", "copy": 1, "self": True, "model_config": [2]}
    assert odd.call(given_, CTX) == "s1True[2]"


def test_rich_types_become_json_schema() -> None:
    @dataclass
    class Point:
        x: float
        y: float = 0.0

    @skill()
    def pick(
        mode: Literal["near", "far"],
        tags: Annotated[list[str], Field(max_length=2)],
        on: date,
        *,
        limit: int = 3,
    ) -> list[Point]:
        return [Point(float(on.day), limit)] if mode == "near" else []

    schema = pick.contract["interface"]["input"]
    assert schema["properties"]["mode"] == {"enum": ["near", "far"], "type": "string"}
    assert schema["properties"]["tags"]["maxItems"] == 2
    assert schema["properties"]["limit"] == {"type": "integer", "default": 3}
    given_ = {"mode": "near", "tags": [], "on": "2026-11-21"}
    assert pick.call(given_, CTX) == [{"x": 21.0, "y": 3}]


def test_nothing_in_nothing_out() -> None:
    seen = []

    @skill()
    def touch(ctx: Context) -> None:
        seen.append(ctx)

    assert touch.call({}, CTX) is None
    assert touch.invoke({}, CTX) is None
    assert seen == [CTX, CTX]
    assert touch.contract["interface"]["output"] == {"type": "null"}


def test_async_skills() -> None:
    @skill()
    async def later(a: int) -> int:
        await asyncio.sleep(0)
        return a + 1

    assert later.is_async
    assert later.call({"a": 1}, CTX) == 2
    assert asyncio.run(later.acall({"a": 1}, CTX)) == 2

    async def inside() -> None:
        later.call({"a": 1}, CTX)

    with pytest.raises(RuntimeError, match="await acall"):
        asyncio.run(inside())


def test_capabilities_are_parsed_at_once() -> None:
    @skill(capabilities={"network": ["b.example", "a.example"], "data": ["sales"]})
    def fetch() -> None: ...

    assert fetch.contract["capabilities"] == {
        "data": ["sales"],
        "network": ["a.example", "b.example"],
    }
    for bad in ({"rockets": ["x"]}, {"effects": ["explode"]}):
        with pytest.raises(LiveryError):
            skill(capabilities=bad)(lambda: None)


def test_what_has_no_schema_is_refused_where_it_is_written() -> None:
    def no_annotation(a) -> int:  # type: ignore[no-untyped-def]
        return 1

    def no_return(a: int):  # type: ignore[no-untyped-def]
        return 1

    def star(*a: int) -> int:
        return 1

    def positional(a: int, /) -> int:
        return 1

    def no_json(a: asyncio.Event) -> int:
        return 1

    def no_name(a: "Missing") -> int:  # type: ignore[name-defined]  # noqa: F821
        return 1

    for fn, says in (
        (no_name, "cannot be resolved"),
        (no_annotation, "'a' needs an annotation"),
        (no_return, "needs a return annotation"),
        (star, "'a' cannot be named"),
        (positional, "'a' cannot be named"),
        (no_json, "asyncio.locks.Event"),
    ):
        with pytest.raises(TypeError, match=says):
            skill()(fn)
    with pytest.raises(TypeError, match="with parentheses"):
        skill(no_return)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Add", "add_up", "-a", "a--b", "x" * 65])
def test_names_are_skill_names(name: str) -> None:
    with pytest.raises(ValueError, match="no skill name"):
        skill(name)(scale_up.function)


def test_versions_are_semver() -> None:
    with pytest.raises(ValueError, match=r"1\.0"):
        skill(version="1.0")(scale_up.function)


def test_errors_of_an_author_have_a_code() -> None:
    error = SkillFailed("The market is closed.", retryable=True)
    assert (error.code, error.retryable) == ("provider_execution_failed", True)
    assert not SkillFailed("No.").retryable


class Greet(BaseToolContract):
    """Greet somebody."""

    version = "2.0.0"
    owner = "me"
    capabilities = {"credentials": ["greeting"]}  # noqa: RUF012
    input_model = Order
    output_model = str

    def run(self, input: Order, ctx: Context) -> str:  # noqa: A002
        return f"{ctx.credential('greeting')} {input.count}"


class SlowGreeting(Greet):
    name = "later"
    description = "Greet later."

    async def run(self, input: Order, ctx: Context) -> str:  # type: ignore[override]  # noqa: A002
        await asyncio.sleep(0)
        return "Later"

    def render(self, result: Any) -> Any:
        return super().render(result).upper()


def test_the_class_form_has_the_same_contract() -> None:
    tool = Greet()
    assert tool.about.name == "greet"
    assert tool.about.description == "Greet somebody."
    contract = tool.contract
    assert contract["version"] == "2.0.0"
    assert contract["runtime"]["entry"] == "test_skill.py:Greet"
    assert contract["capabilities"] == {"credentials": ["greeting"]}
    assert contract["interface"]["input"] == run.contract["interface"]["input"]
    assert contract["interface"]["output"] == {"type": "string"}


def test_the_class_form_runs_and_is_held_to_its_contract() -> None:
    ctx = testkit.make_context(Greet.capabilities, credentials={"greeting": "Hi"})
    assert Greet().call({"item": "pen", "count": 2}, ctx) == "Hi 2"
    with pytest.raises(CapabilityDenied):
        Greet().call({"item": "pen", "count": 2}, CTX)
    with pytest.raises(InputInvalid):
        Greet().call({"item": "pen"}, ctx)


def test_a_step_can_be_overridden() -> None:
    tool = SlowGreeting()
    assert (tool.about.name, tool.about.description) == ("later", "Greet later.")
    assert tool.is_async
    assert tool.call({"item": "pen", "count": 2}, CTX) == "LATER"


def test_a_class_needs_its_models() -> None:
    class Half(BaseToolContract):
        input_model = Order

        def run(self, input: Any, ctx: Context) -> Any:  # noqa: A002
            return None

    with pytest.raises(TypeError, match="Half needs output_model"):
        Half()


def test_a_capability_denied_says_the_way_out() -> None:
    error = CapabilityDenied("network", "evil.example")
    assert (error.code, error.status) == ("skill_capability_denied", 403)
    assert error.details == {"kind": "network", "value": "evil.example"}
    assert "network 'evil.example'" in error.message
    assert "capabilities.network in contract.yaml" in error.remedy


def test_ten_lines_are_a_skill(tmp_path: Path) -> None:
    source = '''from livery.authoring import skill

@skill(version="1.0.0")
def greet(name: str) -> str:
    """Greet somebody by name."""
    return f"Hello {name}"
'''
    assert len(source.splitlines()) <= 10
    (tmp_path / "skill.py").write_text(source)
    from livery.authoring.loading import load_entry

    tool = load_entry(tmp_path, "skill.py:greet")
    assert tool.call({"name": "Ada"}, CTX) == "Hello Ada"
