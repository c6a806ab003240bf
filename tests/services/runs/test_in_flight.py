"""A revocation and the calls that run at that moment: their answers are given, or withheld, as the revocation says."""

import asyncio
import json
from typing import Any

import pytest
from tests.support.governed import add_skill, do, owner, told
from tests.support.platform import Running
from tests.support.skills import package

SLOW = '''
"""Takes its time, then answers and leaves a file."""
import time
from livery.authoring import Context, skill

@skill("evaluate", version="1.0.0", description="Wait, then answer.")
def run(seconds: float, fails: bool, ctx: Context) -> str:
    time.sleep(seconds)
    ctx.artifact("answer.txt", "text/plain", "the answer")
    if fails:
        raise ValueError("the answer")
    return "the answer"
'''
FIXTURE = {"name": "at once", "input": {"seconds": 0, "fails": False}, "output": "the answer"}


async def slow(running: Running, key: str) -> None:
    capabilities = {"filesystem": ["output"]}
    await add_skill(
        running, package(key, SLOW, fixtures=(FIXTURE,), capabilities=capabilities, timeout_s=30)
    )


async def running_now(running: Running, key: str) -> None:
    async with owner(running) as connection:
        for _ in range(400):
            if await connection.fetchval(
                "select count(*) from livery.run where skill_key = $1 and status = 'running'", key
            ):
                return
            await asyncio.sleep(0.02)
    pytest.fail("the call never began")


async def revoked_meanwhile(running: Running, key: str, in_flight: str, **args: Any) -> Any:
    await slow(running, key)
    call = asyncio.create_task(
        told(do(running, key, {"seconds": 1.5, "fails": False, **args}, idempotency_key=key))
    )
    await running_now(running, key)
    await running.platform.services.catalog.revoke(
        running.operator, key, None, "It leaks.", in_flight=in_flight
    )
    return await call


async def test_finish_lets_it_answer(platform: Running) -> None:
    envelope = await revoked_meanwhile(platform, "in-flight-finish", "finish")
    assert (envelope.status, envelope.code, envelope.result) == (
        "succeeded",
        "tool_ok",
        "the answer",
    )
    assert len(envelope.artifacts) == 1
    assert await told(do(platform, "in-flight-finish", FIXTURE["input"])) == "skill_revoked"


@pytest.mark.parametrize("fails", [False, True])
async def test_withhold_keeps_the_answer_back(platform: Running, fails: bool) -> None:
    key = f"in-flight-withhold-{fails}".lower()
    envelope = await revoked_meanwhile(platform, key, "withhold", fails=fails)
    assert (envelope.status, envelope.code, envelope.result) == ("failed", "skill_revoked", None)
    assert envelope.artifacts == []
    assert envelope.usage.duration_ms >= 1500
    assert envelope.error is not None
    assert envelope.error.retryable is False
    assert envelope.error.message == (
        f"{key}@1.0.0 was revoked while this run was on; its result is withheld."
    )
    assert "the answer" not in json.dumps(envelope.to_dict())
    async with platform.http() as http:
        kept = (await http.get(f"/v1/runs/{envelope.run_id}")).json()
        artifacts = (await http.get("/v1/artifacts", params={"run_id": envelope.run_id})).json()
        record = (await http.get("/v1/audit", params={"run_id": envelope.run_id})).json()
    assert (kept["status"], kept["code"]) == ("failed", "skill_revoked")
    assert "the answer" not in json.dumps(kept)
    assert artifacts["items"] == []
    assert [(item["kind"], item["code"]) for item in record["items"]] == [
        ("run.failed", "skill_revoked"),
        ("run.started", None),
    ]
    # The key stays with the run that was withheld: a repeat is refused, not run.
    again = await told(do(platform, key, FIXTURE["input"], idempotency_key=key))
    assert again == "skill_revoked"


async def test_withholding_one_version_leaves_the_others_alone(platform: Running) -> None:
    await slow(platform, "in-flight-other")
    other = asyncio.create_task(do(platform, "in-flight-other", {"seconds": 2, "fails": False}))
    await running_now(platform, "in-flight-other")
    held = await revoked_meanwhile(platform, "in-flight-mine", "withhold")
    assert held.code == "skill_revoked"
    assert (await other).result == "the answer"
