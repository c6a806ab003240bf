"""DBOS beside us: the same function as a durable one-step workflow on the same PostgreSQL server.

Its own process (`python -m benchmarks.dbos_side SEQUENTIAL CONCURRENT`, the database in DBOS_URL), so that neither
disturbs the other. Concurrency is offered as threads and as coroutines, with two pool sizes; the best one counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

AT_ONCE = 64


def beside(url: str, sequential: int, concurrent: int) -> dict[str, Any]:
    """Measure DBOS in a process of its own; `{"skipped": why}` where it is not installed."""
    tried = []
    for pool in (20, AT_ONCE):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.dbos_side", str(sequential), str(concurrent)],
            cwd=Path(__file__).resolve().parents[1],
            env={**os.environ, "DBOS_URL": url, "DBOS_POOL": str(pool)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != 0:
            return {"skipped": done.stderr.strip().splitlines()[-1] if done.stderr else "it failed"}
        tried.append(json.loads(done.stdout.splitlines()[-1]))
    best = max(tried, key=lambda item: item["per_s"])
    return {**best, "sequential_p50_ms": min(item["sequential_p50_ms"] for item in tried)}


def _measure(sequential: int, concurrent: int) -> dict[str, Any]:
    from dbos import DBOS, SetWorkflowID

    DBOS(
        config={
            "name": "livery-bench",
            "system_database_url": os.environ["DBOS_URL"],
            "sys_db_pool_size": int(os.environ["DBOS_POOL"]),
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    def add(a: int, b: int) -> int:
        return a + b

    @DBOS.workflow()
    def threaded(a: int, b: int) -> int:
        return add(a, b)

    @DBOS.step()
    async def add_async(a: int, b: int) -> int:
        return a + b

    @DBOS.workflow()
    async def cooperative(a: int, b: int) -> int:
        return await add_async(a, b)

    DBOS.launch()
    mark = f"{os.getpid()}-{time.time_ns()}"

    def one(number: int, label: str) -> None:
        with SetWorkflowID(f"{mark}-{label}-{number}"):
            assert threaded(number, 1) == number + 1

    async def one_async(number: int) -> None:
        with SetWorkflowID(f"{mark}-async-{number}"):
            assert await cooperative(number, 1) == number + 1

    for number in range(20):
        one(number, "warm")
    taken = sorted(_timed(lambda number=number: one(number, "seq")) for number in range(sequential))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        spent = _timed(lambda: list(pool.map(lambda n: one(n, "conc"), range(concurrent))))
    threads = concurrent / spent
    coroutines = asyncio.run(_cooperative(one_async, concurrent))
    DBOS.destroy()
    return {
        "per_s": round(max(threads, coroutines), 1),
        "threads_per_s": round(threads, 1),
        "coroutines_per_s": round(coroutines, 1),
        "pool": int(os.environ["DBOS_POOL"]),
        "sequential_p50_ms": round(taken[len(taken) // 2] * 1000, 2),
    }


async def _cooperative(one: Callable[[int], Any], count: int) -> float:
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - start)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]), int(sys.argv[2]))))
