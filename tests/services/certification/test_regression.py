"""Regression and assertions by hand: what differs, field by field, and when a break is meant."""

from typing import Any

import pytest
import yaml
from tests.support.skills import package

from livery.manifest.contract import Fixture
from livery.manifest.package import Package, PackageFile, parse_package
from livery.services.certification.assertions import broken
from livery.services.certification.comparison import MAX_DIFFERENCES, differences
from livery.services.certification.regression import RegressionCheck
from livery.services.certification.types import Baseline, CheckFacts

OUTPUT = {"total": 3, "rows": [{"n": 1}, {"n": 2}], "name": "x"}
DIFFERENCES: list[tuple[Any, Any, float | None, list[str]]] = [
    (OUTPUT, OUTPUT, None, []),
    (OUTPUT, {**OUTPUT, "total": 4}, None, ["/total: expected 3, got 4"]),
    (OUTPUT, {**OUTPUT, "total": 4}, 1, []),
    (OUTPUT, {**OUTPUT, "rows": [{"n": 1}, {"n": 5}]}, 1, ["/rows/1/n: expected 2, got 5"]),
    (OUTPUT, {**OUTPUT, "rows": [{"n": 1}]}, None, ['/rows/1: expected {"n": 2}, got nothing']),
    (OUTPUT, {**OUTPUT, "more": None}, None, ["/more: expected nothing, got null"]),
    ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, None, ["/a~1b/~0: expected 1, got 2"]),
    (1, "1", None, ['the output: expected 1, got "1"']),
    (True, 1, 5, ["the output: expected true, got 1"]),
    ({"b": 1, "a": 1}, {"b": 2, "a": 2}, None, ["/a: expected 1, got 2", "/b: expected 1, got 2"]),
]
HOLDS: list[tuple[str, str, Any, str | None]] = [
    # pointer, op, value, what is broken; of OUTPUT
    ("/total", "eq", 3.0, None),
    ("/total", "eq", 4, "/total is 3, which is not eq 4"),
    ("/total", "ne", 4, None),
    ("/total", "ne", 3, "/total is 3, which is not ne 3"),
    ("/total", "lt", 3, "/total is 3, which is not lt 3"),
    ("/total", "le", 3, None),
    ("/total", "gt", 2.5, None),
    ("/total", "ge", 3.5, "/total is 3, which is not ge 3.5"),
    ("/name", "lt", 3, '/name is "x", which is not lt 3'),
    ("/name", "matches", "^[a-z]+$", None),
    ("/name", "matches", "^[0-9]+$", '/name is "x", which is not matches "^[0-9]+$"'),
    ("/total", "matches", "3", '/total is 3, which is not matches "3"'),
    ("/rows/1/n", "in", [2, 3], None),
    ("/rows/1/n", "in", [1], "/rows/1/n is 2, which is not in [1]"),
    ("/rows/2", "exists", False, None),
    ("/rows/2", "exists", True, "/rows/2 is not there"),
    ("/rows/0", "exists", False, "/rows/0 is there"),
    ("/rows/01", "eq", 1, "/rows/01 is not there"),
    ("/name/0", "eq", "x", "/name/0 is not there"),
    ("", "exists", True, None),
    ("/rows/0/n", "eq", True, "/rows/0/n is 1, which is not eq true"),
]


@pytest.mark.parametrize(("expected", "got", "tolerance", "found"), DIFFERENCES)
def test_differences(expected: Any, got: Any, tolerance: float | None, found: list[str]) -> None:
    assert [
        str(item) for item in differences(Fixture("x", None, expected, tolerance), got)
    ] == found


def test_differences_are_bounded_and_hold_no_secret() -> None:
    found = differences(Fixture("x", None, [0] * 500), [1] * 500)
    assert len(found) == MAX_DIFFERENCES
    (one,) = differences(Fixture("x", None, {"a": "sk-" + "a1" * 12}), {"a": "y" * 500})
    assert "a1a1" not in str(one)
    assert len(str(one)) < 250


@pytest.mark.parametrize(("pointer", "op", "value", "fault"), HOLDS)
def test_assertions(pointer: str, op: str, value: Any, fault: str | None) -> None:
    assert broken({"name": "a", "pointer": pointer, "op": op, "value": value}, OUTPUT) == fault


class Computing:
    """A runner that doubles, and is off by `drift`."""

    def __init__(self, drift: float = 0) -> None:
        self.drift = drift

    async def run(self, package: Package, fixture: Fixture) -> Any:
        if fixture.input.get("raise"):
            raise RuntimeError("no text of it is shown")
        return {"twice": fixture.input["k"] * 2 + self.drift}


def made(version: str, *fixtures: dict[str, Any], release: str = "", schema: Any = True) -> Package:
    files = package("x", version=version, fixtures=fixtures)
    kept = []
    for file in files:
        if file.path == "contract.yaml":
            document = yaml.safe_load(file.data)
            if release:
                document["release"] = {"compatibility": release}
            document["interface"]["input"] = schema
            kept.append(PackageFile(file.path, yaml.safe_dump(document).encode()))
        else:
            kept.append(file)
    found, diagnostics = parse_package(kept)
    assert found is not None, diagnostics
    return found


ONE = {"name": "one", "input": {"k": 1}, "output": {"twice": 2}}
TWO = {"name": "two", "input": {"k": 2}, "output": {"twice": 4}, "tolerance": 0.5}
BASE = Baseline("1.0.0", made("1.0.0", ONE, TWO))


async def regress(new: Package, drift: float = 0, base: Baseline | None = BASE) -> Any:
    return await RegressionCheck(Computing(drift)).verify(new, CheckFacts("x", "1", baseline=base))


async def test_what_is_kept_passes() -> None:
    result = await regress(made("1.1.0", ONE, TWO))
    assert (result.verdict, result.findings) == ("pass", ())
    assert result.summary == "2 of 2 fixtures of 1.0.0 give the same"
    assert result.evidence["baseline"] == "1.0.0"


async def test_the_baselines_expectation_and_tolerance_count() -> None:
    eased = {**ONE, "output": {"twice": 2.25}, "tolerance": 9}
    result = await regress(made("1.1.0", eased, TWO), drift=0.25)
    assert result.verdict == "fail"
    assert [item.message for item in result.findings] == ["one: /twice: expected 2, got 2.25"]


@pytest.mark.parametrize(
    ("version", "release", "verdict"),
    [
        ("1.1.0", "", "fail"),
        ("1.1.0", "breaking", "fail"),
        ("2.0.0", "", "fail"),
        ("2.0.0", "backward", "fail"),
        ("2.0.0", "breaking", "warn"),
    ],
)
async def test_a_break_is_meant_where_it_is_declared_in_a_new_major(
    version: str, release: str, verdict: str
) -> None:
    result = await regress(made(version, ONE, TWO, release=release), drift=5)
    assert result.verdict == verdict
    assert len(result.findings) == 2
    assert {item.severity for item in result.findings} == {
        "medium" if verdict == "warn" else "high"
    }


async def test_below_one_a_new_minor_may_break() -> None:
    base = Baseline("0.1.0", made("0.1.0", ONE))
    for version, verdict in (("0.1.1", "fail"), ("0.2.0", "warn")):
        result = await regress(made(version, ONE, release="breaking"), 5, base)
        assert result.verdict == verdict


async def test_an_input_that_the_new_interface_refuses() -> None:
    schema = {"type": "object", "properties": {"k": {"type": "integer", "minimum": 2}}}
    result = await regress(made("1.1.0", ONE, TWO, schema=schema))
    (found,) = result.findings
    assert result.verdict == "fail"
    assert found.message.startswith("one: the new interface refuses it: /k: ")


async def test_a_deleted_fixture() -> None:
    result = await regress(made("1.1.0", TWO))
    assert [item.message for item in result.findings] == ["one: the fixture was deleted"]
    renamed = await regress(made("1.1.0", {**ONE, "name": "first"}, TWO))
    assert renamed.verdict == "pass"


async def test_one_that_no_longer_runs() -> None:
    base = Baseline("1.0.0", made("1.0.0", {**ONE, "input": {"raise": True}}))
    (found,) = (await regress(made("1.1.0", {**ONE, "input": {"raise": True}}), base=base)).findings
    assert found.message == "one: it no longer runs: one: RuntimeError"


async def test_without_a_baseline_there_is_nothing_to_hold_to() -> None:
    assert (await regress(made("1.0.0", ONE), base=None)).verdict == "pass"
