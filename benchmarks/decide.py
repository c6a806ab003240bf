"""The kernel's decision alone, with 10 and with 100 policies, beside Cedar's bare evaluation of the same request.

`plain` is `add`; `approved` is a plugin with an effect, run in the sandbox by a call that brings its approval: code
that asks, an effect, and the approval are all in play.

`ratio` is of questions that were never asked before: each has another workspace in its context, so that nothing is
answered from the memo. `repeated_ratio` is of one question asked again, as a busy agent asks it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import cedarpy

from benchmarks.harness import Options, machine, median, percentile
from benchmarks.house import policies
from livery.entrypoints.seed import built_in
from livery.kernel.decide import CertificateFacts, Facts, Permit, Request, decide
from livery.kernel.policy import Entities, PolicySet
from livery.manifest.capabilities import Capabilities
from livery.manifest.package import parse_package
from livery.manifest.schema import compile_schema

TITLE = "The kernel's decision alone, beside bare Cedar"
ROUNDS = 7
_NOW = datetime(2026, 11, 21, tzinfo=UTC)
_SKILL = "6f1c1f0e-0000-7000-8000-000000000001"
_USER = "6f1c1f0e-0000-7000-8000-000000000002"


def run(options: Options) -> dict[str, Any]:
    """Measure; see the module's text."""
    count = options.count(3000, 50)
    found = {
        f"{number} {kind}": _measure(number, count, approved=kind == "approved")
        for number in (10, 100)
        for kind in ("plain", "approved")
    }
    return {
        "machine": machine(options.folder),
        "cedarpy": cedarpy.__version__ if hasattr(cedarpy, "__version__") else "",
        "policies": found,
        "ratio": max(item["ratio"] for item in found.values()),
        "p99_ms": max(item["p99_ms"] for item in found.values()),
    }


def _measure(number: int, count: int, *, approved: bool) -> dict[str, Any]:
    text = policies(number)
    facts = _in_the_sandbox(_facts(text)) if approved else _facts(text)
    approval = "APR-0123456789abcdef0123" if approved else None
    handle = cedarpy.PolicySet.from_str(text)
    ours, bare, again, taken = [], [], [], []
    for turn in range(ROUNDS):  # in turns, so that a noisy moment meets all
        asked = [
            Request(
                f'User::"{_USER}"',
                str(UUID(int=turn * count + i)),
                {"a": i, "b": 1},
                approval_id=approval,
            )
            for i in range(count)
        ]
        requests = [_bare_request(facts, item) for item in asked]
        bare.append(_mean_us(lambda item: _bare(item, handle, facts.entities.handle), requests))
        mean, each = _each_us(lambda item: _decided(item, facts), asked)
        ours.append(mean)
        taken += each
        again.append(_mean_us(lambda item: _decided(item, facts), [asked[-1]] * count))
    return {
        "cedar_us": round(median(bare), 1),
        "decide_us": round(median(ours), 1),
        "repeated_us": round(median(again), 1),
        "ratio": round(median(a / b for a, b in zip(ours, bare, strict=True)), 2),
        "repeated_ratio": round(median(a / b for a, b in zip(again, bare, strict=True)), 2),
        "p50_ms": round(percentile(taken, 0.5) / 1000, 4),
        "p99_ms": round(percentile(taken, 0.99) / 1000, 4),
    }


def _decided(request: Request, facts: Facts) -> None:
    assert isinstance(decide(request, facts, _NOW), Permit)


def _bare(request: dict[str, Any], handle: Any, entities: Any) -> None:
    assert cedarpy.is_authorized(request, handle, entities).allowed


def _bare_request(facts: Facts, request: Request) -> dict[str, Any]:
    workspace = {"type": "Workspace", "id": request.workspace}
    return {
        "principal": {"type": "User", "id": _USER},
        "action": {"type": "Action", "id": "execute"},
        "resource": {"type": "Skill", "id": _SKILL},
        "context": {
            "workspace": {"__entity": workspace},
            "estimate_usd_micros": facts.estimate,
            "dry_run": False,
            "approved": request.approval_id is not None,
        },
    }


def _in_the_sandbox(facts: Facts) -> Facts:
    """The same as a plugin with an effect: its code asks, and its effect does."""
    entities = _entities(facts.skill_key, "container", ["send"])
    return replace(
        facts, required=Capabilities(effects=("send",)), entities=entities, code_asks=True
    )


def _entities(key: str, runtime: str, effects: list[str]) -> Entities:
    what = {
        "uid": {"type": "Skill", "id": _SKILL},
        "attrs": {
            "key": key,
            "owner": "livery",
            "category": "math",
            "runtime": runtime,
            "effects": effects,
        },
        "parents": [],
    }
    who = {
        "uid": {"type": "User", "id": _USER},
        "attrs": {},
        "parents": [{"type": "Role", "id": "operator"}],
    }
    return Entities.parse([who, what])


def _facts(text: str) -> Facts:
    """What the platform's cache holds of `add`, for an operator."""
    package, _ = parse_package(dict(built_in())["add"])
    assert package is not None
    contract = package.contract
    return Facts(
        skill_key="add",
        version=contract.version,
        digest=package.digest,
        version_status="certified",
        certificate=CertificateFacts("valid", datetime(2027, 1, 1, tzinfo=UTC)),
        runtime_bound=True,
        entitled=True,
        agent_status=None,
        kill_switch=None,
        required=Capabilities(),
        granted=None,
        input_schema=compile_schema(contract.input_schema),
        policies=PolicySet.parse(text),
        entities=_entities("add", "python", []),
        resource=f'Skill::"{_SKILL}"',
        estimate=contract.cost.estimate_usd_micros,
    )


def _mean_us(work: Callable[[Any], None], items: Sequence[Any]) -> float:
    start = time.perf_counter_ns()
    for item in items:
        work(item)
    return (time.perf_counter_ns() - start) / len(items) / 1000


def _each_us(work: Callable[[Any], None], items: Sequence[Any]) -> tuple[float, list[float]]:
    taken, clock = [], time.perf_counter_ns
    for item in items:
        start = clock()
        work(item)
        taken.append((clock() - start) / 1000)
    return sum(taken) / len(taken), taken


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The table."""
    found = []
    for number, item in result["policies"].items():
        found += [
            (f"{number} policies: Cedar alone", f"{item['cedar_us']} us", ""),
            (f"{number} policies: the decision", f"{item['decide_us']} us", ""),
            (f"{number} policies: times Cedar", f"{item['ratio']}x", "<= 1.5x"),
            (f"{number} policies: p99", f"{item['p99_ms']} ms", "< 0.3 ms"),
            (f"{number} policies: a repeated question", f"{item['repeated_us']} us", ""),
        ]
    return found
