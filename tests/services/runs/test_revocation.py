"""What is taken away is refused on the very next call, in every process, also in one that hears nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.support.governed import (
    ZERO,
    add_skill,
    do,
    owner,
    priced,
    principal,
    superuser,
    told,
    workspace,
)
from tests.support.platform import NewPlatform, Running
from tests.support.skills import package

from livery.integrations.postgres import EmbeddedPostgres
from livery.kernel.policy import DEFAULT_POLICIES, PolicySet
from livery.services.audit.types import Entry
from livery.services.hiring.types import AgentType

OK = {"code": "result = 1"}


@pytest.fixture(scope="module")
async def pair(new_platform: NewPlatform) -> AsyncIterator[tuple[Running, Running]]:
    async with new_platform() as one, new_platform(urls=one.urls) as two:
        yield one, two


@pytest.fixture(params=["heard", "deaf"])
async def processes(
    request: pytest.FixtureRequest,
    pair: tuple[Running, Running],
    embedded_postgres: EmbeddedPostgres,
) -> AsyncIterator[tuple[Running, Running]]:
    """Two processes; `deaf`: whoever listens is cut off again and again, so that no cache is ever dropped by news."""
    if request.param == "heard":
        yield pair
        return
    stop = asyncio.Event()

    async def cut() -> None:
        async with superuser(embedded_postgres, pair[0]) as killer:
            while not stop.is_set():
                await killer.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                    " and query ilike 'listen%'"
                )
                await asyncio.sleep(0.02)

    task = asyncio.create_task(cut())
    await asyncio.sleep(0.1)
    yield pair
    stop.set()
    await task


Change = Callable[[Any], Awaitable[None]]


async def change(
    running: Running, statement: str, *args: object, workspace_id: UUID = ZERO
) -> None:
    """What an administrator's mutation does: the change and the end of the epoch in one transaction."""
    async with owner(running) as connection, connection.transaction():
        await connection.execute(statement, *args)
        await connection.execute(
            "update livery.epoch set value = value + 1 where workspace_id = $1", workspace_id
        )
        await connection.execute("select pg_notify('livery_epoch', $1)", str(workspace_id))


async def both(processes: tuple[Running, Running], *args: Any, **more: Any) -> list[Any]:
    """The next call in each process, at once."""
    return [
        answer if isinstance(answer, str) else answer.code
        for answer in await asyncio.gather(*(told(do(one, *args, **more)) for one in processes))
    ]


async def test_a_revoked_version(
    processes: tuple[Running, Running], request: pytest.FixtureRequest
) -> None:
    key = f"revoked-{request.node.callspec.id}"
    one, _ = processes
    await add_skill(one, priced(key))
    for _ in range(2):
        assert await both(processes, key, OK) == ["tool_ok"] * 2
    await one.platform.services.catalog.revoke(one.operator, key, None, "a fault was found")
    assert await both(processes, key, OK) == ["skill_revoked"] * 2
    await add_skill(one, priced(key, version="1.0.1"))
    assert await both(processes, key, OK) == ["tool_ok"] * 2
    assert await both(processes, key, OK, version="1.0.0") == ["skill_revoked"] * 2


async def test_what_was_refused_runs_as_soon_as_it_may(
    processes: tuple[Running, Running], request: pytest.FixtureRequest
) -> None:
    key = f"later-{request.node.callspec.id}"
    one, _ = processes
    await one.platform.services.catalog.register(package(key), by="test")
    for _ in range(2):
        assert await both(processes, key, OK) == ["skill_not_certified"] * 2
    await one.platform.services.certifier.certify(one.operator, key)
    assert await both(processes, key, OK) == ["tool_ok"] * 2


async def test_a_kill_switch(
    processes: tuple[Running, Running], request: pytest.FixtureRequest
) -> None:
    one, _ = processes
    slug = f"kill-{request.node.callspec.id}"
    home = await workspace(one, slug)
    await workspace(one, f"{slug}-else")
    engage = (
        "insert into livery.kill_switch (scope, target, workspace_id, reason, engaged_by)"
        " values ($1, $2, $3, 'stop', 'test')"
    )
    for scope, target, place in (("workspace", home, home), ("all", ZERO, ZERO)):
        assert await both(processes, workspace=slug) == ["tool_ok"] * 2
        await change(one, engage, scope, target, place, workspace_id=place)
        assert await both(processes, workspace=slug) == ["kill_switch"] * 2
        expected = "kill_switch" if scope == "all" else "tool_ok"
        assert await both(processes, workspace=f"{slug}-else") == [expected] * 2
        await change(one, "delete from livery.kill_switch", workspace_id=place)
        assert await both(processes, workspace=slug) == ["tool_ok"] * 2


@asynccontextmanager
async def agent(
    processes: tuple[Running, Running], slug: str
) -> AsyncIterator[tuple[Any, UUID, UUID]]:
    one, _ = processes
    home = await workspace(one, slug)
    kind = AgentType(f"test.{slug}", 1, "Adder", "For tests.", ("add",), "published")
    await one.platform.hiring.add_type(kind, Entry("agent_type.published", ZERO, kind.ref, {}))
    hired = await one.platform.services.hiring.hire(one.operator, kind.ref, slug, None)
    caller = await principal(one, "agent", slug, hired.hired_agent_id)
    yield caller, hired.hired_agent_id, home


async def test_an_entitlement(
    processes: tuple[Running, Running], request: pytest.FixtureRequest
) -> None:
    async with agent(processes, f"entitled-{request.node.callspec.id}") as (caller, agent_id, home):
        assert await both(processes, principal=caller) == ["tool_ok"] * 2
        assert await both(processes, "multiply", principal=caller) == ["skill_not_allowed"] * 2
        await change(
            processes[0],
            "delete from livery.hired_agent_skill where hired_agent_id = $1",
            agent_id,
            workspace_id=home,
        )
        assert await both(processes, principal=caller) == ["skill_not_allowed"] * 2


@pytest.mark.parametrize("status", ["paused", "ended", "draft"])
async def test_an_agent_that_is_not_active(
    processes: tuple[Running, Running], request: pytest.FixtureRequest, status: str
) -> None:
    slug = request.node.callspec.id
    async with agent(processes, f"agent-{slug}") as (caller, agent_id, home):
        assert await both(processes, principal=caller) == ["tool_ok"] * 2
        statement = "update livery.hired_agent set status = $2 where hired_agent_id = $1"
        await change(processes[0], statement, agent_id, status, workspace_id=home)
        assert await both(processes, principal=caller) == ["agent_paused"] * 2
        await change(processes[0], statement, agent_id, "active", workspace_id=home)
        assert await both(processes, principal=caller) == ["tool_ok"] * 2
        await change(
            processes[0],
            "insert into livery.kill_switch values ('agent', $1, $2, 'stop', 'test')",
            agent_id,
            home,
            workspace_id=home,
        )
        assert await both(processes, principal=caller) == ["kill_switch"] * 2
        assert await both(processes, workspace=f"agent-{slug}") == ["tool_ok"] * 2


async def test_a_token(processes: tuple[Running, Running], request: pytest.FixtureRequest) -> None:
    one, _ = processes
    slug = f"token-{request.node.callspec.id}"
    await workspace(one, slug)
    tokens = one.platform.services.tokens
    token, info = await tokens.create(one.operator, "customer_member", workspace=slug)

    async def statuses() -> list[int]:
        found = []
        for process in processes:
            async with process.http(token) as http:
                answer = await http.post(
                    "/v1/runs", json={"skill_key": "add", "input": {"a": 1, "b": 1}}
                )
            found.append(answer.status_code)
        return found

    assert await statuses() == [200, 200]
    assert await statuses() == [200, 200]
    await tokens.revoke(one.operator, info.token_id)
    assert await statuses() == [401, 401]


async def test_a_policy(processes: tuple[Running, Running]) -> None:
    one, _ = processes
    closed = PolicySet.parse(
        DEFAULT_POLICIES + '@id("closed") forbid (principal, action, resource);'
    )
    activate = (
        "with off as (update livery.policy_set set active = false where active and policy_hash <> $1)"
        " insert into livery.policy_set (policy_hash, text, active, created_by) values ($1, $2, false, 'test')"
        " on conflict do nothing"
    )
    on = "update livery.policy_set set active = true where policy_hash = $1"
    assert await both(processes) == ["tool_ok"] * 2
    await change(one, activate, closed.hash, closed.text)
    await change(one, on, closed.hash)
    assert await both(processes) == ["policy_denied"] * 2
    plain = PolicySet.parse(DEFAULT_POLICIES)
    await change(one, activate, plain.hash, plain.text)
    # Without any active policy nothing is permitted.
    assert await both(processes) == ["policy_denied"] * 2
    await change(one, on, plain.hash)
    assert await both(processes) == ["tool_ok"] * 2


async def test_a_certificate_runs_out_by_the_clock(
    pair: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await both(pair) == ["tool_ok"] * 2
    async with owner(pair[0]) as connection:
        expires = await connection.fetchval(
            "select max(expires_at) from livery.certificate c join livery.skill s using (skill_id)"
            " where s.skill_key = 'add'"
        )
    # Nothing is announced and no epoch ends: time alone does it, with everything cached.
    for running in pair:
        monkeypatch.setattr(
            running.platform.runner, "_clock", lambda: expires - timedelta(microseconds=1)
        )
    assert await both(pair) == ["tool_ok"] * 2
    for running in pair:
        monkeypatch.setattr(running.platform.runner, "_clock", lambda: expires)
    assert await both(pair) == ["skill_not_certified"] * 2


@pytest.mark.parametrize("state", ["stale", "revoked"])
async def test_a_certificate_that_is_not_valid(pair: tuple[Running, Running], state: str) -> None:
    key = f"certificate-{state}"
    await add_skill(pair[0], priced(key))
    assert await both(pair, key, OK) == ["tool_ok"] * 2
    await change(
        pair[0],
        "update livery.certificate c set state = $2 from livery.skill s"
        " where s.skill_id = c.skill_id and s.skill_key = $1",
        key,
        state,
    )
    expected = {"stale": "skill_not_certified", "revoked": "skill_revoked"}[state]
    assert await both(pair, key, OK) == [expected] * 2


async def test_a_token_runs_out_by_the_clock(pair: tuple[Running, Running]) -> None:
    one, two = pair
    await workspace(one, "expiring")
    token, info = await one.platform.services.tokens.create(
        one.operator, "customer_member", workspace="expiring", expires_in_days=1e-5
    )
    body = {"skill_key": "add", "input": {"a": 1, "b": 1}}
    async with one.http(token) as http, two.http(token) as other:
        assert (await http.post("/v1/runs", json=body)).status_code == 200
        assert (await other.post("/v1/runs", json=body)).status_code == 200
        assert info.expires_at is not None
        await asyncio.sleep(max(0.0, (info.expires_at - datetime.now(UTC)).total_seconds()))
        assert (await http.post("/v1/runs", json=body)).status_code == 401
        assert (await other.post("/v1/runs", json=body)).status_code == 401


async def test_calls_that_are_under_way_when_it_happens(pair: tuple[Running, Running]) -> None:
    """Every call that begins after the revocation was answered is refused."""
    key = "under-way"
    await add_skill(pair[0], priced(key))
    assert await both(pair, key, OK) == ["tool_ok"] * 2
    stop, answered = asyncio.Event(), asyncio.Event()

    async def work(running: Running) -> list[tuple[bool, str]]:
        codes = []
        while not stop.is_set():
            after = answered.is_set()
            answer = await told(do(running, key, OK))
            codes.append((after, answer if isinstance(answer, str) else answer.code))
        return codes

    workers = [asyncio.create_task(work(pair[n % 2])) for n in range(8)]
    await asyncio.sleep(0.3)
    await pair[0].platform.services.catalog.revoke(pair[0].operator, key, None, "while calls run")
    answered.set()
    await asyncio.sleep(0.3)
    stop.set()
    codes = [code for worker in workers for code in await worker]
    assert {code for after, code in codes if not after} <= {"tool_ok", "skill_revoked"}
    assert (False, "tool_ok") in codes
    assert {code for after, code in codes if after} == {"skill_revoked"}
