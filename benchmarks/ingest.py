"""Session logs in: the first time journaled and queryable, and again, beside `ccusage`.

Both read the same generated logs (1 GB at scale 1), warm in the page cache. Ours goes the way of
`livery digest`: discovery, reading, HTTP door, PostgreSQL with fsync, and a query of the views.
The time to start the reading interpreters is measured by itself and taken off.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from tests.support.log_generator import COUNTED, Totals, generate

from benchmarks.ccusage_side import binary, total
from benchmarks.harness import Options, home, machine, median
from benchmarks.house import House, open_house
from livery.api.http.app import create_app
from livery.client.session_logs.discovery import find_logs
from livery.client.session_logs.upload import IngestReport, ingest_logs
from livery.client.session_logs.worker import ReadingProcess
from livery.execution.data.source import open_views
from livery.storage.database import Database
from livery.storage.sessions import PostgresSessions

TITLE = "ingest: agent session logs, first time and again, beside ccusage"
PROCESSES = 2
ROUNDS = 3


def run(options: Options) -> dict[str, Any]:
    """Measure; `first_ratio` is to reach 4 (then 1), `again_ratio` 10."""
    with home(options) as folder:
        totals = generate(folder / "logs", options.count(1_000_000_000, 1_000_000))
        about = machine(folder)
        command = binary()
        theirs = [total(command, folder / "logs") for _ in range(ROUNDS)] if command else []
        ours = [asyncio.run(_ours(folder, n, totals)) for n in range(ROUNDS)]
    result: dict[str, Any] = {
        "machine": about,
        "bytes": totals.bytes,
        "lines": totals.lines,
        "first_s": median(o["first_s"] for o in ours),
        "queryable_s": median(o["queryable_s"] for o in ours),
        "again_s": median(o["again_s"] for o in ours),
        "interpreters_s": median(o["interpreters_s"] for o in ours),
        "rows": ours[0]["rows"],
        "ccusage_s": median(t[0] for t in theirs) if theirs else None,
        "totals_equal": all(o["totals_equal"] for o in ours),
        "ccusage_totals_equal": _equal_to_ccusage(totals, theirs[0][1]) if theirs else None,
    }
    whole = result["first_s"] + result["queryable_s"] - result["interpreters_s"]
    result["whole_s"] = whole
    if theirs:
        result["first_ratio"] = whole / result["ccusage_s"]
        result["again_ratio"] = result["ccusage_s"] / result["again_s"]
    return result


async def _ours(folder: Path, number: int, totals: Totals) -> dict[str, Any]:
    async with open_house(folder / f"home-{number}") as house:
        return await _measure(house, folder / "logs", totals)


async def _measure(house: House, logs: Path, totals: Totals) -> dict[str, Any]:
    transport = httpx.ASGITransport(create_app(house.platform.services))
    headers = {"Authorization": f"Bearer {house.token}"}
    slug = house.workspaces[0]
    interpreters = await _interpreters()
    import boring_semantic_layer  # noqa: F401 - a server has it since its start
    import ibis.backends.duckdb  # noqa: F401

    async with httpx.AsyncClient(
        transport=transport, base_url="http://bench", headers=headers
    ) as client:

        async def ingest() -> tuple[float, IngestReport]:
            start = time.perf_counter()
            report = await ingest_logs(
                client, find_logs([logs]), workspace=slug, processes=PROCESSES
            )
            return time.perf_counter() - start, report

        first, report = await ingest()
        start = time.perf_counter()
        equal = await _query(house, slug, totals)
        queryable = time.perf_counter() - start
        again, nothing = await ingest()
    assert nothing.batches == 0
    return {
        "first_s": first,
        "queryable_s": queryable,
        "again_s": again,
        "interpreters_s": interpreters,
        "rows": report.rows,
        "totals_equal": equal,
    }


async def _interpreters() -> float:
    """Seconds until the reading processes can read, started together as in `read_batches`."""
    readers = [ReadingProcess() for _ in range(PROCESSES)]
    start = time.perf_counter()
    await asyncio.gather(*(reader.read([]) for reader in readers))
    taken = time.perf_counter() - start
    await asyncio.gather(*(reader.close() for reader in readers))
    return taken


async def _query(house: House, slug: str, totals: Totals) -> bool:
    """Ask the views for all tokens; does that equal what the generator wrote?"""
    database = await Database.open(house.urls.api, uuid4(), size=2)
    try:
        workspace = await house.platform.services.access.authorize(house.operator, slug)
        store = PostgresSessions(database)
        views = await open_views(store, workspace, house.settings.home / "cache" / "bench")
        [row] = await asyncio.to_thread(views.query, "usage", [], list(COUNTED))
        views.close()
    finally:
        await database.close()
    return row == {name: totals.tokens(name) for name in COUNTED}


def _equal_to_ccusage(totals: Totals, theirs: dict[str, Any]) -> bool:
    names = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheCreationTokens")
    pairs = zip(COUNTED, names, strict=True)
    return all(totals.tokens(ours) == theirs[name] for ours, name in pairs)


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The table."""
    table = [
        ("logs", f"{result['bytes'] / 1e6:,.0f} MB, {result['lines']:,} lines", ""),
        ("first time: read and journaled", f"{result['first_s']:.2f} s", ""),
        ("  until queryable", f"{result['queryable_s']:.2f} s", ""),
        ("  of it interpreter start", f"{result['interpreters_s']:.2f} s", ""),
        ("again", f"{result['again_s']:.3f} s", ""),
        ("totals equal the generator's", str(result["totals_equal"]), "True"),
    ]
    if result["ccusage_s"] is None:
        return [*table, ("ccusage", "not available", "")]
    return [
        *table,
        ("ccusage, full read", f"{result['ccusage_s']:.2f} s", ""),
        ("its totals equal", str(result["ccusage_totals_equal"]), ""),
        ("first time / ccusage", f"{result['first_ratio']:.2f}x", "<= 4x (then 1x)"),
        ("ccusage / again", f"{result['again_ratio']:.1f}x", ">= 10x"),
    ]
