"""An approval admits one action of exactly this code, these arguments, this policy and this agent, once."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from tests.support.governed import (
    add_skill,
    do,
    owner,
    priced,
    principal,
    together,
    told,
    workspace,
)
from tests.support.platform import NewPlatform, Running

from livery.kernel.policy import DEFAULT_POLICIES, PolicySet
from livery.services.audit.types import Entry
from livery.services.hiring.types import AgentType
from livery.services.identity.types import Principal
from livery.services.runs.errors import RunDenied

ARGS = {"code": "result = 'written'"}
OTHER = {"code": "result = 'other'"}
FAILING = {"code": "raise ValueError"}
TYPE = AgentType("test.writer", 1, "Writer", "For tests.", ("write-file",), "published")


@dataclass(frozen=True)
class House:
    running: Running
    agents: tuple[Principal, Principal]
    approver: Principal
    workspace_id: UUID


@pytest.fixture(scope="module")
async def house(new_platform: NewPlatform) -> AsyncIterator[House]:
    async with new_platform() as running:
        await add_skill(running, priced("write-file", 0.5, effects=["write"]))
        await add_skill(running, priced("write-many", effects=["write", "send"]))
        home = await workspace(running, "house")
        platform = running.platform
        await platform.hiring.add_type(
            TYPE, Entry("agent_type.published", UUID(int=0), TYPE.ref, {})
        )
        agents = []
        for name in ("one", "two"):
            hired = await platform.services.hiring.hire(running.operator, TYPE.ref, "house", name)
            agents.append(await principal(running, "agent", "house", hired.hired_agent_id))
        approver = await principal(running, "customer_admin", "house")
        yield House(running, (agents[0], agents[1]), approver, home)


async def asked(house: House, agent: int = 0, args: Any = ARGS, **more: Any) -> str:
    """Call without an approval; the id of the request."""
    with pytest.raises(RunDenied) as denied:
        await do(house.running, "write-file", args, principal=house.agents[agent], **more)
    assert denied.value.code == "approval_required"
    assert denied.value.approval_request_id is not None
    return denied.value.approval_request_id


async def granted(house: House, agent: int = 0, args: Any = ARGS) -> str:
    found = await asked(house, agent, args)
    approval = await house.running.platform.services.approvals.grant(house.approver, found)
    assert approval.state == "granted"
    return found


def use(house: House, approval_id: str, agent: int = 0, args: Any = ARGS, **more: Any) -> Any:
    return told(
        do(
            house.running, "write-file", args, principal=house.agents[agent], approval_id=approval_id, **more,
        )
    )  # fmt: skip


async def state(house: House, approval_id: str) -> tuple[str, UUID | None]:
    async with owner(house.running) as connection:
        row = await connection.fetchrow(
            "select state, run_id from livery.approval where approval_id = $1", approval_id
        )
    return row["state"], row["run_id"]


async def test_an_effect_without_an_approval_asks_for_one(house: House) -> None:
    async with house.running.http() as http:
        answer = await http.post("/v1/runs", json={"skill_key": "write-file", "input": ARGS})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (403, "approval_required")
    assert problem["approval_request_id"].startswith("APR-")
    assert problem["envelope"]["status"] == "denied"
    assert (await state(house, problem["approval_request_id"]))[0] == "requested"


async def test_one_approval_admits_one_run(house: House) -> None:
    approval_id = await granted(house)
    done = await use(house, approval_id)
    assert (done.result, done.approval_id) == ("written", approval_id)
    assert await state(house, approval_id) == ("consumed", UUID(done.run_id))
    assert await use(house, approval_id) == "approval_invalid"


async def test_64_calls_consume_it_once(house: House, new_platform: NewPlatform) -> None:
    approval_id = await granted(house)
    async with new_platform(urls=house.running.urls) as second:
        other = House(second, house.agents, house.approver, house.workspace_id)
        answers = await together(*(use(house if n % 2 else other, approval_id) for n in range(64)))
    assert answers.count("approval_invalid") == 63
    done = next(answer for answer in answers if not isinstance(answer, str))
    assert await state(house, approval_id) == ("consumed", UUID(done.run_id))


async def test_what_was_not_granted_admits_nothing(house: House) -> None:
    requested = await asked(house, args={"code": "result = 'requested'"})
    args = {"code": "result = 'requested'"}
    assert await use(house, requested, args=args) == "approval_invalid"
    await house.running.platform.services.approvals.deny(house.approver, requested)
    assert await use(house, requested, args=args) == "approval_invalid"
    async with owner(house.running) as connection:
        for final in ("expired", "revoked"):
            approval_id = await granted(house, args=args)
            await connection.execute(
                "update livery.approval set state = $2 where approval_id = $1", approval_id, final
            )
            assert await use(house, approval_id, args=args) == "approval_invalid"


@pytest.mark.parametrize("made_up", ["APR-0", "", "x", "a\x00b", "\ud800", "APR-" + "0" * 300])
async def test_what_is_no_approval(house: House, made_up: str) -> None:
    assert await use(house, made_up) == "approval_invalid"


async def test_it_is_bound_to_the_arguments(house: House) -> None:
    approval_id = await granted(house)
    assert await use(house, approval_id, args=OTHER) == "approval_invalid"
    assert (await state(house, approval_id))[0] == "granted"
    assert (await use(house, approval_id)).ok


async def test_it_is_bound_to_the_agent(house: House) -> None:
    approval_id = await granted(house, agent=0)
    assert await use(house, approval_id, agent=1) == "approval_invalid"
    operator = do(house.running, "write-file", ARGS, workspace="house", approval_id=approval_id)
    assert await told(operator) == "approval_invalid"
    assert (await use(house, approval_id, agent=0)).ok


async def test_it_is_bound_to_the_workspace(house: House) -> None:
    approval_id = await granted(house)
    elsewhere = do(house.running, "write-file", ARGS, approval_id=approval_id)
    assert await told(elsewhere) == "approval_invalid"
    assert (await use(house, approval_id)).ok


async def test_two_agents_never_share_a_request(house: House) -> None:
    args = {"code": "result = 'shared'"}
    first, second = await asked(house, 0, args), await asked(house, 1, args)
    assert first != second
    assert await asked(house, 0, args) == first  # asking again is asking once
    await house.running.platform.services.approvals.grant(house.approver, second)
    assert (await use(house, second, 1, args)).ok


async def test_it_is_bound_to_the_policy(house: House) -> None:
    approval_id = await granted(house)
    stricter = PolicySet.parse(DEFAULT_POLICIES + "\n// reviewed\n")
    async with owner(house.running) as connection:
        await activate(connection, stricter)
        try:
            assert await use(house, approval_id) == "approval_invalid"
        finally:
            await activate(connection, PolicySet.parse(DEFAULT_POLICIES))
    assert (await use(house, approval_id)).ok


async def activate(connection: Any, policies: PolicySet) -> None:
    async with connection.transaction():
        await connection.execute("update livery.policy_set set active = false")
        await connection.execute(
            "insert into livery.policy_set (policy_hash, text, active, created_by) values ($1, $2, true, 'test')"
            " on conflict (policy_hash) do update set active = true",
            policies.hash,
            policies.text,
        )
        await connection.execute(
            "update livery.epoch set value = value + 1 where workspace_id = $1", UUID(int=0)
        )


async def test_it_expires(house: House) -> None:
    approval_id = await granted(house)
    async with owner(house.running) as connection:
        await connection.execute(
            "update livery.approval set expires_at = clock_timestamp() where approval_id = $1",
            approval_id,
        )
    assert await use(house, approval_id) == "approval_invalid"
    late = await asked(house, args={"code": "result = 'late'"})
    async with owner(house.running) as connection:
        await connection.execute(
            "update livery.approval set expires_at = clock_timestamp() where approval_id = $1", late
        )
    grant = house.running.platform.services.approvals.grant(house.approver, late)
    assert await told(grant) == "invalid_transition"


async def test_a_failed_run_needs_a_new_approval(house: House) -> None:
    approval_id = await granted(house, args=FAILING)
    failed = await use(house, approval_id, args=FAILING)
    assert (failed.status, failed.code) == ("failed", "provider_execution_failed")
    assert (await state(house, approval_id))[0] == "consumed"
    assert await use(house, approval_id, args=FAILING) == "approval_invalid"
    assert await asked(house, args=FAILING) != approval_id


async def test_a_replay_needs_none(house: House) -> None:
    args = {"code": "result = 'replayed'"}
    approval_id = await granted(house, args=args)
    first = await use(house, approval_id, args=args, idempotency_key="approved")
    again = await use(house, approval_id, args=args, idempotency_key="approved")
    assert (again.run_id, again.from_cache) == (first.run_id, True)


async def test_a_dry_run_needs_none_and_uses_none_up(house: House) -> None:
    envelope = await do(house.running, "write-file", ARGS, principal=house.agents[0], dry_run=True)
    assert envelope.ok
    approval_id = await granted(house)
    assert (await use(house, approval_id, dry_run=True)).approval_id is None
    assert (await state(house, approval_id))[0] == "granted"
    assert (await use(house, approval_id)).ok


async def test_new_code_needs_a_new_approval(house: House) -> None:
    operator = house.running.operator
    await add_skill(house.running, priced("rewrite", effects=["write"]))
    with pytest.raises(RunDenied) as denied:
        await do(house.running, "rewrite", ARGS)
    approval_id = denied.value.approval_request_id or ""
    await house.running.platform.services.approvals.grant(operator, approval_id)
    await add_skill(house.running, priced("rewrite", effects=["write"], version="1.1.0"))
    assert (
        await told(do(house.running, "rewrite", ARGS, approval_id=approval_id))
        == "approval_invalid"
    )
    old = await do(house.running, "rewrite", ARGS, approval_id=approval_id, version="1.0.0")
    assert old.ok


async def test_one_batch_spends_it_once_and_frees_nobody_elses(house: House) -> None:
    one, two = await granted(house), await granted(house, 1)
    answers = await together(
        *(use(house, one) for _ in range(8)), *(use(house, two, 1) for _ in range(8))
    )
    assert [answer == "approval_invalid" for answer in answers[:8]].count(False) == 1
    assert [answer == "approval_invalid" for answer in answers[8:]].count(False) == 1


async def test_a_denied_call_leaves_the_approval_unused(house: House) -> None:
    approval_id = await granted(house)
    async with owner(house.running) as connection:
        budget = "update livery.budget set cap = $2 where workspace_id = $1"
        await connection.execute(budget, house.workspace_id, 0)
        assert await use(house, approval_id) == "monthly_budget_exceeded"
        await connection.execute(budget, house.workspace_id, 10_000_000)
    assert (await state(house, approval_id))[0] == "granted"
    assert (await use(house, approval_id)).ok


@pytest.mark.parametrize("role", ["agent", "customer_member", "auditor", "author"])
async def test_who_may_not_approve(house: House, role: str) -> None:
    approval_id = await asked(house, args={"code": f"result = 'by {role}'"})
    if role == "agent":
        caller = house.agents[0]
    else:
        caller = await principal(house.running, role, "house")
    grant = house.running.platform.services.approvals.grant(caller, approval_id)
    assert await told(grant) == "forbidden"
    assert (await state(house, approval_id))[0] == "requested"


async def test_another_workspace_does_not_see_it(house: House) -> None:
    await workspace(house.running, "neighbours")
    neighbour = await principal(house.running, "customer_admin", "neighbours")
    approval_id = await asked(house, args={"code": "result = 'mine'"})
    grant = house.running.platform.services.approvals.grant(neighbour, approval_id)
    assert await told(grant) == "not_found"


async def test_a_request_is_decided_once(house: House) -> None:
    approval_id = await asked(house, args={"code": "result = 'once'"})
    approvals = house.running.platform.services.approvals
    answers = await together(
        *(approvals.grant(house.approver, approval_id) for _ in range(8)),
        *(approvals.deny(house.approver, approval_id) for _ in range(8)),
    )
    assert answers.count("invalid_transition") == 15
    async with owner(house.running) as connection:
        kinds = await connection.fetch(
            "select kind, workspace_id, body from livery.journal where subject_id = $1 order by at_us",
            approval_id,
        )
    assert kinds[0]["kind"] == "approval.requested"
    assert len(kinds) == 2
    assert {row["workspace_id"] for row in kinds} == {house.workspace_id}
    assert json.loads(kinds[1]["body"])["by"] == house.approver.label


async def test_a_request_names_every_effect(house: House) -> None:
    with pytest.raises(RunDenied) as denied:
        await do(house.running, "write-many", ARGS)
    async with owner(house.running) as connection:
        action = await connection.fetchval(
            "select action from livery.approval where approval_id = $1",
            denied.value.approval_request_id,
        )
    assert action == "send,write"
