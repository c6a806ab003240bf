"""LIVERY_SANDBOX_RUNTIME: the engine's runtime that is named, or none; and a grant of code is for that one.

gVisor is not to be had where we test: the machine's own runc stands in under a second name.
"""

import os
from typing import Any

import pytest
from tests.services.approvals.test_code_grants import stranger
from tests.support.docker import ADD, NewSandbox, call, plugin
from tests.support.governed import add_skill, principal, told, workspace
from tests.support.platform import NewPlatform, Running

from livery.execution.container.engine import Engine
from livery.execution.container.leftovers import place_of
from livery.execution.container.settings import rules_of
from livery.kernel.security_hash import RuntimeIdentity
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.hiring.types import AgentType
from livery.services.runs.types import Call

SETTING = "LIVERY_SANDBOX_RUNTIME"
SECONDS = ("livery-second", "io.containerd.runc.v2")
"""What tools/ci_docker.sh registers, and the name by which Docker Engine lists its own a second time."""


@pytest.fixture(scope="module")
def second(engine: Engine) -> str:
    """A runtime of this engine that is not its default."""
    info = engine.api.info()
    there = [name for name in SECONDS if name in info["Runtimes"]]
    if not there:
        pytest.skip(f"Left out: the engine lists no second runtime ({', '.join(SECONDS)}).")
    assert there[0] != info["DefaultRuntime"]
    return there[0]


def test_a_second_runtime_is_there_where_docker_must_be(engine: Engine) -> None:
    """Where the tests may not be left out, the ones below are not."""
    if os.environ.get("LIVERY_REQUIRE_DOCKER") == "1":
        assert set(SECONDS) & set(engine.api.info()["Runtimes"])


async def _used(new_sandbox: NewSandbox, engine: Engine, runtime: str) -> set[str]:
    """What the engine says its containers run under."""
    rules = rules_of({SETTING: runtime})
    async with new_sandbox(rules=rules) as sandbox:
        package = plugin()
        assert (await call(sandbox, package, {"a": 2, "b": 3})).code == "tool_ok"
        pool, profile = await sandbox._placed(package.contract)
        pool.warm(profile)
        await sandbox.settled()
        waiting = engine.labelled(place_of(sandbox._home).home)
        assert len(waiting) == rules.ready
        return {
            engine.api.inspect_container(container)["HostConfig"]["Runtime"]
            for container, _ in waiting
        }


async def test_the_setting_chooses(new_sandbox: NewSandbox, engine: Engine, second: str) -> None:
    default = engine.api.info()["DefaultRuntime"]
    assert await _used(new_sandbox, engine, "") == {default}
    assert await _used(new_sandbox, engine, second) == {second}


async def test_a_name_that_is_not_there_runs_nothing(
    new_sandbox: NewSandbox, engine: Engine
) -> None:
    async with new_sandbox(rules=rules_of({SETTING: "runc-of-nobody"})) as sandbox:
        done = await call(sandbox, plugin(), {"a": 2, "b": 3})
        assert done.code == "plugin_container_unavailable"
        assert "runc-of-nobody" in str(done.message)
        assert "Register runc-of-nobody with the engine" in done.details["remedy"]
        assert engine.labelled(place_of(sandbox._home).home) == []


async def test_it_is_part_of_the_identity(new_sandbox: NewSandbox) -> None:
    found: list[RuntimeIdentity] = []
    for name in ("", "runsc"):
        async with new_sandbox(rules=rules_of({SETTING: name})) as sandbox:
            found.append(sandbox.identity(plugin(ADD).contract, "sha256:1"))
    assert [one.image_digest for one in found] == ["sha256:1", "sha256:1 under runsc"]


async def test_another_runtime_voids_an_always_allow(
    new_platform: NewPlatform, image: str, second: str
) -> None:
    engine = {name: value for name, value in os.environ.items() if name.startswith("DOCKER")}
    environ = {**engine, "LIVERY_SANDBOX_IMAGE": image}
    async with new_platform(environ=environ) as running:
        await add_skill(running, stranger())
        await workspace(running, "house")
        kind = AgentType("test.keeper", 1, "Keeper", "For tests.", ("stranger",), "published")
        await running.platform.hiring.add_type(
            kind, Entry("agent_type.published", PLATFORM, kind.ref, {})
        )
        hired = await running.platform.services.hiring.hire(
            running.operator, kind.ref, "house", "k"
        )
        agent = await principal(running, "agent", "house", hired.hired_agent_id)
        admin = await principal(running, "customer_admin", "house")
        asked = Call(agent, "stranger", {"a": 1, "b": 1}, workspace="house", wait_for_approval=True)
        waiting = await running.platform.runner.run(asked)
        await running.platform.services.approvals.grant(
            admin, str(waiting.approval_id), decision="always_allow"
        )
        assert await _answer(running, agent) == {"display": "added", "data": 9}
        other = {**environ, SETTING: second}
        async with new_platform(urls=running.urls, environ=other) as elsewhere:
            assert await _answer(elsewhere, agent) == "approval_required"
        async with new_platform(urls=running.urls, environ=environ) as same:
            assert await _answer(same, agent) == {"display": "added", "data": 9}


async def _answer(running: Running, agent: Any) -> Any:
    """The result, or the code of the refusal."""
    call = Call(agent, "stranger", {"a": 4, "b": 5}, workspace="house")
    done = await told(running.platform.runner.run(call))
    return done if isinstance(done, str) else done.result
