"""The way of one run: whatever is sent or comes back, the run ends with an envelope or a refusal."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.support.governed import add_skill, do, owner, priced, told
from tests.support.platform import NewPlatform, Running

from livery.services.runs.errors import DatabaseFull, JournalUnavailable


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        await add_skill(made, priced("worker", 0.5))
        await add_skill(made, priced("writer", 0.5, effects=["write"], timeout_s=0.2))
        yield made


async def row(running: Running, run_id: str) -> Any:
    async with owner(running) as connection:
        return await connection.fetchrow("select * from livery.run where run_id = $1", UUID(run_id))


async def money(running: Running) -> tuple[int, int]:
    async with owner(running) as connection:
        found = await connection.fetchrow(
            "select reserved, spent from livery.budget b join livery.workspace w using (workspace_id)"
            " where w.slug = 'default'"
        )
    return found["reserved"], found["spent"]


BAD_NAMES = [
    "no-such-skill",
    "a\x00b",
    "\ud800",
    "",
    "x" * 5000,
    "'; drop table livery.run; --",
    "%",
    "../add",
]


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_a_skill_that_is_not_there(running: Running, name: str) -> None:
    assert await told(do(running, name)) == "not_found"
    assert await told(do(running, version=name)) == "not_found"
    assert await told(do(running, channel=name)) == "not_found"
    if name:  # without a name it is the caller's own
        assert await told(do(running, workspace=name)) == "not_found"


ODD_OUTPUTS = {
    "NUL": "result = 'a\\x00b'",
    "a lone surrogate": "result = '\\ud800'",
    "NaN": "result = float('nan')",
    "infinity": "result = float('inf')",
    "a huge integer": "result = 2 ** 53",
    "a cycle": "result = []; result.append(result)",
    "too deep": "result = []\nfor _ in range(200): result = [result]",
    "an object": "result = object()",
}


@pytest.mark.parametrize("kind", ODD_OUTPUTS)
async def test_an_output_that_is_no_json(running: Running, kind: str) -> None:
    envelope = await do(running, "worker", {"code": ODD_OUTPUTS[kind]})
    code = "provider_execution_failed" if kind == "a cycle" else "tool_output_invalid"
    assert (envelope.status, envelope.code, envelope.result) == ("failed", code, None)
    assert (await row(running, envelope.run_id))["status"] == "failed"
    assert (await money(running))[0] == 0


@pytest.mark.parametrize(
    "text", ["a\\x00b", "\\ud800", "\\uffff", "x" * 100_000, "sk-" + "a1" * 12]
)
async def test_what_a_failing_skill_says_is_stored_safely(running: Running, text: str) -> None:
    code = f"from livery.authoring import SkillFailed\nraise SkillFailed('{text}', details={{'d': '{text}'}})"
    envelope = await do(running, "worker", {"code": code.replace("sk-", "s' 'k-")})
    assert envelope.status == "failed"
    stored = await row(running, envelope.run_id)
    assert stored["status"] == "failed"
    assert len(stored["envelope"]) < 20_000
    assert "a1a1a1" not in stored["envelope"]


async def test_a_secret_in_an_output_is_redacted(running: Running) -> None:
    envelope = await do(running, "worker", {"code": "result = 's' + 'k-' + 'a1' * 12"})
    assert envelope.ok
    assert "a1a1" not in str(envelope.result)


async def test_whatever_breaks_after_the_begin_the_run_is_settled(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = running.platform.runner

    async def broken(invocation: Any) -> Any:
        raise RuntimeError("the executor itself")

    before = await money(running)
    monkeypatch.setattr(runner._executors, "invoke", broken)
    envelope = await do(running, "worker", {"code": "result = 1"}, idempotency_key="broken")
    assert (envelope.status, envelope.code) == ("failed", "execution_error")
    assert envelope.error is not None
    assert envelope.error.retryable is True
    assert (await row(running, envelope.run_id))["status"] == "failed"
    assert await money(running) == before
    monkeypatch.undo()
    again = await do(running, "worker", {"code": "result = 1"}, idempotency_key="broken")
    assert (again.result, again.from_cache) == (1, False)


async def test_telemetry_that_breaks_changes_no_outcome(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = running.platform.runner
    calls = []
    real = runner._telemetry.finished

    def broken(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 1:
            raise RuntimeError("the collector is gone")
        real(*args)

    monkeypatch.setattr(runner._telemetry, "finished", broken)
    envelope = await do(running, "worker", {"code": "result = 9"})
    assert (envelope.status, envelope.result) == ("succeeded", 9)


async def test_a_broken_off_effect_is_unknown_and_charged(running: Running) -> None:
    operator = running.operator
    approvals = running.platform.services.approvals
    args = {"code": "import time; time.sleep(1)"}
    before = await money(running)
    with pytest.raises(Exception, match="approval") as denied:
        await do(running, "writer", args, idempotency_key="acted")
    approval_id = denied.value.approval_request_id  # type: ignore[attr-defined]
    await approvals.grant(operator, approval_id)
    envelope = await do(running, "writer", args, approval_id=approval_id, idempotency_key="acted")
    assert (envelope.status, envelope.code) == ("unknown", "timeout")
    assert envelope.error is not None
    assert envelope.error.retryable is False
    assert await money(running) == (0, before[1] + 500_000)
    # Nobody may simply repeat it: the key is kept.
    again = await do(running, "writer", args, approval_id=approval_id, idempotency_key="acted")
    assert (again.run_id, again.status, again.from_cache) == (envelope.run_id, "unknown", True)
    dry = await do(running, "writer", args, dry_run=True)
    assert (dry.status, dry.code) == ("failed", "timeout")


async def test_without_a_record_nothing_runs(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = running.platform.runner
    invoked = []

    async def unavailable(intent: Any) -> Any:
        raise JournalUnavailable

    async def invoke(invocation: Any) -> Any:
        invoked.append(invocation)

    monkeypatch.setattr(runner._journal, "begin", unavailable)
    monkeypatch.setattr(runner._executors, "invoke", invoke)
    assert await told(do(running)) == "internal_error"
    assert invoked == []


async def test_a_record_that_keeps_changing_starts_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = running.platform.runner
    asked = []

    async def stale(intent: Any) -> str:
        asked.append(intent)
        return "!stale"

    monkeypatch.setattr(runner._journal, "begin", stale)
    assert await told(do(running)) == "internal_error"
    assert await told(do(running, args={"a": "x"})) == "internal_error"
    assert len(asked) == 16


@pytest.mark.parametrize("refusals", [1, 2])
async def test_a_full_disk_at_the_end_keeps_neither_key_nor_money(
    running: Running, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    """Once: there was room for the shorter record of a failure. Twice: it is written when there is room again."""
    runner, settle, left = (
        running.platform.runner,
        running.platform.runner._journal.settle,
        [refusals],
    )

    async def full(outcome: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise DatabaseFull
        return await settle(outcome)

    before, words = await money(running), {"code": "result = 1"}
    monkeypatch.setattr("livery.services.runs.run._ROOM_PAUSE_S", 0.01)
    monkeypatch.setattr(runner._journal, "settle", full)
    key = f"full-{refusals}"
    assert await told(do(running, "worker", words, idempotency_key=key)) == "unavailable"
    await asyncio.gather(*runner._settling)
    assert await money(running) == before
    again = await do(running, "worker", words, idempotency_key=key)
    assert (again.result, again.from_cache) == (1, False)
