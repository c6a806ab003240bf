"""Tolerances by hand, and the verdicts of the two checks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.skills import package

from livery.manifest.contract import Fixture
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package, parse_package
from livery.services.certification.checks import (
    FixturesCheck,
    StaticCheck,
    declared,
    difference,
)
from livery.services.certification.types import CheckFacts, Finding

FACTS = CheckFacts("x", "1.0.0")

TABLE: list[tuple[Any, Any, float | None, float | None]] = [
    # expected, actual, tolerance, difference (None: not the same)
    (5, 5, None, 0.0),
    (5, 5.0, None, 0.0),
    (5, 6, None, None),
    (5, 6, 1, 1.0),
    (5, 6.5, 1, None),
    (0.3, 0.1 + 0.2, None, None),
    (0.3, 0.1 + 0.2, 1e-12, 0.1 + 0.2 - 0.3),
    (1, float("nan"), 10, None),
    (1, float("inf"), 10, None),
    (True, True, None, 0.0),
    (True, 1, 10, None),
    (0, False, 10, None),
    ("a", "a", None, 0.0),
    ("a", "b", 10, None),
    (None, None, None, 0.0),
    (None, 0, 10, None),
    ("1", 1, 10, None),
    ([1, 2], [1, 2], None, 0.0),
    ([1, 2], [2, 1], None, None),
    ([1, 2], [1], None, None),
    ([1, 2.5], [1.5, 2], 0.5, 0.5),
    ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, None, 0.0),
    ({"a": 1}, {"a": 1, "b": None}, None, None),
    ({"a": 1}, {"b": 1}, 9, None),
    ({"a": {"b": 10}}, {"a": {"b": 10.25}}, 0.25, 0.25),
    ({"a": 1, "b": "x"}, {"a": 1.1, "b": "y"}, 1, None),
    ([], [], None, 0.0),
    ({}, [], None, None),
    (2**53, 2**53 + 1, None, None),
]


@pytest.mark.parametrize(("expected", "actual", "tolerance", "gap"), TABLE)
def test_difference(expected: Any, actual: Any, tolerance: float | None, gap: float | None) -> None:
    assert difference(Fixture("x", None, expected, tolerance), actual) == gap


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_everything_is_itself(value: Any) -> None:
    assert difference(Fixture("x", None, value), value) == 0.0


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_numbers_fit_within_their_tolerance_only(a: float, b: float, tolerance: float) -> None:
    found = difference(Fixture("x", None, a, tolerance), b)
    assert found == (abs(a - b) if abs(a - b) <= tolerance else None)


class Scripted:
    """A fixture runner that answers what a fixture's input says."""

    async def run(self, package: Package, fixture: Fixture) -> Any:
        what = fixture.input
        if what == "raises":
            raise RuntimeError("no text of it is shown")
        if what == "denied":
            raise LiveryError("skill_capability_denied", "Not declared.")
        return what


def made(*fixtures: dict[str, Any], output: Any = True) -> Package:
    found, diagnostics = parse_package(package("x", fixtures=fixtures, output=output))
    assert found is not None, diagnostics
    return found


async def test_passing_fixtures_say_how_far_they_were_off() -> None:
    result = await FixturesCheck(Scripted()).verify(
        made(
            {"name": "a", "input": 1.5, "output": 1, "tolerance": 1},
            {"name": "b", "input": 2, "output": 2},
        ),
        FACTS,
    )
    assert (result.verdict, result.findings) == ("pass", ())
    assert result.summary == "2 of 2 fixtures, largest difference 0.5"


async def test_each_failing_fixture_is_named() -> None:
    result = await FixturesCheck(Scripted()).verify(
        made(
            {"name": "good", "input": 1, "output": 1},
            {"name": "off", "input": 1, "output": 2},
            {"name": "broken", "input": "raises", "output": 1},
            {"name": "reaching", "input": "denied", "output": 1},
            {"name": "beside", "input": "text", "output": "text"},
            output={"enum": [1, 2]},
        ),
        FACTS,
    )
    assert result.verdict == "fail"
    assert [(item.code, item.message.split(":")[0]) for item in result.findings] == [
        ("regression", "off"),
        ("execution_error", "broken"),
        ("skill_capability_denied", "reaching"),
        ("tool_output_invalid", "beside"),
    ]
    assert "no text of it is shown" not in str(result)
    assert result.summary.startswith("1 of 5 fixtures")


async def test_code_without_fixtures_fails() -> None:
    result = await FixturesCheck(Scripted()).verify(made(), FACTS)
    assert result.verdict == "fail"
    assert result.findings[0].remedy


class Seeing:
    """A scan that sees one use."""

    def undeclared(self, package: Package) -> tuple[Finding, ...]:
        return (Finding("underdeclared_capability", "x", "scripts/skill.py", 3),)


class Blind:
    """A scan that sees nothing."""

    def undeclared(self, package: Package) -> tuple[Finding, ...]:
        return ()


async def test_the_static_check() -> None:
    seen = await StaticCheck(Seeing()).verify(made(), FACTS)
    assert (seen.verdict, len(seen.findings)) == ("fail", 1)
    assert (await StaticCheck(Blind()).verify(made(), FACTS)).summary == "declared: nothing"


def test_capabilities_in_words() -> None:
    assert declared({}) == "nothing"
    assert declared({"data": ["a", "b"], "network": []}) == "data a, b"
