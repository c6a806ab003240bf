"""The budgets check: p95 latency over many runs of the fixtures, and cost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

from livery.manifest.contract import Contract
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package
from livery.services.certification.checks import FILE
from livery.services.certification.ports import FixtureMeter
from livery.services.certification.types import CheckFacts, CheckResult, Finding, Sample

SAMPLES = 20
MOST_SAMPLES = 100
ROUNDS = 3
"""A machine is busy for a moment; a skill is slow each time. Over budget is what is over in every round."""
_MICROS = 1_000_000


class BudgetsCheck:
    """Holds a skill to `tests.budgets`: `p95_ms` and `cost_usd`.

    The latency is the skill's own, as its executor measures it: without waiting for a free processor. A round has
    every fixture at least once, 20 samples at least and 100 at most, behind one run that does not count.
    """

    name = "budgets"
    runs_code = True

    def __init__(self, meter: FixtureMeter) -> None:
        self._meter = meter

    async def verify(self, package: Package, facts: CheckFacts) -> CheckResult:  # noqa: ARG002
        """Fail where each round is over the budget; what was measured is evidence either way."""
        contract = package.contract
        limit, cost_limit = contract.budgets.get("p95_ms"), contract.budgets.get("cost_usd")
        if limit is None and cost_limit is None:
            return CheckResult(self.name, "pass", "no budgets declared")
        findings: list[Finding] = []
        try:
            rounds = await self._rounds(package, limit)
        except LiveryError as error:
            message = f"No fixture could be measured: {error.message}"
            return CheckResult(self.name, "fail", "not measured", (_finding(message),))
        samples = [sample for one in rounds for sample in one]
        cost = _cost(contract, samples) / _MICROS
        best = min(percentile(one) for one in rounds)
        words = []
        if limit is not None:
            words.append(f"p95 {best:.3g} ms of {limit:g} ms")
            if best > limit:
                message = f"p95 is {best:.3g} ms in the best of {len(rounds)} rounds; the budget is {limit:g} ms."
                findings.append(_finding(message))
        if cost_limit is not None:
            words.append(f"cost {cost:g} of {cost_limit:g} USD")
            if cost > cost_limit:
                message = f"A run costs {cost:g} USD; the budget is {cost_limit:g} USD."
                findings.append(_finding(message))
        verdict = "fail" if findings else "pass"
        evidence = {"p95_ms": round(best, 3), "cost_usd": cost, "rounds": _described(rounds)}
        return CheckResult(self.name, verdict, ", ".join(words), tuple(findings), evidence=evidence)

    async def _rounds(self, package: Package, limit: float | None) -> list[list[Sample]]:
        rounds: list[list[Sample]] = []
        for _ in range(ROUNDS if limit is not None else 1):
            rounds.append(await self._round(package, limit))
            if limit is None or percentile(rounds[-1]) <= limit:
                break
        return rounds

    async def _round(self, package: Package, limit: float | None) -> list[Sample]:
        fixtures = package.contract.tests
        if not fixtures:
            raise LiveryError("contract_invalid", "The contract has no fixtures.")
        wanted = min(max(SAMPLES, len(fixtures)), MOST_SAMPLES)
        spare = wanted - rank(wanted)  # so many may be over, and p95 is not
        samples: list[Sample] = []
        over = 0
        await self._meter.measure(package, fixtures[0])
        for fixture in islice(cycle(fixtures), wanted):
            sample = await self._meter.measure(package, fixture)
            samples.append(sample)
            over += limit is not None and sample.own_ms > limit
            if over > spare:
                break  # the rest cannot change it
        return samples


def rank(count: int) -> int:
    """The place of the 95th percentile among so many, by nearest rank: ceil(0.95 * count)."""
    return -(-95 * count // 100)


def percentile(samples: Sequence[Sample]) -> float:
    """The 95th percentile in ms, by nearest rank."""
    return sorted(sample.own_ms for sample in samples)[rank(len(samples)) - 1]


def _cost(contract: Contract, samples: Sequence[Sample]) -> int:
    """Micro-USD of the dearest run; the contract's estimate where the executor metered nothing."""
    metered = max((sample.cost_usd_micros for sample in samples), default=0)
    return max(metered, contract.cost.estimate_usd_micros)


def _described(rounds: Sequence[Sequence[Sample]]) -> list[dict[str, Any]]:
    return [
        {
            "samples": len(one),
            "p95_ms": round(percentile(one), 3),
            "max_ms": round(max(sample.own_ms for sample in one), 3),
            "waited_ms": round(sum(sample.waited_ms for sample in one), 3),
        }
        for one in rounds
    ]


def _finding(message: str) -> Finding:
    return Finding(
        "budget_exceeded",
        message,
        FILE,
        remedy="Make the skill cheaper, or raise tests.budgets in contract.yaml.",
        rule="budget",
        severity="high",
    )
