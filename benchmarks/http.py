"""`POST /v1/runs` on the real server, beside a FastAPI route that does nothing on the same kind of server.

Three processes: the server, the other server (idle meanwhile), and the load. The two are measured in turns.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import Options, cpu_s, home, machine, median

TITLE = "POST /v1/runs, beside a FastAPI route that does nothing on the same server"
CONNECTIONS = 64
_ROOT = Path(__file__).resolve().parents[1]
_START_S = 120


@dataclass(frozen=True, slots=True)
class _Door:
    """A server's port and process."""

    port: int
    pid: int


def run(options: Options) -> dict[str, Any]:
    """Measure; see TITLE."""
    with home(options) as folder:
        about = machine(folder)
        with _server("noop", folder) as (idle, _), _server("runs", folder) as (door, ready):
            about["postgresql"] = ready.pop("server_version")
            work: dict[str, Any] = {
                "path": "/v1/runs",
                "headers": {"Authorization": f"Bearer {ready.pop('token')}"},
                "bodies": [
                    json.dumps({"skill_key": "add", "input": {"a": i, "b": 1}, "workspace": slug})
                    for i, slug in enumerate(ready.pop("workspaces"))
                ],
            }
            nothing = {**work, "path": "/noop"}  # the same bytes but for the path
            idle_count, count = options.count(12_000, 64), options.count(6000, 64)
            _load(door, work, options.count(2000, 64))
            _load(idle, nothing, idle_count)
            noops, runs = [], []
            for _ in range(5):  # in turns, so that a noisy moment meets both
                noops.append(_load(idle, nothing, idle_count))
                runs.append(_load(door, work, count))
    return {"machine": about, **ready, **_result(noops, runs)}


def _result(noops: list[dict[str, Any]], runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "connections": CONNECTIONS,
        "runs_per_s": round(median(item["per_s"] for item in runs)),
        "noop_per_s": round(median(item["per_s"] for item in noops)),
        "share_of_noop": round(
            median(a["per_s"] / b["per_s"] for a, b in zip(runs, noops, strict=True)), 3
        ),
        "server_us_per_run": round(median(item["server_us"] for item in runs), 1),
        "server_us_per_noop": round(median(item["server_us"] for item in noops), 1),
        "p50_ms": round(median(item["p50_ms"] for item in runs), 2),
        "p99_ms": round(median(item["p99_ms"] for item in runs), 2),
        "spread": {
            "runs_per_s": [round(item["per_s"]) for item in runs],
            "noop_per_s": [round(item["per_s"]) for item in noops],
        },
    }


@contextmanager
def _server(kind: str, folder: Path) -> Iterator[tuple[_Door, dict[str, Any]]]:
    """A server's port and what it said when it was ready; stopped at the end."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.http_server", kind, str(port), str(folder)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"The {kind} server ended with status {process.wait(_START_S)}.")
        yield _Door(port, process.pid), json.loads(line)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _load(door: _Door, request: dict[str, Any], count: int) -> dict[str, Any]:
    cpu = cpu_s(door.pid)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.http_load",
            str(door.port),
            str(CONNECTIONS),
            str(count),
        ],
        cwd=_ROOT,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    result["server_us"] = (cpu_s(door.pid) - cpu) / count * 1e6
    if set(result["statuses"]) != {"200"}:
        raise RuntimeError(f"{request['path']} answered {result['statuses']}.")
    return result


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The table."""
    return [
        (f"POST /v1/runs, {CONNECTIONS} connections", f"{result['runs_per_s']:,}/s", ""),
        ("FastAPI no-op, the same connections", f"{result['noop_per_s']:,}/s", ""),
        ("share of the no-op", f"{result['share_of_noop']:.0%}", ">= 25 % (then 40 %)"),
        ("CPU of the server's process a run", f"{result['server_us_per_run']} us", ""),
        ("CPU of the server's process a no-op", f"{result['server_us_per_noop']} us", ""),
        ("p50", f"{result['p50_ms']} ms", ""),
        ("p99", f"{result['p99_ms']} ms", ""),
    ]
