"""Certification: ordinary skills through the whole default pipeline, bandit included, one after the other.

An ordinary skill here: two modules of some 80 lines with a pydantic model, a SKILL.md, a reference, four fixtures with
an assertion, a latency budget (20 samples), and every second one with a certified baseline whose fixtures run again.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

from benchmarks.harness import Options, home, machine, median, percentile
from benchmarks.house import House, open_house
from livery.manifest.package import PackageFile

TITLE = "certify: ordinary skills through the default pipeline"
TARGET_S = 60
SKILLS = 100
BY = "author:bench"

_CODE = '''"""Sum amounts by a key, number {number}."""

from typing import Any

from pydantic import BaseModel, Field

from livery.authoring import Context, SkillFailed, skill

from .words import short


class Row(BaseModel):
    """One row of the input."""

    name: str = Field(min_length=1, max_length=80)
    amount: float = 0


@skill("{key}", version="{version}", description="Sum amounts by name.", category="bench")
def run(rows: list[dict[str, Any]], ctx: Context) -> dict[str, Any]:
    """Totals by name, largest first."""
    kept = [Row.model_validate(row) for row in rows]
    if len(kept) > 1000:
        raise SkillFailed("At most 1000 rows.")
    totals: dict[str, float] = {{}}
    for row in kept:
        totals[short(row.name)] = totals.get(short(row.name), 0.0) + row.amount
    ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return {{"totals": dict(ordered), "count": len(kept), "number": {number}}}
'''
_WORDS = (
    '"""Texts."""\n\nimport re\n\n'
    + "\n\n".join(
        f'def form_{n}(text: str) -> str:\n    """Form {n}."""\n'
        f'    return re.sub("[ ]+", " ", text).strip()[:{n + 40}]\n'
        for n in range(9)
    )
    + '\n\ndef short(text: str) -> str:\n    """A short text."""\n    return form_0(text).lower()\n'
)


def run(options: Options) -> dict[str, Any]:
    """Measure; `whole_s` for 100 skills is to stay below 60."""
    count = options.count(SKILLS, 4)
    with home(options) as folder:
        about = machine(folder)
        found = asyncio.run(_measure(folder, count))
    return {"machine": about, "skills": count, **found}


async def _measure(folder: Path, count: int) -> dict[str, Any]:
    async with open_house(folder) as house:
        for number in range(0, count, 2):
            await _certify(house, number, "1.0.0")
        taken: list[float] = []
        shares: dict[str, float] = defaultdict(float)
        begun = time.perf_counter()
        for number in range(count):
            started = time.perf_counter()
            for check in await _certify(house, number, "1.1.0"):
                shares[check["name"]] += check["duration_ms"] / 1000
            taken.append(time.perf_counter() - started)
        whole = time.perf_counter() - begun
    return {
        "whole_s": round(whole, 2),
        "per_100_s": round(whole / count * 100, 2),
        "p50_ms": round(median(taken) * 1000, 1),
        "p99_ms": round(percentile(taken, 0.99) * 1000, 1),
        "checks_s": {name: round(value, 2) for name, value in shares.items()},
    }


async def _certify(house: House, number: int, version: str) -> tuple[Any, ...]:
    services = house.platform.services
    skill = await services.catalog.register(_package(number, version), by=BY)
    done = await services.certifier.certify(house.operator, skill.skill_key, version)
    if done.status != "certified":
        raise RuntimeError(f"{skill.skill_key} was not certified: {done.checks}")
    return tuple(done.checks)


def _package(number: int, version: str) -> list[PackageFile]:
    key = f"bench-sum-{number}"
    fixtures = [
        {
            "name": f"{size} rows",
            "input": {"rows": [{"name": f"N{i % 3}", "amount": 1} for i in range(size)]},
            "output": {
                "totals": {f"n{i}": float(len(range(i, size, 3))) for i in range(min(3, size))},
                "count": size,
                "number": number,
            },
        }
        for size in (1, 3, 30, 300)
    ]
    contract = {
        "apiVersion": "livery/v1",
        "version": version,
        "owner": "bench",
        "category": "bench",
        "runtime": {"kind": "python", "entry": "scripts/skill.py:run", "timeout_s": 5},
        "interface": {
            "input": {"type": "object", "required": ["rows"]},
            "output": {"type": "object", "required": ["totals", "count"]},
        },
        "tests": {
            "fixtures": fixtures,
            "assertions": [{"name": "counted", "pointer": "/count", "op": "ge", "value": 1}],
            "budgets": {"p95_ms": 200, "cost_usd": 0.01},
        },
    }
    text = f"---\nname: {key}\ndescription: Sum amounts by name.\n---\n\n# Sum\n\nGive rows.\n"
    code = _CODE.format(number=number, key=key, version=version)
    files = {
        "SKILL.md": text,
        "contract.yaml": yaml.safe_dump(contract, sort_keys=False),
        "references/notes.md": "# Notes\n\n" + "Amounts are summed by name, in lower case.\n" * 60,
        "scripts/skill.py": code,
        "scripts/words.py": _WORDS,
    }
    return [PackageFile(path, data.encode()) for path, data in sorted(files.items())]


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The table."""
    whole = sum(result["checks_s"].values()) or 1
    return [
        ("skills", str(result["skills"]), ""),
        ("registered and certified", f"{result['whole_s']:.1f} s", ""),
        ("for 100", f"{result['per_100_s']:.1f} s", f"< {TARGET_S} s"),
        ("one skill, p50", f"{result['p50_ms']:.0f} ms", ""),
        ("one skill, p99", f"{result['p99_ms']:.0f} ms", ""),
        *(
            (f"  {name}", f"{value:.2f} s, {value / whole:.0%}", "")
            for name, value in result["checks_s"].items()
        ),
    ]
