"""Runs that wait for an approval: kept, started once under their own id, decided again, ended, never lost."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.services.approvals import waiter
from tests.services.approvals.test_lifecycle import House, body, furnish
from tests.support.governed import owner, together
from tests.support.platform import NewPlatform, Running
from tests.support.receiver import Receiver, receiver

from livery.entrypoints.platform import open_platform


@pytest.fixture(scope="module")
def target() -> Any:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
async def house(new_platform: NewPlatform, target: Receiver) -> AsyncIterator[House]:
    async with new_platform(environ={"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}) as running:
        yield await furnish(running, "patient")


def sending(target: Receiver, number: int, **more: Any) -> dict[str, Any]:
    args = {"url": target.url, "payload": {"n": number}}
    return {"skill_key": "webhook-send", "input": args, "wait_for_approval": True, **more}


async def wait(house: House, sent: dict[str, Any], who: str = "member", key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    async with house.as_(who) as http:
        return await http.post("/v1/runs", json=sent, headers=headers)


async def shown(house: House, run_id: str) -> dict[str, Any]:
    async with house.as_("member") as http:
        found: dict[str, Any] = (await http.get(f"/v1/runs/{run_id}")).json()
    return found


async def work(*running: Running) -> None:
    """A round of every process, and what they started."""
    await together(*(item.platform.approvals.sweep() for item in running))
    for item in running:
        await item.platform.services.waiting.settled()


def arrived(target: Receiver, *numbers: int) -> list[int]:
    """What arrived of these."""
    seen = (json.loads(item.body)["n"] for item in target.received)
    return sorted(number for number in seen if number in numbers)


async def test_it_waits_and_is_started_under_its_id(house: House, target: Receiver) -> None:
    answer = await wait(house, sending(target, 1))
    envelope = answer.json()
    assert (answer.status_code, envelope["status"]) == (202, "awaiting_approval")
    assert answer.headers["Location"] == f"/v1/runs/{envelope['run_id']}"
    assert (envelope["code"], envelope["ok"]) == ("approval_required", False)
    assert envelope["approval_id"].startswith("APR-")
    waiting = await shown(house, envelope["run_id"])
    assert waiting["status"] == "awaiting_approval"
    assert waiting["input"] == sending(target, 1)["input"]
    await work(house.running)
    assert arrived(target, 1) == []
    assert (await house.take("grant", envelope["approval_id"]))[0] == 200
    assert (await shown(house, envelope["run_id"]))["status"] == "queued"
    await work(house.running)
    done = await shown(house, envelope["run_id"])
    assert (done["status"], done["code"]) == ("succeeded", "tool_ok"), done
    assert done["envelope"]["approval_id"] == envelope["approval_id"]
    assert arrived(target, 1) == [1]
    found = await house.show(envelope["approval_id"])
    assert (found["state"], found["run_id"]) == ("consumed", envelope["run_id"])
    assert [kind for kind, _ in await house.entries(envelope["run_id"])] == [
        "run.awaiting_approval",
        "run.queued",
        "run.started",
        "run.succeeded",
    ]
    await work(house.running)
    assert arrived(target, 1) == [1]
    assert await rows(house, envelope) == 0


async def rows(house: House, *envelopes: dict[str, Any]) -> int:
    """How many of these are still kept as waiting."""
    async with owner(house.running) as connection:
        count: int = await connection.fetchval(
            "select count(*) from livery.waiting_run where run_id = any ($1::uuid[])",
            [UUID(item["run_id"]) for item in envelopes],
        )
    return count


async def test_the_same_call_is_the_same_run(house: House, target: Receiver) -> None:
    first = (await wait(house, sending(target, 2))).json()
    again = (await wait(house, sending(target, 2))).json()
    assert again["run_id"] == first["run_id"]
    # Another caller's call is a run of its own; there is one approval, and the first one uses it.
    other = (await wait(house, sending(target, 2), "admin")).json()
    assert other["run_id"] != first["run_id"]
    assert other["approval_id"] == first["approval_id"]
    await house.take("grant", first["approval_id"])
    await work(house.running)
    await work(house.running)
    states = [(await shown(house, item["run_id"])) for item in (first, other)]
    assert sorted(item["status"] for item in states) == ["denied", "succeeded"]
    assert {item["code"] for item in states} == {"tool_ok", "approval_invalid"}
    assert arrived(target, 2) == [2]


async def test_a_key_stands_for_it(house: House, target: Receiver) -> None:
    first = (await wait(house, sending(target, 3), key="order-3")).json()
    again = await wait(house, sending(target, 3), key="order-3")
    assert (again.status_code, again.json()["run_id"]) == (202, first["run_id"])
    conflict = await wait(house, sending(target, 4), key="order-3")
    assert conflict.json()["code"] == "idempotency_conflict"
    await house.take("grant", first["approval_id"])
    await work(house.running)
    replay = await wait(house, sending(target, 3), key="order-3")
    assert (replay.status_code, replay.json()["run_id"]) == (200, first["run_id"])
    assert (replay.json()["from_cache"], replay.json()["status"]) == (True, "succeeded")
    assert arrived(target, 3, 4) == [3]


async def test_what_is_refused_frees_its_key(house: House, target: Receiver) -> None:
    first = (await wait(house, sending(target, 5), key="order-5")).json()
    await house.take("deny", first["approval_id"], reason="not now")
    denied = await shown(house, first["run_id"])
    assert (denied["status"], denied["code"]) == ("denied", "approval_denied")
    assert "not now" in denied["reason"]
    again = (await wait(house, sending(target, 5), key="order-5")).json()
    assert again["run_id"] != first["run_id"]
    assert again["status"] == "awaiting_approval"


async def test_it_ends_with_its_approval(house: House, target: Receiver) -> None:
    revoked = (await wait(house, sending(target, 6))).json()
    await house.take("grant", revoked["approval_id"])
    await house.take("revoke", revoked["approval_id"], reason="second thoughts")
    lapsed = (await wait(house, sending(target, 7))).json()
    await house.lapse(lapsed["approval_id"])
    late = (await wait(house, sending(target, 8))).json()
    await house.take("grant", late["approval_id"])
    await house.lapse(late["approval_id"])  # between the grant and the start
    await work(house.running)
    await work(house.running)
    for item in (revoked, lapsed, late):
        found = await shown(house, item["run_id"])
        assert (found["status"], found["code"]) == ("denied", "approval_invalid"), found
    assert arrived(target, 6, 7, 8) == []
    assert await rows(house, revoked, lapsed, late) == 0


async def test_everything_is_decided_again(house: House, target: Receiver) -> None:
    stopped = (await wait(house, sending(target, 9))).json()
    await house.take("grant", stopped["approval_id"])
    control = house.running.platform.services.control
    await control.engage(house.running.operator, "workspace", "patient", "stop")
    await work(house.running)
    await control.release(house.running.operator, "workspace", "patient", "go on")
    found = await shown(house, stopped["run_id"])
    assert (found["status"], found["code"]) == ("denied", "kill_switch")
    assert (await house.show(stopped["approval_id"]))["state"] == "granted", "it was not used"
    # The caller's token is asked again as well.
    make = house.running.platform.services.tokens
    token, info = await make.create(house.running.operator, "customer_member", workspace="patient")
    house.tokens["leaver"] = token
    gone = (await wait(house, sending(target, 10), "leaver")).json()
    await house.take("grant", gone["approval_id"])
    await make.revoke(house.running.operator, info.token_id)
    await work(house.running)
    found = await shown(house, gone["run_id"])
    assert (found["status"], found["code"]) == ("denied", "unauthenticated")
    assert arrived(target, 9, 10) == []


async def test_it_is_canceled_while_it_waits(house: House, target: Receiver) -> None:
    for number, granted in ((11, False), (12, True)):
        parked = (await wait(house, sending(target, number))).json()
        if granted:
            await house.take("grant", parked["approval_id"])
        async with house.as_("auditor") as http:
            assert (await http.post(f"/v1/runs/{parked['run_id']}/cancel")).status_code == 403
        async with house.as_("member") as http:
            answer = await http.post(f"/v1/runs/{parked['run_id']}/cancel")
            assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
            again = await http.post(f"/v1/runs/{parked['run_id']}/cancel")
            assert (again.status_code, again.json()["code"]) == (409, "invalid_transition")
        assert (await house.show(parked["approval_id"]))["state"] == (
            "revoked" if granted else "expired"
        )
        await work(house.running)
    assert arrived(target, 11, 12) == []
    async with house.as_("member") as http:
        assert (await http.post(f"/v1/runs/{UUID(int=1)}/cancel")).status_code == 404


async def test_an_allowed_call_does_not_wait(house: House) -> None:
    async with house.as_("member") as http:
        call = {"skill_key": "add", "input": {"a": 2, "b": 3}, "wait_for_approval": True}
        answer = await http.post("/v1/runs", json=call)
        assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
        refused = await http.post(
            "/v1/runs", json={**body(1), "input": {}, "wait_for_approval": True}
        )
        assert refused.status_code == 422


async def test_two_processes_start_each_once(
    house: House, target: Receiver, new_platform: NewPlatform
) -> None:
    parked = [(await wait(house, sending(target, 20 + n))).json() for n in range(12)]
    for item in parked:
        await house.take("grant", item["approval_id"])
    environ = {"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}
    async with new_platform(urls=house.running.urls, environ=environ) as second:
        for _ in range(6):
            await work(house.running, second)
        assert arrived(target, *range(20, 32)) == [*range(20, 32)]
    for item in parked:
        assert (await shown(house, item["run_id"]))["status"] == "succeeded"
        kinds = [kind for kind, _ in await house.entries(item["run_id"])]
        assert kinds.count("run.started") == 1


async def test_a_worker_starts_it_by_itself(house: House, target: Receiver) -> None:
    """As in a deployment: the worker's own role and loop; the other processes leave it to the worker."""
    settings, urls = house.running.settings, house.running.urls
    async with open_platform(settings, urls.worker, kind="worker"):
        parked = (await wait(house, sending(target, 45))).json()
        await house.take("grant", parked["approval_id"])
        assert await house.running.platform.approvals.sweep() == 0
        for _ in range(200):
            found = await shown(house, parked["run_id"])
            if found["status"] not in ("queued", "running"):
                break
            await asyncio.sleep(0.1)
        assert found["status"] == "succeeded", found
    assert arrived(target, 45) == [45]


async def test_two_that_claimed_one_run_begin_it_once(
    house: House, target: Receiver, new_platform: NewPlatform
) -> None:
    """The claim only spreads the work: the journal decides, also where both believe the run is theirs."""
    parked = (await wait(house, sending(target, 40))).json()
    await house.take("grant", parked["approval_id"])
    environ = {"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}
    async with new_platform(urls=house.running.urls, environ=environ) as second:
        calls = []
        for running in (house.running, second):
            store = running.platform.services.waiting._store
            calls.append((running, await store.call(UUID(parked["run_id"]), house.workspace_id)))
        answers = await together(
            *(running.platform.runner.run(call) for running, call in calls for _ in range(4))
        )
        assert arrived(target, 40) == [40]
        assert {getattr(item, "run_id", item) for item in answers} == {parked["run_id"]}
    kinds = [kind for kind, _ in await house.entries(parked["run_id"])]
    assert kinds.count("run.started") == 1
    assert "run.denied" not in kinds


@pytest.mark.parametrize(("point", "number"), [("decided", 50), ("begin.before", 51)])
async def test_killed_between_grant_and_start_loses_nothing(
    house: House, target: Receiver, point: str, number: int
) -> None:
    """SIGKILL of the process that has claimed it: the next sweep starts it, once."""
    parked = (await wait(house, sending(target, number))).json()
    await house.take("grant", parked["approval_id"])
    order = {
        "home": str(house.running.settings.home), "dsn": house.running.urls.api, "point": point,
        "target": target.host,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(waiter.__file__), json.dumps(order), stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    _, error = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == -signal.SIGKILL, error.decode()[-2000:]
    assert arrived(target, number) == []
    await work(house.running)
    assert (await shown(house, parked["run_id"]))["status"] == "queued", "a living claim was taken"
    async with owner(house.running) as connection:
        await connection.execute(
            "update livery.process set expires_at = clock_timestamp() where pid = $1 and kind = 'crash'",
            process.pid,
        )
    await work(house.running)
    assert (await shown(house, parked["run_id"]))["status"] == "succeeded"
    assert arrived(target, number) == [number]


async def test_killed_while_it_runs_it_is_settled(house: House, target: Receiver) -> None:
    """A run that waited for long is as much in the sweep's sight as any other one."""
    parked = (await wait(house, sending(target, 60))).json()
    async with owner(house.running) as connection:
        await connection.execute(
            "update livery.run set created_at = created_at - interval '20 hours' where run_id = $1",
            UUID(parked["run_id"]),
        )
    await house.take("grant", parked["approval_id"])
    order = {
        "home": str(house.running.settings.home), "dsn": house.running.urls.api, "point": "effect.sent",
        "target": target.host,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(waiter.__file__), json.dumps(order), stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    _, error = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == -signal.SIGKILL, error.decode()[-2000:]
    async with owner(house.running) as connection:
        await connection.execute(
            "update livery.process set expires_at = clock_timestamp() where pid = $1 and kind = 'crash'",
            process.pid,
        )
        chain = house.running.platform.database.chain_id
        await connection.fetch("select * from livery.sweep($1, 1000)", chain)
    assert (await shown(house, parked["run_id"]))["status"] == "unknown"
    await work(house.running)
    assert len(arrived(target, 60)) <= 1
    assert await rows(house, parked) == 0
