"""A tree of public-style packages into the catalog: the first time, and again.

The way of `livery skills add TREE`: finding, reading, HTTP door, every diagnostic, PostgreSQL with fsync.
The start of the platform is not part of it.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
from tests.support.public_packages import write_tree

from benchmarks.harness import Options, home, machine
from benchmarks.house import House, open_house
from livery.cli.folders import PackageSource
from livery.cli.load_progress import LoadProgress
from livery.cli.screen import Screen
from livery.cli.skills_add import load_packages
from livery.client import LiveryClient

TITLE = "load: a tree of skill packages as the public writes them"


def run(options: Options) -> dict[str, Any]:
    """Measure; `first_s` is to stay below 10 for 2,000 packages."""
    with home(options) as folder:
        tree = folder / "tree"
        write_tree(tree, options.count(2_000))
        sizes = [file.stat().st_size for file in tree.rglob("*") if file.is_file()]
        about = machine(folder)
        found = asyncio.run(_measure(folder, tree))
    return {"machine": about, "files": len(sizes), "bytes": sum(sizes), **found}


async def _measure(folder: Path, tree: Path) -> dict[str, Any]:
    async with open_house(folder / "home") as house:
        first = await _load(house, tree)
        again = await _load(house, tree)
    assert first["loaded"] == again["loaded"]
    return {
        "packages": first["loaded"],
        "rejected": first["rejected"],
        "with_remarks": first["with_remarks"],
        "first_s": first["seconds"],
        "again_s": again["seconds"],
        "per_s": first["loaded"] / first["seconds"],
    }


async def _load(house: House, tree: Path) -> dict[str, Any]:
    transport = httpx.ASGITransport(app=house.platform.app)
    async with LiveryClient("http://bench", house.token, transport=transport) as client:
        start = time.perf_counter()
        load = await load_packages(client, PackageSource(tree), LoadProgress(Screen()))
        seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "loaded": len(load.loaded),
        "rejected": len(load.rejected),
        "with_remarks": sum(bool(item["diagnostics"]) for item in load.loaded),
    }


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The table."""
    size = f"{result['files']:,} files, {result['bytes'] / 1e6:,.1f} MB"
    return [
        ("packages", f"{result['packages']:,}", ""),
        ("  in", size, ""),
        ("  with remarks", f"{result['with_remarks']:,}", ""),
        ("first time", f"{result['first_s']:.2f} s", "< 10 s for 2,000"),
        ("  packages a second", f"{result['per_s']:,.0f}", ""),
        ("again", f"{result['again_s']:.2f} s", ""),
    ]
