"""One plugin call in a prepared, single-use container, beside a cold `docker run` of the same image.

Both run the same plugin under the same limits, in turns. Cold is what `docker run --rm` does, through the SDK:
create, attach, start, the whole program with its interpreter, wait for the end; removal is not counted. A prepared
call is `ContainerRuntime.run_fixture`: the code is judged and hashed, written, run, and its answer checked; it is
measured with a container ready, as a platform that is not overrun has one. `unprepared` is the same call without.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import Options, home, machine, median, percentile
from livery.execution.container.engine import Engine, held
from livery.execution.container.image.build import build
from livery.execution.container.image.record import recorded
from livery.execution.container.limits import USER, Rules
from livery.execution.container.runtime import ContainerRuntime
from livery.execution.store import PackageStore
from livery.manifest.contract import Fixture
from livery.manifest.package import Package, PackageFile, parse_package

TITLE = "One plugin call in a fresh, single-use container, beside docker run"
PLUGIN = """
def run(payload, *, session_id, agent_id, skill_name):
    return {"display": "added", "data": payload["a"] + payload["b"]}
"""
COLD = "import json; payload = json.loads('{\"a\": 1, \"b\": 2}'); print(json.dumps(payload['a'] + payload['b']))"


def run(options: Options) -> dict[str, Any]:
    """Measure; see the module's text. Raises LiveryError without an engine."""
    with home(options) as folder:
        return asyncio.run(_run(options, folder))


async def _run(options: Options, folder: Path) -> dict[str, Any]:
    count = options.count(100, 5)
    engine = Engine.connect(os.environ)
    operator = recorded(Path(os.environ.get("LIVERY_HOME") or "~/.livery").expanduser())
    image = (operator or build(engine, folder, "host")).image
    about = machine(options.folder)
    store = PackageStore(folder / "skills")
    prepared = ContainerRuntime(store, folder, Rules(image=image, ready=2))
    bare = ContainerRuntime(store, folder, Rules(image=image, ready=0))
    package, cold, warm, unprepared = _package(), [], [], []
    try:
        pool, profile = await prepared._placed(package.contract)
        pool.warm(profile)
        for turn in range(count):
            cold.append(await asyncio.to_thread(_cold, engine, profile, folder))
            if turn % 5 == 0:
                unprepared.append(await _call(bare, package))
            await bare.settled()
            await prepared.settled()
            warm.append(await _call(prepared, package))
            await prepared.settled()
    finally:
        await prepared.close()
        await bare.close()
        engine.close()
    return {
        "machine": about,
        "engine": _version(),
        "calls": count,
        "cold_p50_ms": round(median(cold), 1),
        "cold_p99_ms": round(percentile(cold, 0.99), 1),
        "prepared_p50_ms": round(median(warm), 1),
        "prepared_p99_ms": round(percentile(warm, 0.99), 1),
        "unprepared_p50_ms": round(median(unprepared), 1),
        "ratio": round(median(warm) / median(cold), 3),
    }


def rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """For the table."""
    return [
        ("docker run, p50", f"{found['cold_p50_ms']} ms", ""),
        ("docker run, p99", f"{found['cold_p99_ms']} ms", ""),
        ("prepared call, p50", f"{found['prepared_p50_ms']} ms", ""),
        ("prepared call, p99", f"{found['prepared_p99_ms']} ms", ""),
        ("unprepared call, p50", f"{found['unprepared_p50_ms']} ms", ""),
        ("prepared / docker run", f"{found['ratio']}x", "<= 0.1x"),
    ]


async def _call(runtime: ContainerRuntime, package: Package) -> float:
    began = time.perf_counter()
    done = await runtime.run_fixture(package, Fixture("bench", {"a": 1, "b": 2}, None))
    taken = (time.perf_counter() - began) * 1000
    assert done.code == "tool_ok", done
    assert done.result["data"] == 3
    return taken


def _cold(engine: Engine, profile: Any, folder: Path) -> float:
    """What `docker run` does, with the limits of a plugin."""
    began = time.perf_counter()
    made = engine.api.create_container_from_config(
        {
            "Image": profile.image_id,
            "Cmd": ["python3", "-I", "-c", COLD],
            "Entrypoint": [],
            "User": USER,
            "AttachStdout": True,
            "NetworkDisabled": True,
            "HostConfig": held(profile, folder, None),
        }
    )
    said = engine.api.attach(made["Id"], stream=True)
    engine.api.start(made["Id"])
    text = b"".join(said)
    assert engine.api.wait(made["Id"])["StatusCode"] == 0
    taken = (time.perf_counter() - began) * 1000
    assert text.strip() == b"3", text
    engine.api.remove_container(made["Id"], force=True)
    return taken


def _package() -> Package:
    contract = (
        b'{"apiVersion": "livery/v1", "version": "1.0.0", "runtime": {"kind": "container",'
        b' "entry": "scripts/plugin.py", "interface": 1}, "interface": {"input": true, "output": true}}'
    )
    package, found = parse_package(
        [
            PackageFile("SKILL.md", b"---\nname: bench\ndescription: Adds.\n---\n"),
            PackageFile("contract.yaml", contract),
            PackageFile("scripts/plugin.py", PLUGIN.encode()),
        ]
    )
    assert package is not None, found
    return package


def _version() -> str:
    engine = Engine.connect(os.environ)
    try:
        return str(engine.api.version()["Version"])
    finally:
        engine.close()
