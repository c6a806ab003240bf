"""One governed, journaled call of `add`: in sequence and many at once, beside DBOS and beside the bare rows."""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import ceiling
from benchmarks.dbos_side import beside
from benchmarks.harness import Options, cpu_s, home, machine, median, percentile
from benchmarks.house import POLICIES, WORKSPACES, House, open_house, session
from livery.integrations.postgres.embedded import start_embedded
from livery.integrations.postgres.urls import role_url

TITLE = "One governed, journaled call (row-level security, spans, metrics and JSON logs on)"
_LANES = 2


def run(options: Options) -> dict[str, Any]:
    """Measure; see TITLE."""
    with home(options) as folder:
        result: dict[str, Any] = uvloop.run(_run(options, folder))
        return result


async def _run(options: Options, folder: Path) -> dict[str, Any]:
    about = machine(folder)
    async with open_house(folder) as house:
        server = await house.server()
        assert server["fsync"] == "on", "an answer that is not on disk is no answer"
        assert server["synchronous_commit"] == "on"
        about["postgresql"] = server.pop("server_version")
        await _at_once(house, options.count(2000), 64, "warm")
        sequential = await _sequential(house, options.count(3000))
        count = options.count(20_000, 64)
        await ceiling.prepare(house.urls.owner)
        texts = await ceiling.sample(house.urls.owner)
        await ceiling.measure(house.urls.api, texts, options.count(2000), 64, _LANES)
        ours, bare = [], []
        for turn in range(3):  # in turns, so that a noisy moment meets both
            ours.append(await _at_once(house, count // 2, 64, f"c{turn}"))
            bare.append(await ceiling.measure(house.urls.api, texts, count // 2, 64, _LANES))
        many = await _at_once(house, count // 2, 256, "m")
        dbos = await _dbos(folder, options)
    return {"machine": about, **server, **_result(sequential, ours, bare, many, dbos)}


def _result(
    sequential: list[float],
    ours: list[dict[str, float]],
    bare: list[float],
    many: dict[str, float],
    dbos: dict[str, Any],
) -> dict[str, Any]:
    per_s, ceiling_per_s = median(item["per_s"] for item in ours), median(bare)
    dbos_per_s = dbos.get("per_s")
    return {
        "policies": POLICIES,
        "workspaces": WORKSPACES,
        "sequential_p50_ms": round(percentile(sequential, 0.5) * 1000, 3),
        "sequential_p99_ms": round(percentile(sequential, 0.99) * 1000, 3),
        "concurrent_per_s": round(per_s),
        "concurrent_p50_ms": round(median(item["p50_ms"] for item in ours), 2),
        "concurrent_p99_ms": round(median(item["p99_ms"] for item in ours), 2),
        "concurrent_256_per_s": round(many["per_s"]),
        "python_us_per_call": round(median(item["python_us"] for item in ours), 1),
        "postgres_us_per_call": round(median(item["postgres_us"] for item in ours), 1),
        "calls_per_batch": round(median(item["calls_per_batch"] for item in ours), 1),
        "ceiling_per_s": round(ceiling_per_s),
        "share_of_ceiling": round(per_s / ceiling_per_s, 3),
        "dbos_per_s": dbos_per_s,
        "ratio_vs_dbos": round(per_s / dbos_per_s, 1) if dbos_per_s else None,
        "dbos": dbos,
        "spread": {
            "concurrent_per_s": [round(item["per_s"]) for item in ours],
            "ceiling_per_s": [round(item) for item in bare],
        },
    }


async def _sequential(house: House, count: int) -> list[float]:
    taken = []
    for number in range(count):
        call = house.call(number, f"s-{number}")
        start = time.perf_counter()
        envelope = await house.platform.runner.run(call)
        taken.append(time.perf_counter() - start)
        assert envelope.result == number + 1
    return taken


async def _at_once(house: House, count: int, at_once: int, label: str) -> dict[str, float]:
    taken: list[float] = []
    numbers = iter(range(count))
    run_call = house.platform.runner.run

    async def worker() -> None:
        for number in numbers:
            start = time.perf_counter()
            envelope = await run_call(house.call(number, f"{label}-{number}"))
            taken.append(time.perf_counter() - start)
            assert envelope.result == number + 1

    links = await _links(house)
    gc.collect()
    server, cpu, start = await _server_s(house), _cpu_s(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    spent, cpu = time.perf_counter() - start, _cpu_s() - cpu
    server = await _server_s(house) - server
    return {
        "per_s": count / spent,
        "p50_ms": percentile(taken, 0.5) * 1000,
        "p99_ms": percentile(taken, 0.99) * 1000,
        "python_us": cpu / count * 1e6,
        "postgres_us": server / count * 1e6,
        "calls_per_batch": 2 * count / max(1, await _links(house) - links),
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _server_s(house: House) -> float:
    """CPU seconds of the server's processes so far."""
    async with session(house.urls.owner) as owner:
        pids = await owner.fetch("select pid from pg_stat_get_activity(null)")
    return sum(cpu_s(row["pid"]) for row in pids)


async def _links(house: House) -> int:
    async with session(house.urls.owner) as owner:
        known: int = await owner.fetchval("select count(*) from livery.chain_link")
        return known


async def _dbos(folder: Path, options: Options) -> dict[str, Any]:
    server = await start_embedded(folder)  # joins the server that runs already
    try:
        async with session(server.admin_dsn) as admin:
            await admin.execute("create database dbos_bench")
            await admin.execute("create role dbos_bench login superuser password 'dbos_bench'")
        url = role_url(server.admin_dsn, "dbos_bench", "dbos_bench", "dbos_bench")
        sizes = options.count(200), options.count(2000, 64)
        return await asyncio.to_thread(beside, url, *sizes)
    finally:
        await server.release()


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The table."""
    ratio = result["ratio_vs_dbos"]
    return [
        ("one after the other, p50", f"{result['sequential_p50_ms']} ms", "<= 1.5 ms (then 1.2)"),
        ("one after the other, p99", f"{result['sequential_p99_ms']} ms", ""),
        ("64 at once", f"{result['concurrent_per_s']:,}/s", ">= 5,000/s"),
        ("256 at once", f"{result['concurrent_256_per_s']:,}/s", ""),
        ("DBOS one-step workflow, 64 at once", f"{result['dbos_per_s']}/s", ""),
        ("times DBOS", f"{ratio}x", ">= 20x"),
        ("bare rows, group-committed, 64 at once", f"{result['ceiling_per_s']:,}/s", ""),
        ("share of that ceiling", f"{result['share_of_ceiling']:.0%}", ">= 20 % (then 30 %)"),
        ("Python CPU a call", f"{result['python_us_per_call']} us", ""),
        ("PostgreSQL CPU a call", f"{result['postgres_us_per_call']} us", ""),
        ("calls a batch", f"{result['calls_per_batch']}", ""),
        (
            "fsync, synchronous_commit",
            f"{result['fsync']}, {result['synchronous_commit']}",
            "on, on",
        ),
    ]
