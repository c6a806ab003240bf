"""Idempotency keys: one key, one run, whoever asks and wherever."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from tests.support.governed import (
    add_skill,
    call,
    do,
    owner,
    priced,
    principal,
    together,
    workspace,
)
from tests.support.platform import NewPlatform, Running

from livery.manifest.envelope import Envelope

SLOW = {"code": "import time; time.sleep(0.4)"}


@pytest.fixture(scope="module")
async def pair(new_platform: NewPlatform) -> AsyncIterator[tuple[Running, Running]]:
    """Two processes of one deployment."""
    async with new_platform() as one:
        await add_skill(one, priced("worker"))
        await add_skill(one, priced("hasty", timeout_s=0.1))
        async with new_platform(urls=one.urls) as two:
            yield one, two


@pytest.fixture(scope="module")
def running(pair: tuple[Running, Running]) -> Running:
    return pair[0]


async def runs(running: Running, correlation: str) -> list[str]:
    async with owner(running) as connection:
        rows = await connection.fetch(
            "select status from livery.run where correlation_id = $1", correlation
        )
    return [row["status"] for row in rows]


async def test_a_key_answers_what_it_answered(running: Running) -> None:
    first = await do(running, idempotency_key="replay", correlation_id="replay")
    again = await do(running, idempotency_key="replay", correlation_id="other")
    assert first.from_cache is False
    assert again.from_cache is True
    expected = first.to_dict() | {"from_cache": True}
    assert again.to_dict() == expected
    assert await runs(running, "replay") == ["succeeded"]
    assert await runs(running, "other") == []


async def test_a_key_with_other_arguments_is_a_conflict(running: Running) -> None:
    await do(running, idempotency_key="conflict")
    other = do(running, args={"a": 2, "b": 4}, idempotency_key="conflict")
    assert await together(other) == ["idempotency_conflict"]
    # Equal arguments in another order are equal.
    same = await do(running, args={"b": 3, "a": 2}, idempotency_key="conflict")
    assert same.from_cache


async def test_a_key_is_in_flight_until_it_is_answered(running: Running) -> None:
    first = asyncio.create_task(do(running, "worker", SLOW, idempotency_key="flying"))
    await asyncio.sleep(0.2)
    asked = [do(running, "worker", SLOW, idempotency_key="flying") for _ in range(5)]
    other = do(running, "worker", {"code": "1"}, idempotency_key="flying")
    assert await together(*asked) == ["idempotency_in_flight"] * 5
    assert await together(other) == ["idempotency_conflict"]
    done = await first
    replayed = await do(running, "worker", SLOW, idempotency_key="flying")
    assert (replayed.run_id, replayed.from_cache) == (done.run_id, True)


@pytest.mark.parametrize("slow", [True, False])
async def test_64_calls_with_one_key_are_one_run(pair: tuple[Running, Running], slow: bool) -> None:
    key = f"one-of-64-{slow}"
    skill, args = ("worker", SLOW) if slow else ("add", None)
    answers = await together(
        *(do(pair[n % 2], skill, args, idempotency_key=key, correlation_id=key) for n in range(64))
    )
    assert await runs(pair[0], key) == ["succeeded"]
    envelopes = [answer for answer in answers if isinstance(answer, Envelope)]
    assert [answer.from_cache for answer in envelopes].count(False) == 1
    assert len({answer.run_id for answer in envelopes}) == 1
    others = {answer for answer in answers if isinstance(answer, str)}
    assert others <= {"idempotency_in_flight"}


async def test_64_keys_at_once_are_64_runs(pair: tuple[Running, Running]) -> None:
    for _ in range(2):
        answers = await together(
            *(
                do(
                    pair[n % 2],
                    args={"a": n, "b": 0},
                    idempotency_key=f"many-{n}",
                    correlation_id="many",
                )
                for n in range(64)
            )
        )
        assert [answer.result for answer in answers] == list(range(64))
    assert await runs(pair[0], "many") == ["succeeded"] * 64


async def test_a_key_is_known_in_every_process(pair: tuple[Running, Running]) -> None:
    one, two = pair
    first = await do(one, idempotency_key="both")
    again = await do(two, idempotency_key="both")
    assert (again.run_id, again.from_cache) == (first.run_id, True)
    other = do(two, args={"a": 0, "b": 0}, idempotency_key="both")
    assert await together(other) == ["idempotency_conflict"]


async def test_a_retryable_failure_frees_its_key(running: Running) -> None:
    args = {"code": "import time; time.sleep(0.5)"}
    first = await do(running, "hasty", args, idempotency_key="freed")
    assert (first.code, first.error.retryable if first.error else None) == ("timeout", True)
    again = await do(running, "hasty", {"code": "result = 7"}, idempotency_key="freed")
    assert (again.result, again.from_cache) == (7, False)
    assert again.run_id != first.run_id


async def test_a_final_failure_keeps_its_key(running: Running) -> None:
    args = {"code": "raise ValueError"}
    first = await do(running, "worker", args, idempotency_key="kept")
    assert first.error is not None
    assert first.error.retryable is False
    again = await do(running, "worker", args, idempotency_key="kept")
    assert again.to_dict() == first.to_dict() | {"from_cache": True}


async def test_a_denial_claims_no_key(running: Running) -> None:
    refused = do(running, args={"a": "x", "b": 1}, idempotency_key="denied")
    assert await together(refused) == ["tool_input_invalid"]
    assert (await do(running, idempotency_key="denied")).result == 5


async def test_a_key_belongs_to_a_workspace_and_a_skill(running: Running) -> None:
    found = {}
    for slug in ("key-one", "key-two"):
        await workspace(running, slug)
        caller = await principal(running, "customer_member", slug)
        for skill in ("add", "multiply"):
            envelope = await do(running, skill, principal=caller, idempotency_key="scoped")
            assert not envelope.from_cache
            found[slug, skill] = envelope.run_id
    assert len(set(found.values())) == 4


async def test_an_alias_is_the_same_skill(running: Running) -> None:
    by_key = await do(
        running, "capability-probe", {"kind": "none", "value": ""}, idempotency_key="alias"
    )
    for name in ("capability_probe", "capability.probe"):
        again = await do(running, name, {"kind": "none", "value": ""}, idempotency_key="alias")
        assert (again.run_id, again.from_cache) == (by_key.run_id, True)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x00b", "a\nb", "schlüssel", "\ud800"])
async def test_what_is_no_key(running: Running, key: str) -> None:
    assert await together(do(running, idempotency_key=key)) == ["validation_error"]


async def test_a_key_whose_run_was_lost_answers_what_is_known_of_it(running: Running) -> None:
    first = await do(running, idempotency_key="lost")
    # As the sweep leaves a run behind whose effect was already sent: no envelope, the key is kept.
    async with owner(running) as connection:
        await connection.execute(
            "update livery.run set status = 'unknown', code = 'execution_error', envelope = null where run_id = $1",
            UUID(first.run_id),
        )
    again = await do(running, idempotency_key="lost")
    assert (again.run_id, again.status, again.from_cache) == (first.run_id, "unknown", True)
    assert again.error is not None
    assert again.error.retryable is False


async def test_the_door_says_which_it_was(running: Running) -> None:
    async with running.http() as http:
        body = {"skill_key": "add", "input": {"a": 1, "b": 1}}
        key = {"Idempotency-Key": "door"}
        first = await http.post("/v1/runs", json=body, headers=key)
        again = await http.post("/v1/runs", json=body, headers=key)
        other = await http.post("/v1/runs", json=body | {"input": {"a": 1, "b": 2}}, headers=key)
        bad = await http.post("/v1/runs", json=body, headers={"Idempotency-Key": "x" * 300})
    assert (first.status_code, first.json()["from_cache"]) == (200, False)
    assert (again.status_code, again.json()["from_cache"]) == (200, True)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
    assert (bad.status_code, bad.json()["code"]) == (422, "validation_error")


async def test_the_outcome_is_counted(running: Running) -> None:
    def counted(outcome: str) -> float:
        metric = running.platform.metrics.idempotency.labels(outcome)
        return float(metric._value.get())

    before = counted("replayed"), counted("conflict")
    await do(running, idempotency_key="counted")
    await do(running, idempotency_key="counted")
    await together(
        running.platform.runner.run(call(running, args={"a": 0, "b": 0}, idempotency_key="counted"))
    )
    assert (counted("replayed"), counted("conflict")) == (before[0] + 1, before[1] + 1)
