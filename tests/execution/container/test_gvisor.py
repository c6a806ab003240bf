"""gVisor, where the engine has it: the same limits, and the same way out, under another kernel."""

import os

import pytest
from tests.execution.container.test_runtime import FETCH, invocation_of, reports
from tests.support.docker import NewSandbox, call, plugin
from tests.support.receiver import receiver

from livery.execution.container.engine import Engine
from livery.execution.container.image.record import Built
from livery.execution.container.limits import Rules
from livery.execution.container.proofs import PROOFS, prove
from livery.execution.outside.dial import DialPolicy
from livery.execution.outside.proxy import opener

pytestmark = pytest.mark.long
RUNSC = Rules(runtime="runsc")


@pytest.fixture(autouse=True)
def gvisor(engine: Engine) -> None:
    if "runsc" not in engine.api.info()["Runtimes"]:
        assert os.environ.get("LIVERY_REQUIRE_GVISOR") != "1", "The engine lists no runtime runsc."
        pytest.skip("Left out without gVisor: the engine lists no runtime runsc.")


async def test_the_kernel_is_not_this_machines(new_sandbox: NewSandbox) -> None:
    code = reports("list(os.uname())")
    async with new_sandbox(rules=RUNSC) as inside, new_sandbox() as outside:
        there = (await call(inside, plugin(code))).result["data"]
        here = (await call(outside, plugin(code))).result["data"]
    assert here[2:4] == [os.uname().release, os.uname().version]
    assert there[2:4] != here[2:4]


async def test_every_limit_holds(image: str) -> None:
    found = [item async for item in prove(Built(image, "", "host"), RUNSC, os.environ)]
    assert [item for item in found if not item.ok] == []
    assert len(found) == len(PROOFS) + 1


async def test_declared_hosts_are_reached_and_no_others(new_sandbox: NewSandbox) -> None:
    with receiver(answer=b"here") as target, receiver(answer=b"other") as other:
        egress = opener(DialPolicy(frozenset({target.host, other.host})))
        async with new_sandbox(rules=RUNSC, egress=egress) as runtime:
            package = plugin(FETCH, capabilities={"network": [target.host]})
            runtime._store.put(package.digest, package.files)
            said = [
                await runtime.invoke(invocation_of(package, {"url": item.url}))
                for item in (target, other)
            ]
    assert [item.result["display"] for item in said] == ["here", "refused"], said
    assert [len(item.received) for item in (target, other)] == [1, 0]
