"""Budgets on measured samples that are given: no clock, no luck."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import chain, repeat
from typing import Any

import pytest
import yaml
from tests.support.skills import NOTHING, package

from livery.manifest.contract import Fixture
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package, PackageFile, parse_package
from livery.services.certification.budgets import BudgetsCheck, percentile, rank
from livery.services.certification.types import CheckFacts, Sample

FACTS = CheckFacts("x", "1.0.0")


class Given:
    """A meter with a list of times in ms."""

    def __init__(self, times: Iterator[float], cost: int = 0) -> None:
        self.times = times
        self.cost = cost
        self.runs: list[str] = []

    async def measure(self, package: Package, fixture: Fixture) -> Sample:
        self.runs.append(fixture.name)
        return Sample(next(self.times), 0.5, self.cost)


def made(budgets: dict[str, float], *, estimate: float = 0, fixtures: int = 1) -> Package:
    many = tuple({**deepcopy(NOTHING), "name": f"f{n}"} for n in range(fixtures))
    files = []
    for file in package("x", fixtures=many):
        if file.path == "contract.yaml":
            document = yaml.safe_load(file.data)
            document["tests"]["budgets"] = budgets
            document["cost"] = {"estimate_usd": estimate}
            files.append(PackageFile(file.path, yaml.safe_dump(document).encode()))
        else:
            files.append(file)
    found, diagnostics = parse_package(files)
    assert found is not None, diagnostics
    return found


@pytest.mark.parametrize(
    ("count", "place"), [(1, 1), (10, 10), (20, 19), (21, 20), (40, 38), (100, 95)]
)
def test_the_rank_of_p95(count: int, place: int) -> None:
    assert rank(count) == place
    assert percentile([Sample(float(n)) for n in range(count, 0, -1)]) == place


async def test_within_the_budget_after_one_round() -> None:
    meter = Given(
        chain([900.0], [1.0] * 19, [50.0])
    )  # the first is the warm-up, one of 20 may be over
    result = await BudgetsCheck(meter).verify(made({"p95_ms": 10}), FACTS)
    assert (result.verdict, result.summary) == ("pass", "p95 1 ms of 10 ms")
    assert len(meter.runs) == 21
    assert result.evidence["rounds"] == [
        {"samples": 20, "p95_ms": 1.0, "max_ms": 50.0, "waited_ms": 10.0}
    ]


async def test_over_in_every_round_fails_and_says_by_how_much() -> None:
    meter = Given(repeat(25.0))
    result = await BudgetsCheck(meter).verify(made({"p95_ms": 10}), FACTS)
    (found,) = result.findings
    assert result.verdict == "fail"
    assert found.message == "p95 is 25 ms in the best of 3 rounds; the budget is 10 ms."
    assert (
        len(meter.runs) == 3 * 3
    )  # a warm-up and two that are over: the rest of a round cannot change it


async def test_a_busy_moment_fails_nothing() -> None:
    meter = Given(chain([1.0, 99.0, 99.0], [1.0, 99.0, 99.0], repeat(1.0)))
    result = await BudgetsCheck(meter).verify(made({"p95_ms": 10}), FACTS)
    assert (result.verdict, result.evidence["p95_ms"]) == ("pass", 1.0)
    assert [item["samples"] for item in result.evidence["rounds"]] == [2, 2, 20]


async def test_every_fixture_is_measured() -> None:
    meter = Given(repeat(1.0))
    await BudgetsCheck(meter).verify(made({"p95_ms": 10}, fixtures=30), FACTS)
    assert sorted(set(meter.runs)) == sorted(f"f{n}" for n in range(30))
    assert len(meter.runs) == 31


@pytest.mark.parametrize(
    ("metered", "estimate", "verdict"),
    [
        (0, 0, "pass"),
        (20_000, 0, "pass"),
        (20_001, 0, "fail"),
        (0, 0.03, "fail"),
        (0, 0.02, "pass"),
    ],
)
async def test_cost(metered: int, estimate: float, verdict: str) -> None:
    package = made({"cost_usd": 0.02}, estimate=estimate)
    result = await BudgetsCheck(Given(repeat(1.0), metered)).verify(package, FACTS)
    assert result.verdict == verdict
    if metered > 20_000:
        assert result.findings[0].message == "A run costs 0.020001 USD; the budget is 0.02 USD."


async def test_without_budgets_nothing_runs() -> None:
    meter = Given(iter(()))
    assert (await BudgetsCheck(meter).verify(made({}), FACTS)).summary == "no budgets declared"


async def test_what_cannot_be_measured_fails() -> None:
    class Broken:
        async def measure(self, package: Package, fixture: Fixture) -> Any:
            raise LiveryError("timeout", "Too long.")

    result = await BudgetsCheck(Broken()).verify(made({"p95_ms": 10}), FACTS)
    assert (result.verdict, result.summary) == ("fail", "not measured")
