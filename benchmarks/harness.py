"""Shared by all benchmarks: options, the machine, percentiles, the platform they run on, the table."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

NAMES = (
    "governed-call",
    "http",
    "decide",
    "ingest",
    "digest",
    "load",
    "certify",
    "sandbox",
)


@dataclass(frozen=True, slots=True)
class Options:
    """How much to measure. `scale` multiplies every count: 1 for a figure to quote, 0.01 for a trial."""

    scale: float = 1.0
    folder: Path | None = None  # where temporary data go; the disk under it is what is measured
    keep: bool = False

    def count(self, full: int, least: int = 8) -> int:
        """How many of something that is done `full` times at scale 1."""
        return max(least, round(full * self.scale))


def find(name: str) -> ModuleType:
    """The module of a benchmark; raises KeyError with the names there are."""
    known = [item for item in NAMES if (Path(__file__).parent / _file(item)).is_file()]
    if name not in known:
        raise KeyError(f"There is no benchmark {name!r}; there are {', '.join(known)}.")
    return import_module(f"benchmarks.{_file(name).removesuffix('.py')}")


def _file(name: str) -> str:
    return name.replace("-", "_") + ".py"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values (0 to 1) do not exceed: nearest rank, ceil(share * n)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)
    return ordered[max(0, min(len(ordered) - 1, int(rank) - 1))]


def median(values: Iterable[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    return statistics.median(values)


@contextmanager
def home(options: Options) -> Iterator[Path]:
    """A LIVERY_HOME of its own, removed at the end unless `keep`."""
    folder = Path(tempfile.mkdtemp(prefix="livery-bench-", dir=options.folder))
    try:
        yield folder
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def machine(folder: Path | None = None) -> dict[str, Any]:
    """What the figures were measured on; `fsync_us` is the median of an 8 KiB write with fdatasync."""
    where = Path(folder or tempfile.gettempdir())
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "ram_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "disk": _disk(where),
        "fsync_us": round(_fsync_us(where), 1),
    }


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far; 0 where it is gone or the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _disk(where: Path) -> str:
    """File system and device below a folder: the longest mount point that contains it."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    path = f"{where.resolve()}/"
    held = [item for item in mounts if path.startswith(item[1].rstrip("/") + "/")]
    device, _, kind = max(held, key=lambda item: len(item[1]))[:3]
    return f"{kind} on {device}"


def _fsync_us(where: Path) -> float:
    block, taken = b"\0" * 8192, []
    with tempfile.TemporaryFile(dir=where) as file:
        for _ in range(64):
            file.write(block)
            file.flush()
            start = time.perf_counter_ns()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter_ns() - start) / 1000)
    return median(taken)


def table(title: str, rows: Sequence[tuple[str, str, str]], about: Mapping[str, Any]) -> str:
    """A plain table of (what, value, to reach), with the machine below it."""
    heads = ("", "measured", "to reach")
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(3)]
    lines = [title, ""]
    lines += [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in [heads, *rows]
    ]
    said = ", ".join(f"{key} {value}" for key, value in about.items())
    return "\n".join([*lines, "", said])


def main(argv: Sequence[str]) -> int:
    """`python -m benchmarks NAME [--json] [--scale X]`."""
    names = [item for item in argv if not item.startswith("-")]
    scale = next((float(i.partition("=")[2]) for i in argv if i.startswith("--scale=")), 1.0)
    try:
        module = find(names[0] if names else "")
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 2
    result = module.run(Options(scale=scale))
    if "--json" in argv:
        print(json.dumps(result, indent=2))
    else:
        print(table(module.TITLE, module.rows(result), result["machine"]))
    return 0
