"""Hiring: entitled to the certified versions of the type's skills, at that moment, and to nothing else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.support.governed import BLOCKED, do, owner, principal, told
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package

from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.catalog.errors import SkillChainUncertified
from livery.services.hiring.types import AgentType

TYPE = "analytics.weekly_digest.v1"


@pytest.fixture
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        yield made


async def hire(running: Running, **body: Any) -> Any:
    async with running.http() as http:
        return await http.post("/v1/hired-agents", json={"agent_type": TYPE, **body})


async def test_a_hired_agent(running: Running) -> None:
    answer = await hire(running, name="Ann")
    assert answer.status_code == 201
    agent = answer.json()
    assert agent["skills"] == [{"skill_key": "weekly-digest", "version": "1.1.0"}]
    assert (agent["name"], agent["workspace"], agent["status"]) == ("Ann", "default", "active")
    assert (await hire(running, name="Ann")).json()["code"] == "already_exists"
    assert (await hire(running)).json()["name"] == "Weekly analyst"
    async with running.http() as http:
        listed = (await http.get("/v1/hired-agents")).json()["items"]
        entries = (await http.get("/v1/audit", params={"kind": "agent.hired"})).json()["items"]
    assert [item["name"] for item in listed] == ["Resident analyst", "Ann", "Weekly analyst"]
    assert len(entries) == 3
    assert entries[1]["body"]["skills"] == {"weekly-digest": "1.1.0"}


async def test_an_unknown_type(running: Running) -> None:
    answer = await hire(running, agent_type="analytics.none.v1")
    assert answer.json()["code"] == "agent_type_not_found"
    assert TYPE in answer.json()["detail"]


async def test_a_type_whose_skills_are_not_certified(running: Running) -> None:
    body = {"agent_type": "x", "skills": [], "by": "test"}
    needy = AgentType(
        "x.needy", 1, "Needy", "x", ("weekly-digest", "no-such", "pending"), "published"
    )
    await running.platform.hiring.add_type(
        needy, Entry("agent_type.published", PLATFORM, "x", body)
    )
    async with running.http() as http:
        skill = {"name": "Pending", "description": "x", "category": "x"}
        assert (await http.post("/v1/skills", json=skill)).status_code == 201
    answer = await hire(running, agent_type="x.needy.v1")
    assert (answer.status_code, answer.json()["code"]) == (422, "skill_chain_uncertified")
    assert [item["pointer"] for item in answer.json()["violations"]] == [
        "/required_skill_keys/1",
        "/required_skill_keys/2",
    ]


async def test_a_revoked_skill_is_refused_to_agents_that_have_it(running: Running) -> None:
    agent = (await hire(running)).json()
    call = {"skill_key": "weekly-digest", "input": {}, "hired_agent_id": agent["hired_agent_id"]}
    async with running.http() as http:
        assert (await http.post("/v1/runs", json=call)).json()["ok"]
        await http.post("/v1/skills/weekly-digest/revoke", json={"reason": "x"})
        assert (await http.post("/v1/runs", json=call)).json()["code"] == "skill_revoked"
    assert (await hire(running, name="Bob")).json()["code"] == "skill_chain_uncertified"


async def test_an_agent_is_entitled_to_its_version_only(running: Running) -> None:
    agent = (await hire(running)).json()["hired_agent_id"]
    async with running.http() as http:
        for body, code in (
            ({"skill_key": "add", "input": {"a": 1, "b": 1}}, "skill_not_allowed"),
            ({"skill_key": "weekly-digest", "input": {}, "version": "9.9.9"}, "not_found"),
        ):
            answer = await http.post("/v1/runs", json={**body, "hired_agent_id": agent})
            assert answer.json()["code"] == code


async def test_a_newer_version_is_not_what_an_agent_was_hired_with(running: Running) -> None:
    """The newest is what everybody else gets; an agent goes on with what somebody chose for it."""
    await certified(running, package("drifts"))
    kind = AgentType("test.drifter", 1, "Drifter", "For tests.", ("drifts",), "published")
    await running.platform.hiring.add_type(
        kind, Entry("agent_type.published", PLATFORM, kind.ref, {})
    )
    hired = await running.platform.services.hiring.hire(running.operator, kind.ref, "default", "d")
    agent = await principal(running, "agent", "default", hired.hired_agent_id)
    code = {"code": "result = 1"}
    before = await do(running, "drifts", code, principal=agent)
    await certified(running, package("drifts", version="1.0.1"))
    assert (await do(running, "drifts", code)).skill_version == "1.0.1"
    after = await do(running, "drifts", code, principal=agent)
    assert (after.ok, after.skill_version, after.digest) == (True, "1.0.0", before.digest)
    asked = do(running, "drifts", code, principal=agent, version="1.0.1")
    assert await told(asked) == "skill_not_allowed"


async def test_an_agent_is_degraded_while_a_skill_of_it_cannot_run(running: Running) -> None:
    services, operator = running.platform.services, running.operator
    await certified(running, package("brittle"))
    kind = AgentType("x.two", 1, "Two", "x", ("add", "brittle"), "published")
    await services.hiring.publish(operator, kind)
    agent = (await hire(running, agent_type="x.two.v1", name="Two")).json()
    assert (agent["status"], agent["degraded_by"]) == ("active", [])
    await services.catalog.revoke(operator, "brittle", None, "leaks")

    async def shown() -> dict[str, Any]:
        async with running.http() as http:
            items = (await http.get("/v1/hired-agents")).json()["items"]
        return next(item for item in items if item["name"] == "Two")

    now = await shown()
    members = ("skill_key", "version", "status", "reason")
    by = [[item[member] for member in members] for item in now["degraded_by"]]
    assert (now["status"], by) == ("degraded", [["brittle", "1.0.0", "revoked", "leaks"]])
    # The agent's other skill goes on.
    who = await principal(running, "agent", "default", UUID(agent["hired_agent_id"]))
    assert (await do(running, "add", principal=who)).ok
    assert await told(do(running, "brittle", {"code": "1"}, principal=who)) == "skill_revoked"
    async with owner(running) as connection:
        await connection.execute("update livery.hired_agent set status = 'paused'")
    assert (await shown())["status"] == "paused"  # that says more


async def test_a_certificate_that_is_renewed_restores_an_agent(running: Running) -> None:
    async with owner(running) as connection:
        await connection.execute("update livery.certificate set expires_at = now()")
    async with running.http() as http:
        item = (await http.get("/v1/hired-agents")).json()["items"][0]
        assert (item["status"], item["degraded_by"][0]["status"]) == ("degraded", "expired")
        answer = await http.post("/v1/skills/weekly-digest/certify")
        assert answer.json()["status"] == "certified", answer.text
        item = (await http.get("/v1/hired-agents")).json()["items"][0]
    assert (item["status"], item["degraded_by"]) == ("active", [])


async def test_a_type_of_uncertified_skills_is_not_published(running: Running) -> None:
    services = running.platform.services
    kind = AgentType("x.bad", 1, "Bad", "x", ("add", "no-such"), "published")
    with pytest.raises(SkillChainUncertified) as refused:
        await services.hiring.publish(running.operator, kind)
    assert [item.pointer for item in refused.value.violations] == ["/required_skill_keys/1"]
    assert "x.bad.v1" not in {item.ref for item in await services.hiring.types()}


async def test_hiring_waits_for_a_revocation_under_way(running: Running) -> None:
    async with owner(running) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("update livery.skill_version set status = 'revoked'")
        asked = asyncio.create_task(hire(running, name="Late"))
        while not await connection.fetchval(BLOCKED):
            assert not asked.done(), "it did not wait"
            await asyncio.sleep(0.01)
        await transaction.commit()
    refused = (await asked).json()
    assert (refused["code"], refused["violations"][0]["pointer"]) == (
        "skill_chain_uncertified",
        "/required_skill_keys/0",
    )
    async with running.http() as http:
        items = (await http.get("/v1/hired-agents")).json()["items"]
    assert "Late" not in {item["name"] for item in items}
