"""Leases: a process that is gone leaves nothing open, and a late one loses."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.support.governed import (
    add_skill,
    begin,
    do,
    lane,
    lease,
    owner,
    priced,
    principal,
    settle,
    together,
    workspace,
)
from tests.support.platform import NewPlatform, Running
from tests.support.postgres import session
from uuid_utils.compat import uuid7

from livery.storage.database import Database
from livery.storage.processes import Processes

CHAIN = "begin-dead"


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        # The platform's own sweep would be first now and then.
        patch.setattr("livery.entrypoints.lease.BEAT_S", 3600)
        patch.setattr("livery.storage.processes.LEASE_S", 3600)
        async with new_platform() as made:
            await add_skill(made, priced("worker", 0.5))
            async with owner(made) as connection:
                await lane(connection, CHAIN)
            yield made


@pytest.fixture
async def home(running: Running) -> UUID:
    return await workspace(running, f"home-{uuid7().hex[-12:]}", cap=100)


async def dead(
    running: Running, home: UUID, estimates: list[int], **more: Any
) -> tuple[UUID, list[UUID]]:
    """Runs of a process whose lease has run out."""
    async with owner(running) as connection:
        process_id = await lease(connection)
        ids = [uuid7() for _ in estimates]
        rows = [
            {"workspace_id": home, "estimate": estimate, "run_id": run_id, "key": f"k{at}", **more}
            for at, (estimate, run_id) in enumerate(zip(estimates, ids, strict=True))
        ]
        assert await begin(connection, rows, chain=CHAIN, process_id=process_id) == [None] * len(
            ids
        )
        await expire(connection, process_id)
    return process_id, ids


async def expire(connection: Any, process_id: UUID) -> None:
    await connection.execute(
        "update livery.process set expires_at = clock_timestamp() where process_id = $1", process_id
    )


async def effect(running: Running, run_id: UUID, home: UUID, state: str) -> UUID:
    effect_id = uuid7()
    async with owner(running) as connection:
        await connection.execute(
            "insert into livery.effect (effect_id, run_id, workspace_id, action, target, state)"
            " values ($1, $2, $3, 'write', 'somewhere', $4)",
            effect_id, run_id, home, state,
        )  # fmt: skip
    return effect_id


def sweeper(running: Running) -> Processes:
    return Processes(running.platform.database, uuid7(), "test")


async def status(running: Running, run_id: UUID) -> tuple[str, str | None]:
    async with owner(running) as connection:
        row = await connection.fetchrow(
            "select status, code from livery.run where run_id = $1", run_id
        )
    return row["status"], row["code"]


async def books(running: Running, home: UUID) -> tuple[int, int]:
    async with owner(running) as connection:
        row = await connection.fetchrow(
            "select reserved, spent from livery.budget where workspace_id = $1", home
        )
    return row["reserved"], row["spent"]


async def keys(running: Running, home: UUID) -> list[str]:
    async with owner(running) as connection:
        rows = await connection.fetch(
            "select key from livery.idempotency where workspace_id = $1 order by 1", home
        )
    return [row["key"] for row in rows]


async def test_the_sweep_settles_what_a_dead_process_left(running: Running, home: UUID) -> None:
    process_id, ids = await dead(running, home, [10, 20, 30, 40])
    sent = await effect(running, ids[1], home, "sent")
    intended = await effect(running, ids[2], home, "intended")
    confirmed = await effect(running, ids[3], home, "confirmed")
    assert await books(running, home) == (100, 0)
    swept = await sweeper(running).sweep()
    assert {(row["run_id"], row["status"]) for row in swept} == {
        (ids[0], "failed"), (ids[1], "unknown"), (ids[2], "failed"), (ids[3], "unknown"),
    }  # fmt: skip
    assert [await status(running, run_id) for run_id in ids] == [
        ("failed", "execution_error"), ("unknown", "execution_error"),
        ("failed", "execution_error"), ("unknown", "execution_error"),
    ]  # fmt: skip
    # What may have happened is charged until it is resolved; its key is kept, the others' are free.
    assert await books(running, home) == (0, 20 + 40)
    assert await keys(running, home) == ["k1", "k3"]
    async with owner(running) as connection:
        states = dict(await connection.fetch(
            "select effect_id, state from livery.effect where workspace_id = $1", home
        ))  # fmt: skip
        assert states == {sent: "unknown", intended: "failed", confirmed: "confirmed"}
        entries = await connection.fetch(
            "select kind, code, body from livery.journal where workspace_id = $1 and chain_id like 'control:%'"
            " and kind like 'run.%' order by seq",
            home,
        )
        assert sorted(row["kind"] for row in entries) == [
            "run.failed", "run.failed", "run.unknown", "run.unknown",
        ]  # fmt: skip
        assert {json.loads(row["body"])["process_id"] for row in entries} == {str(process_id)}
    assert await sweeper(running).sweep() == []
    assert all(state.ok for state in await running.platform.services.audit.verify())


async def test_what_was_swept_reads_as_it_is(running: Running, home: UUID) -> None:
    _, ids = await dead(running, home, [1, 2])
    await effect(running, ids[1], home, "sent")
    await sweeper(running).sweep()
    async with running.http() as http:
        for run_id, state, retryable in ((ids[0], "failed", True), (ids[1], "unknown", False)):
            envelope = (await http.get(f"/v1/runs/{run_id}")).json()["envelope"]
            assert (envelope["status"], envelope["code"]) == (state, "execution_error")
            assert envelope["error"]["retryable"] is retryable


async def test_a_process_that_lives_is_left_alone(running: Running, home: UUID) -> None:
    async with owner(running) as connection:
        process_id = await lease(connection)
        run_id = uuid7()
        rows = [{"workspace_id": home, "run_id": run_id, "estimate": 7}]
        assert await begin(connection, rows, chain=CHAIN, process_id=process_id) == [None]
        assert await sweeper(running).sweep() == []
        assert await status(running, run_id) == ("running", None)
        assert await settle(connection, home, run_id, chain=CHAIN, estimate=7, cost=5)
    assert await books(running, home) == (0, 5)


async def test_two_sweepers_settle_each_run_once(running: Running, home: UUID) -> None:
    left = [await dead(running, home, [1, 1, 1]) for _ in range(1)]
    for _ in range(4):
        async with owner(running) as connection:
            await connection.execute("delete from livery.idempotency where workspace_id = $1", home)
        left.append(await dead(running, home, [1, 1, 1]))
    ids = [run_id for _, found in left for run_id in found]
    others = [await Database.open(running.urls.api, uuid7(), size=1) for _ in range(3)]
    try:
        swept = await asyncio.gather(
            *(Processes(database, uuid7(), "test").sweep() for database in others)
        )
    finally:
        for database in others:
            await database.close()
    rest = await sweeper(running).sweep()
    found = [row["run_id"] for rows in [*swept, rest] for row in rows]
    assert sorted(found) == sorted(ids)
    assert await books(running, home) == (0, 0)


async def test_a_late_settle_loses(running: Running, home: UUID) -> None:
    _, ids = await dead(running, home, [10])
    await sweeper(running).sweep()
    async with owner(running) as connection:
        assert not await settle(connection, home, ids[0], chain=CHAIN, estimate=10, cost=10)
        used = await connection.fetchval(
            "select count(*) from livery.usage_event where run_id = $1", ids[0]
        )
    assert used == 0
    assert await status(running, ids[0]) == ("failed", "execution_error")
    assert await books(running, home) == (0, 0)


async def test_settle_and_sweep_at_once_have_one_winner(running: Running, home: UUID) -> None:
    for _ in range(12):
        async with owner(running) as one, session(running.urls.owner) as two:
            process_id = await lease(one)
            run_id = uuid7()
            rows = [{"workspace_id": home, "run_id": run_id, "estimate": 8}]
            assert await begin(one, rows, chain=CHAIN, process_id=process_id) == [None]
            await expire(one, process_id)
            before = await books(running, home)
            settled, swept = await asyncio.gather(
                settle(two, home, run_id, chain=CHAIN, estimate=8, cost=1), sweeper(running).sweep()
            )
            if settled:
                assert swept == []
                assert await status(running, run_id) == ("succeeded", "tool_ok")
                assert await books(running, home) == (0, before[1] + 1)
            else:
                assert [row["run_id"] for row in swept] == [run_id]
                assert await status(running, run_id) == ("failed", "execution_error")
                assert await books(running, home) == (0, before[1])


async def test_a_sweep_waits_for_a_begin_under_the_same_lease(running: Running, home: UUID) -> None:
    """The lease runs out between the check in a begin and its commit: the run must not be overlooked."""
    async with owner(running) as one, owner(running) as two:
        process_id = await lease(one, seconds=0.3)
        run_id = uuid7()
        open_begin = one.transaction()
        await open_begin.start()
        rows = [{"workspace_id": home, "run_id": run_id, "estimate": 1}]
        assert await begin(one, rows, chain=CHAIN, process_id=process_id) == [None]
        await asyncio.sleep(0.4)
        assert await sweeper(running).sweep() == []
        swept_at = "select swept_at from livery.process where process_id = $1"
        assert await two.fetchval(swept_at, process_id) is None
        await open_begin.commit()
        assert [row["run_id"] for row in await sweeper(running).sweep()] == [run_id]
        assert await two.fetchval(swept_at, process_id) is not None


async def test_nothing_begins_without_a_lease(running: Running, home: UUID) -> None:
    async with owner(running) as connection:
        gone = await lease(connection, seconds=-1)
        for process_id in (gone, uuid7()):
            rows = [{"workspace_id": home}, {"workspace_id": home, "denied": "policy_denied"}]
            verdicts = await begin(connection, rows, chain=CHAIN, process_id=process_id)
            # A refusal starts nothing, so it is recorded all the same.
            assert verdicts == ["!lease", "policy_denied"]


async def test_more_than_one_sweep_takes_at_once(
    running: Running, home: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livery.storage.processes.SWEEP_LIMIT", 3)
    _, ids = await dead(running, home, [1] * 10)
    swept = await sweeper(running).sweep()
    assert sorted(row["run_id"] for row in swept) == sorted(ids)
    assert await books(running, home) == (0, 0)


async def current(running: Running) -> UUID:
    found: UUID = running.platform.runner._journal.process_id
    return found


async def test_a_process_that_lost_its_lease_takes_a_new_one_and_goes_on(
    running: Running, home: UUID
) -> None:
    del home
    lost = await current(running)
    async with owner(running) as connection:
        await expire(connection, lost)
    answers = await together(*(do(running, args={"a": n, "b": 1}) for n in range(64)))
    assert [answer.result for answer in answers] == [n + 1 for n in range(64)]
    assert await current(running) != lost
    async with owner(running) as connection:
        leases = await connection.fetchval(
            "select count(*) from livery.process where expires_at > clock_timestamp() and kind = 'test'"
            " and host <> 'here'"
        )
    assert leases == 1  # 64 calls found it lost, one lease was taken


async def test_a_run_that_outlives_its_lease_answers_what_the_record_says(running: Running) -> None:
    slug = f"late-{uuid7().hex[-12:]}"
    home = await workspace(running, slug)
    caller = await principal(running, "customer_member", slug)
    args = {"code": "import time; time.sleep(0.6); result = 1"}
    task = asyncio.create_task(
        do(running, "worker", args, principal=caller, idempotency_key="late")
    )
    await asyncio.sleep(0.3)
    async with owner(running) as connection:
        await expire(connection, await current(running))
    swept = await sweeper(running).sweep()
    envelope = await task
    assert [str(row["run_id"]) for row in swept] == [envelope.run_id]
    assert (envelope.status, envelope.code, envelope.result) == ("failed", "execution_error", None)
    assert envelope.error is not None
    assert envelope.error.retryable is True
    assert await books(running, home) == (0, 0)
    again = await do(running, "worker", args, principal=caller, idempotency_key="late")
    assert (again.result, again.from_cache) == (1, False)
    assert await books(running, home) == (0, 500_000)


async def test_a_process_that_ends_gives_its_lease_up(new_platform: NewPlatform) -> None:
    async with new_platform() as one:
        async with new_platform(urls=one.urls) as two:
            ended = await current(two)
        async with owner(one) as connection:
            alive = (
                "select expires_at > clock_timestamp() from livery.process where process_id = $1"
            )
            assert await connection.fetchval(alive, ended) is False
        async with new_platform(urls=one.urls), owner(one) as connection:
            swept = "select swept_at is not null from livery.process where process_id = $1"
            assert await connection.fetchval(swept, ended) is True


async def test_a_lost_lease_is_never_renewed(running: Running) -> None:
    process = Processes(running.platform.database, uuid7(), "test")
    await process.start()
    assert await process.beat()
    async with owner(running) as connection:
        await expire(connection, process.process_id)
    assert not await process.beat()
    await sweeper(running).sweep()
    assert not await process.beat()
