"""The container runtime on a real engine: what it answers, what it refuses, and what it leaves behind."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.support.docker import ADD, NewSandbox, call, plugin
from tests.support.receiver import receiver

from livery.execution.container.engine import Engine
from livery.execution.container.leftovers import home_label, owner_of, place_of
from livery.execution.container.limits import Rules
from livery.execution.container.policy.judge import LevelPolicy
from livery.execution.container.runtime import ContainerRuntime
from livery.execution.outside.dial import DialPolicy
from livery.execution.outside.proxy import opener
from livery.execution.store import PackageStore
from livery.manifest.package import Package
from livery.manifest.schema import compile_schema
from livery.services.identity.types import AuthorizedWorkspaceId
from livery.services.runs.types import ExecutionContract, Invocation

FIVE = {"a": 2, "b": 3}
ANSWER = {"display": "added", "data": 5}
HEAD = "import os\n"


@pytest.fixture(scope="module")
async def sandbox(new_sandbox: NewSandbox) -> AsyncIterator[ContainerRuntime]:
    async with new_sandbox(policy=LevelPolicy("strict")) as made:
        yield made


def contract_of(package: Package) -> ExecutionContract:
    contract = package.contract
    nothing: Any = None
    return ExecutionContract(
        workspace_id=AuthorizedWorkspaceId(UUID(int=1)),
        hired_agent_id=UUID(int=7),
        skill_key=contract.skill_key,
        version=contract.version,
        digest=package.digest,
        certificate_id="",
        badge="",
        policy_hash="",
        contract=contract,
        capabilities=contract.capabilities,
        output_schema=compile_schema(True),
        facts=nothing,
        timeout_s=contract.runtime.timeout_s,
        runtime="container",
        entry=contract.runtime.entry or "",
        inline=False,
        global_epoch=0,
        local_epoch=0,
    )


def invocation_of(package: Package, args: Any) -> Invocation:
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    return Invocation(uuid4(), contract_of(package), args, False, moment, "correlation")


def reports(body: str) -> str:
    return (
        HEAD
        + "def run(payload, *, session_id, agent_id, skill_name):\n"
        + f"    return {{'display': '', 'data': {body}}}\n"
    )


async def test_a_plugin_is_told_who_asks(
    sandbox: ContainerRuntime, new_sandbox: NewSandbox
) -> None:
    package = plugin(reports("[payload, session_id, agent_id, skill_name]"))
    async with new_sandbox() as runtime:
        runtime._store.put(package.digest, package.files)
        invocation = invocation_of(package, {"x": [1, "é", None]})
        done = await runtime.invoke(invocation)
    assert done.code == "tool_ok", done
    run_id = str(invocation.run_id)
    assert done.result["data"] == [{"x": [1, "é", None]}, run_id, str(UUID(int=7)), "plugin-test"]


async def test_prepared_containers_answer_once_each(
    new_sandbox: NewSandbox, engine: Engine
) -> None:
    package = plugin(reports("os.uname().nodename + open('/proc/thread-self/mountinfo').read()"))
    async with new_sandbox(policy=LevelPolicy("strict")) as runtime:
        runtime._store.put(package.digest, package.files)
        await runtime.prepare(contract_of(package), package.files)
        await runtime.settled()
        pool = runtime._pool
        assert pool is not None
        [profile] = pool._waiting
        assert pool.ready(profile) == 2
        waiting = {item.name for item in pool._waiting[profile]}
        seen = [await runtime.invoke(invocation_of(package, {})) for _ in range(2)]
        folders = {name for name in waiting for done in seen if name in done.result["data"]}
        assert folders == waiting  # each answered one
        await runtime.settled()
        assert pool.ready(profile) == 2
        assert waiting.isdisjoint({item.name for item in pool._waiting[profile]})
        label = place_of(runtime._home).home
        assert len(engine.labelled(label)) == 2
    assert engine.labelled(label) == []
    assert not list((runtime._home / "run" / "sandbox").iterdir())


async def test_more_calls_than_containers(new_sandbox: NewSandbox) -> None:
    async with new_sandbox(rules=Rules(ready=1, at_once=2)) as runtime:
        calls = [call(runtime, plugin(), {"a": n, "b": 1}) for n in range(6)]
        done = await asyncio.gather(*calls)
    assert [item.result["data"] for item in done] == [1, 2, 3, 4, 5, 6]


async def test_a_container_that_died_while_it_waited_is_nobody_s_loss(
    new_sandbox: NewSandbox, engine: Engine
) -> None:
    async with new_sandbox() as runtime:
        await call(runtime, plugin(), FIVE)
        pool = runtime._pool
        assert pool is not None
        pool.warm((await runtime._placed(plugin().contract))[1])
        await runtime.settled()
        for container, _ in engine.labelled(place_of(runtime._home).home):
            engine.remove(container)
        done = await call(runtime, plugin(), FIVE)
    assert (done.code, done.result) == ("tool_ok", ANSWER)


async def test_a_caller_who_goes_leaves_nothing(new_sandbox: NewSandbox, engine: Engine) -> None:
    endless = plugin("def run(payload, **about):\n    while True: pass\n")
    async with new_sandbox(rules=Rules(ready=0)) as runtime:
        await call(runtime, plugin(), FIVE)
        waits = asyncio.create_task(call(runtime, endless))
        await asyncio.sleep(1.5)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        await runtime.settled()
        assert engine.labelled(place_of(runtime._home).home) == []
        assert (await call(runtime, plugin(), FIVE)).result == ANSWER


async def test_files_in_output_are_artifacts_where_declared(sandbox: ContainerRuntime) -> None:
    code = (
        HEAD + "def run(payload, **about):\n"
        "    os.makedirs('/output/a')\n"
        "    open('/output/a/report.csv', 'w').write('x,y')\n"
        "    open('/output/z', 'wb').write(bytes(3))\n"
        "    return {'display': 'two'}\n"
    )
    declared = await call(sandbox, plugin(code, capabilities={"filesystem": ["output"]}))
    found = [(item.name, item.media_type, item.content) for item in declared.artifacts]
    assert sorted(found) == [
        ("a/report.csv", "text/csv", b"x,y"),
        ("z", "application/octet-stream", b"\0\0\0"),
    ]
    assert (await call(sandbox, plugin(code))).artifacts == []


async def test_files_of_its_own_are_imported(sandbox: ContainerRuntime) -> None:
    code = "import helper\ndef run(payload, **about):\n    return {'display': helper.WORD}\n"
    done = await call(sandbox, plugin(code, extra={"scripts/helper.py": b"WORD = 'mine'"}))
    assert done.result == {"display": "mine"}


async def test_the_log_is_kept_and_cut(sandbox: ContainerRuntime) -> None:
    code = "def run(payload, **about):\n    print('x' * 100_000, 'end')\n    raise ValueError\n"
    done = await call(sandbox, plugin(code))
    assert (done.code, done.details["exception"]) == ("plugin_runtime_failed", "ValueError")
    assert 0 < len(done.details["log"]) <= 2000


async def test_variables_on_the_operator_s_list_only(new_sandbox: NewSandbox) -> None:
    code = plugin(reports("os.environ['TZ']"), runtime={"env": ["TZ"]})
    async with new_sandbox(rules=Rules(env={"TZ": "Europe/Zurich"})) as runtime:
        assert (await call(runtime, code)).result["data"] == "Europe/Zurich"
    async with new_sandbox() as runtime:
        refused = await call(runtime, code)
    assert refused.code == "plugin_contract_invalid"
    assert "TZ" in str(refused.message)


@pytest.mark.parametrize("asked", [{"memory_mb": 512}, {"cpus": 2}, {"timeout_s": 60}])
async def test_more_than_the_ceiling_is_refused(
    sandbox: ContainerRuntime, asked: dict[str, Any]
) -> None:
    done = await call(sandbox, plugin(runtime=asked), FIVE)
    assert done.code == "plugin_contract_invalid"
    assert next(iter(asked)) in done.details["remedy"]


async def test_less_is_given(new_sandbox: NewSandbox) -> None:
    code = (
        "def run(payload, **about):\n    held = bytearray(60 << 20)\n    return {'display': ''}\n"
    )
    async with new_sandbox(rules=Rules(ready=0)) as runtime:
        less = await call(runtime, plugin(code, runtime={"memory_mb": 32}))
        enough = await call(runtime, plugin(code))
    assert (less.code, less.details["oom"]) == ("plugin_runtime_failed", True)
    assert enough.code == "tool_ok"


async def test_what_the_policy_refuses_costs_no_container(new_sandbox: NewSandbox) -> None:
    bad = plugin("import subprocess\n" + ADD)
    async with new_sandbox(policy=LevelPolicy("strict")) as runtime:
        runtime._store.put(bad.digest, bad.files)
        await runtime.prepare(contract_of(bad), bad.files)
        assert runtime.unavailable(contract_of(bad)) == (
            "security_preflight_denied",
            "scripts/plugin.py, line 1: subprocess reaches beyond a plugin's own process.",
        )
        done = await runtime.invoke(invocation_of(bad, FIVE))
        assert done.code == "security_preflight_denied"
        assert runtime._engine is None


async def test_code_that_was_changed_does_not_run(new_sandbox: NewSandbox) -> None:
    package = plugin()
    async with new_sandbox() as runtime:
        runtime._store.put(package.digest, package.files)
        assert (await runtime.invoke(invocation_of(package, FIVE))).result == ANSWER
        path = runtime._store.folder(package.digest) / "scripts" / "plugin.py"
        path.chmod(0o600)
        path.write_text(ADD.replace("+", "-"))
        done = await runtime.invoke(invocation_of(package, FIVE))
        assert done.code == "security_hash_mismatch"
        forged = replace(package, digest="sha256:" + "0" * 64)
        assert (await call(runtime, forged, FIVE)).code == "security_hash_mismatch"


async def test_an_image_is_what_was_pinned(
    new_sandbox: NewSandbox, engine: Engine, image: str
) -> None:
    tag = "livery-test-pin:1"
    engine.api.tag(image, "livery-test-pin", "1")
    try:
        async with new_sandbox() as runtime:

            async def of(named: str) -> str:
                return (await call(runtime, plugin(runtime={"image": named}), FIVE)).code

            assert await of(image) == "tool_ok"
            assert await of(f"{tag}@{image}") == "tool_ok"
            assert await of(f"{tag}@sha256:{'0' * 64}") == "security_hash_mismatch"
            assert await of(tag) == "plugin_contract_invalid"
            assert await of(f"sha256:{'0' * 64}") == "plugin_container_unavailable"
    finally:
        engine.api.remove_image(tag)


async def test_without_an_engine_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any, **more: Any) -> Any:
        raise AssertionError("a plugin was started without a container")

    monkeypatch.setattr(subprocess, "Popen", never)
    monkeypatch.setattr(os, "fork", never)
    runtime = ContainerRuntime(
        PackageStore(tmp_path / "skills"),
        tmp_path,
        Rules(image="sha256:" + "0" * 64),
        environ={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"},
    )
    for _ in range(2):
        done = await call(runtime, plugin(), FIVE)
        assert (done.code, done.message) == (
            "plugin_container_unavailable",
            "No Docker Engine answers here.",
        )
        assert done.retryable
    await runtime.close()


async def test_without_an_image_it_says_how_to_make_one(tmp_path: Path, engine: Engine) -> None:
    runtime = ContainerRuntime(PackageStore(tmp_path / "skills"), tmp_path, Rules())
    done = await call(runtime, plugin(), FIVE)
    assert (done.code, done.details["remedy"]) == (
        "plugin_container_unavailable",
        "livery sandbox build",
    )
    await runtime.close()


async def test_gvisor_or_nothing(new_sandbox: NewSandbox, engine: Engine) -> None:
    async with new_sandbox(rules=Rules(runtime="runsc")) as runtime:
        done = await call(runtime, plugin(), FIVE)
    if "runsc" in engine.api.info()["Runtimes"]:
        assert done.code == "tool_ok"
    else:
        assert done.code == "plugin_container_unavailable"
        assert "runsc" in str(done.message)


FETCH = """
import urllib.error, urllib.request
def run(payload, *, session_id, agent_id, skill_name):
    try:
        with urllib.request.urlopen(payload["url"], timeout=5) as answer:
            return {"display": answer.read().decode()}
    except (urllib.error.URLError, OSError) as refused:
        return {"display": "refused"}
"""


async def test_declared_hosts_are_reached_through_the_proxy(new_sandbox: NewSandbox) -> None:
    with receiver(answer=b"here") as target, receiver(answer=b"other") as other:
        egress = opener(DialPolicy(frozenset({target.host, other.host})))
        async with new_sandbox(policy=LevelPolicy("strict"), egress=egress) as runtime:
            package = plugin(FETCH, capabilities={"network": [target.host]})
            runtime._store.put(package.digest, package.files)
            to = [
                await runtime.invoke(invocation_of(package, {"url": item.url}))
                for item in (target, other)
            ]
            assert [item.result["display"] for item in to] == ["here", "refused"], to
            # A fixture reaches nothing.
            assert (await call(runtime, package, {"url": target.url})).result[
                "display"
            ] == "refused"
        async with new_sandbox() as closed:
            closed._store.put(package.digest, package.files)
            done = await closed.invoke(invocation_of(package, {"url": target.url}))
            assert done.code == "plugin_container_unavailable"
    assert [len(item.received) for item in (target, other)] == [1, 0]


class Ledger:
    """Keeps what it is told; the real one has tests of its own, and the platform's below uses it."""

    def __init__(self, *, opened: bool) -> None:
        self.open, self.told = opened, list[str]()

    async def intend(self, effect: Any, correlation_id: str) -> bool:
        self.told.append(f"intended {effect.target}")
        return self.open

    async def sent(self, effect: Any, correlation_id: str) -> bool:
        self.told.append("sent")
        return True

    async def ended(self, effect: Any, state: str, evidence: Any, correlation_id: str) -> None:
        self.told.append(state)


async def test_effects_are_recorded_or_refused(new_sandbox: NewSandbox) -> None:
    with receiver(answer=b"here") as target:
        egress = opener(DialPolicy(frozenset({target.host})))
        package = plugin(FETCH, capabilities={"network": [target.host], "effects": ["send"]})
        async with new_sandbox(egress=egress) as runtime:
            runtime._store.put(package.digest, package.files)
            invocation = invocation_of(package, {"url": target.url})
            assert (await runtime.invoke(invocation)).code == "provider_policy_denied"
            closed, opened = Ledger(opened=False), Ledger(opened=True)
            runtime._ledger = closed
            assert (await runtime.invoke(invocation)).result["display"] == "refused"
            assert (len(closed.told), target.received) == (1, [])
            runtime._ledger = opened
            done = await runtime.invoke(invocation)
            assert done.result["display"] == "here"
            assert opened.told == [f"intended CONNECT {target.host}", "sent", "confirmed"]
            assert [item["state"] for item in done.side_effects] == ["confirmed"]
    assert len(target.received) == 1


CRASH = """
import asyncio, os, sys
from pathlib import Path
from livery.execution.container.limits import Rules
from livery.execution.container.runtime import ContainerRuntime
from livery.execution.container.proofs import plugin
from livery.execution.store import PackageStore
from livery.manifest.contract import Fixture

async def main():
    home = Path(sys.argv[1])
    runtime = ContainerRuntime(PackageStore(home / "skills"), home, Rules(image=sys.argv[2]))
    pool, profile = await runtime._placed(plugin("pass").contract)
    pool.warm(profile)
    await runtime.settled()
    print("ready", flush=True)
    await runtime.run_fixture(plugin("time.sleep(600)", timeout_s=15), Fixture("x", {}, None))

asyncio.run(main())
"""


async def test_a_start_removes_what_a_dead_process_left(
    new_sandbox: NewSandbox, engine: Engine, image: str, tmp_path: Path
) -> None:
    label = home_label(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", CRASH, str(tmp_path), image], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        dead = owner_of(process.pid)
        async with new_sandbox(home=tmp_path, rules=Rules(ready=0)) as runtime:
            # The other process lives: its containers are its own.
            assert (await call(runtime, plugin(), FIVE)).result == ANSWER
            await runtime.settled()
            assert {owner for _, owner in engine.labelled(label)} == {dead}
        process.kill()
        process.wait(10)
    assert {owner for _, owner in engine.labelled(label)} == {dead}
    async with new_sandbox(home=tmp_path, rules=Rules(ready=0)) as runtime:
        assert (await call(runtime, plugin(), FIVE)).result == ANSWER
        await runtime.settled()
        assert engine.labelled(label) == []
        left = [path.name for path in (tmp_path / "run" / "sandbox").iterdir()]
        assert left == [owner_of(os.getpid())]
