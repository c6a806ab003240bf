"""Grants of code: bound to the security hash, to whom they were given, and never an approval of an effect."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from tests.support.docker import plugin
from tests.support.governed import add_skill, owner, priced, principal, told, workspace
from tests.support.platform import NewPlatform, Running

from livery.kernel.policy import DEFAULT_POLICIES
from livery.manifest.package import PackageFile
from livery.services import PLATFORM as TYPE_HOME
from livery.services.audit.types import Entry
from livery.services.hiring.types import AgentType
from livery.services.identity.types import Principal
from livery.services.runs.errors import RunDenied
from livery.services.runs.types import Call

ARGS = {"code": "result = 'done'"}
TYPE = AgentType("test.hand", 1, "Hand", "For tests.", ("touch",), "published")


@dataclass(frozen=True)
class House:
    running: Running
    admin: Principal
    agents: tuple[Principal, Principal]

    async def call(self, caller: Principal, args: Any = None, **more: Any) -> str:
        """`tool_ok`, or the code of the refusal."""
        call = Call(caller, "touch", ARGS if args is None else args, workspace="house", **more)
        done = await told(self.running.platform.runner.run(call))
        return done if isinstance(done, str) else str(done.code)

    async def ask(self, caller: Principal, args: Any = None) -> str:
        with pytest.raises(RunDenied) as denied:
            await self.running.platform.runner.run(
                Call(caller, "touch", ARGS if args is None else args, workspace="house")
            )
        assert denied.value.approval_request_id is not None
        return denied.value.approval_request_id

    async def code(self) -> list[tuple[str, str, str | None]]:
        found = await self.running.platform.services.code_grants.list(self.admin)
        return [
            (item.decision, item.security_hash, str(item.hired_agent_id or "") or None)
            for item in found
        ]

    async def forget(self) -> None:
        grants = self.running.platform.services.code_grants
        for item in await grants.list(self.admin):
            await grants.revoke(self.admin, item.grant_id)


@pytest.fixture(scope="module")
async def house(new_platform: NewPlatform) -> AsyncIterator[House]:
    async with new_platform() as running:
        await add_skill(running, priced("touch", effects=["write"]))
        await workspace(running, "house")
        await running.platform.hiring.add_type(
            TYPE, Entry("agent_type.published", TYPE_HOME, TYPE.ref, {})
        )
        agents = []
        for name in ("one", "two"):
            hired = await running.platform.services.hiring.hire(
                running.operator, TYPE.ref, "house", name
            )
            agents.append(await principal(running, "agent", "house", hired.hired_agent_id))
        admin = await principal(running, "customer_admin", "house")
        yield House(running, admin, (agents[0], agents[1]))


async def test_code_that_is_denied_is_not_asked_about_again(
    house: House, new_platform: NewPlatform
) -> None:
    one, two = house.agents
    approvals = house.running.platform.services.approvals
    async with new_platform(urls=house.running.urls) as second:
        elsewhere = House(second, house.admin, house.agents)
        assert await elsewhere.call(one) == "approval_required"  # its contract is compiled now
        await approvals.deny(house.admin, await house.ask(one), remember=True)
        for where in (house, elsewhere):
            assert await where.call(one) == "approval_denied"
            assert await where.call(one, {"code": "result = 2"}) == "approval_denied"
            assert await where.call(one, dry_run=True) == "approval_denied"
            assert await where.call(two) == "approval_required", "it was denied to one agent"
            assert await where.call(house.admin) == "approval_required"
    # The same agent with an approval that was granted before gets nothing either.
    await house.forget()
    assert await house.call(one) == "approval_required"


async def test_other_code_is_asked_about_anew(house: House) -> None:
    approvals = house.running.platform.services.approvals
    asked = await house.ask(house.admin)
    await approvals.deny(house.admin, asked, remember=True)
    [(_, before, _)] = await house.code()
    assert (await approvals.get(house.admin, asked)).security_hash == before
    assert await house.call(house.admin) == "approval_denied"
    await add_skill(house.running, priced("touch", effects=["write"], version="1.1.0"))
    asked = await house.ask(house.admin)
    assert (await approvals.get(house.admin, asked)).security_hash != before
    assert await house.call(house.admin, version="1.0.0") == "approval_denied"
    await house.forget()


async def test_another_policy_voids_a_grant(house: House) -> None:
    policies = house.running.platform.services.policies
    approvals = house.running.platform.services.approvals
    await approvals.deny(house.admin, await house.ask(house.admin), remember=True)
    assert await house.call(house.admin) == "approval_denied"
    text = DEFAULT_POLICIES + "\n// read once more\n"
    made = await policies.add(house.running.operator, text, [], "For tests.")
    await policies.activate(house.running.operator, made.version)
    assert await house.call(house.admin) == "approval_required"
    await house.forget()


async def test_always_allow_covers_no_effect(house: House) -> None:
    one, _ = house.agents
    approvals = house.running.platform.services.approvals
    asked = await house.ask(one)
    await approvals.grant(house.admin, asked, decision="always_allow")
    [(decision, _, agent)] = await house.code()
    assert (decision, agent) == ("always_allow", str(one.hired_agent_id))
    assert await house.call(one, approval_id=asked) == "tool_ok"
    assert await house.call(one) == "approval_required"
    # The newer decision counts; there is one a scope.
    await approvals.deny(house.admin, await house.ask(one), remember=True)
    assert [decision for decision, _, _ in await house.code()] == ["deny"]
    await house.forget()


async def test_who_takes_a_grant_back(house: House) -> None:
    approvals, grants = (
        house.running.platform.services.approvals,
        house.running.platform.services.code_grants,
    )
    await approvals.deny(house.admin, await house.ask(house.admin), remember=True)
    [item] = await grants.list(house.admin)
    member = await principal(house.running, "customer_member", "house")
    await workspace(house.running, "elsewhere-of-grants")
    neighbour = await principal(house.running, "customer_admin", "elsewhere-of-grants")
    for caller, code in (
        (member, "forbidden"),
        (house.agents[0], "forbidden"),
        (house.running.operator, "forbidden"),
        (neighbour, "not_found"),
    ):
        assert await told(grants.revoke(caller, item.grant_id)) == code, caller.role
    assert await grants.list(neighbour) == []
    assert await grants.list(house.agents[0]) == []
    async with house.running.http() as http:
        listed = (await http.get("/v1/code-grants")).json()["items"]
        assert str(item.grant_id) in [one["grant_id"] for one in listed]
    await grants.revoke(house.admin, item.grant_id)
    assert await told(grants.revoke(house.admin, item.grant_id)) == "not_found"
    async with owner(house.running) as connection:
        kinds = await connection.fetch(
            "select kind from livery.journal where subject_id = $1 order by at_us",
            str(item.grant_id),
        )
    assert [row["kind"] for row in kinds] == ["code_grant.made", "code_grant.revoked"]


def stranger() -> list[PackageFile]:
    """A plugin that adds, with the fixture that certifies it."""
    kept = []
    for file in plugin(name="stranger").files:
        data = file.data
        if file.path == "contract.yaml":
            contract = yaml.safe_load(data)
            expected = {"display": "added", "data": 5}
            fixture = {"name": "adds", "input": {"a": 2, "b": 3}, "output": expected}
            contract["tests"] = {"fixtures": [fixture]}
            data = yaml.safe_dump(contract).encode()
        kept.append(PackageFile(file.path, data))
    return kept


async def test_an_agent_runs_a_plugin_where_a_person_admitted_it(
    new_platform: NewPlatform, image: str
) -> None:
    """A stranger's code, in a real container."""
    engine = {name: value for name, value in os.environ.items() if name.startswith("DOCKER")}
    environ = {**engine, "LIVERY_SANDBOX_IMAGE": image}
    async with new_platform(environ=environ) as running:
        await add_skill(running, stranger())
        await workspace(running, "house")
        kind = AgentType("test.keeper", 1, "Keeper", "For tests.", ("stranger",), "published")
        await running.platform.hiring.add_type(
            kind, Entry("agent_type.published", TYPE_HOME, kind.ref, {})
        )
        hired = await running.platform.services.hiring.hire(
            running.operator, kind.ref, "house", "k"
        )
        agent = await principal(running, "agent", "house", hired.hired_agent_id)
        admin = await principal(running, "customer_admin", "house")
        approvals = running.platform.services.approvals

        async def call(n: int, caller: Principal = agent, **more: Any) -> Any:
            asked = Call(caller, "stranger", {"a": n, "b": 1}, workspace="house", **more)
            return await told(running.platform.runner.run(asked))

        assert (await call(1, admin)).ok, "a person needs nobody's word"
        assert await call(1) == "approval_required"
        assert await call(1, dry_run=True) == "approval_required"
        with pytest.raises(RunDenied) as denied:
            await running.platform.runner.run(Call(agent, "stranger", {"a": 1, "b": 1}))
        asked = denied.value.approval_request_id or ""
        assert (await approvals.get(admin, asked)).action == "run"
        await approvals.grant(admin, asked)
        assert await call(2, approval_id=asked) == "approval_invalid"
        assert (await call(1, approval_id=asked)).result["data"] == 2
        assert await call(1, approval_id=asked) == "approval_invalid"
        with pytest.raises(RunDenied) as denied:
            await running.platform.runner.run(Call(agent, "stranger", {"a": 2, "b": 1}))
        await approvals.grant(
            admin, denied.value.approval_request_id or "", decision="always_allow"
        )
        assert (await call(7)).result["data"] == 8
        assert (await call(8)).result["data"] == 9
        [grant] = await running.platform.services.code_grants.list(admin)
        await running.platform.services.code_grants.revoke(admin, grant.grant_id)
        assert await call(9) == "approval_required"
