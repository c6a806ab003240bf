"""SIGKILL between the states of the ledger while 50 webhooks leave: none twice, none lost, doubt is `unknown`."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.crash import sender
from tests.support.governed import owner, workspace
from tests.support.platform import NewPlatform, Running
from tests.support.receiver import Receiver, receiver

from livery.manifest.errors import LiveryError
from livery.services.runs.types import Call

CALLS = 50
POINTS = {
    "effect.intended": 5,
    "effect.sent": 5,
    "effect.answered": 5,
    "effect.ended": 5,
    "settle.before": 2,
}


async def approvals(
    running: Running, token: str, target: Receiver, numbers: range
) -> dict[int, str]:
    granted: dict[int, str] = {}
    async with running.http(token) as customer:
        for number in numbers:
            body = {"skill_key": "webhook-send", "input": order(target, number)}
            asked = await customer.post("/v1/runs", json=body)
            request = asked.json()["approval_request_id"]
            answer = await customer.post(f"/v1/approvals/{request}/grant")
            granted[number] = answer.json()["approval_id"]
    return granted


def order(target: Receiver, number: int) -> dict[str, Any]:
    return {"url": target.url, "payload": {"n": number}}


@pytest.mark.parametrize("point", POINTS)
async def test_killed_between_two_states(
    new_platform: NewPlatform, tmp_path: Path, point: str
) -> None:
    with receiver() as target:
        environ = {"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}
        async with new_platform(environ=environ) as running:
            await _killed(running, target, tmp_path, point)


async def _killed(running: Running, target: Receiver, folder: Path, point: str) -> None:
    prefix = f"send-{point.replace('.', '-')}"
    home = await workspace(running, prefix)
    tokens = running.platform.services.tokens
    token, _ = await tokens.create(running.operator, "customer_admin", workspace=prefix)
    granted = await approvals(running, token, target, range(CALLS))
    acknowledged = folder / "acknowledged"
    orders = {
        "home": str(running.settings.home), "dsn": running.urls.api, "token": token, "prefix": prefix,
        "point": point, "passings": POINTS[point], "acknowledged": str(acknowledged), "url": target.url,
        "target": target.host, "approvals": granted,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(sender.__file__), json.dumps(orders), stderr=asyncio.subprocess.PIPE
    )
    _, error = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == -9, error.decode()[-2000:]
    async with owner(running) as connection:
        await connection.execute(
            "update livery.process set expires_at = clock_timestamp() where pid = $1 and kind = 'crash'",
            process.pid,
        )
        chain = running.platform.database.chain_id
        await connection.fetch("select * from livery.sweep($1, 1000)", chain)
        rows = await connection.fetch(
            "select r.run_id, r.status, r.correlation_id,"
            " (select array_agg(e.state) from livery.effect e where e.run_id = r.run_id) as effects"
            " from livery.run r where r.workspace_id = $1 and r.status <> 'denied'",
            home,
        )
    arrived = Counter(json.loads(item.body)["n"] for item in target.received)
    assert max(arrived.values(), default=0) <= 1, "an effect happened twice"
    seen: Counter[str] = Counter()
    for row in rows:
        number, status = int(row["correlation_id"].rpartition("-")[2]), row["status"]
        seen[status] += 1
        states = set(row["effects"] or [])
        if status == "succeeded":
            assert (arrived[number], states) == (1, {"confirmed"})
        elif status == "failed":
            assert arrived[number] == 0, "an effect that happened was called failed"
            assert states <= {"failed"}
        else:
            assert status == "unknown"
            assert states & {"unknown", "confirmed"}
    begun = {int(row["correlation_id"].rpartition("-")[2]) for row in rows}
    assert set(arrived) <= begun, "an effect without a record"
    for line in acknowledged.read_text().splitlines() if acknowledged.exists() else []:
        number, _, status = line.split()
        assert status in ("succeeded", "failed")
    if point in ("effect.sent", "effect.answered", "effect.ended"):
        assert seen["unknown"] >= 1, seen
    await _again(running, token, target, rows, prefix)


async def _again(
    running: Running, token: str, target: Receiver, rows: list[Any], prefix: str
) -> None:
    """What failed may be made again and arrives once; what is unknown is not repeated, but settled by a person."""
    caller = await running.platform.services.tokens.authenticate(token)
    status = {int(row["correlation_id"].rpartition("-")[2]): row for row in rows}
    failed = [number for number, row in status.items() if row["status"] == "failed"]
    granted = await approvals(running, token, target, failed)  # type: ignore[arg-type]
    for number, approval in granted.items():
        await asyncio.sleep(0.11)  # no faster than the target's rate
        envelope = await running.platform.runner.run(
            Call(
                caller,
                "webhook-send",
                order(target, number),
                approval_id=approval,
                idempotency_key=f"{prefix}-{number}",
            )
        )
        assert envelope.status == "succeeded"
    arrived = Counter(json.loads(item.body)["n"] for item in target.received)
    assert all(arrived[number] == 1 for number in failed)
    assert max(arrived.values()) == 1
    effects = running.platform.services.effects
    for row in (row for row in rows if row["status"] == "unknown"):
        number = int(row["correlation_id"].rpartition("-")[2])
        outcome = "succeeded" if arrived[number] else "failed"
        settled = await effects.resolve(
            running.operator, row["run_id"], outcome, {"counted by the receiver": arrived[number]}
        )
        assert settled == outcome
        with pytest.raises(LiveryError) as refused:
            await effects.resolve(running.operator, row["run_id"], outcome, {"again": True})
        assert refused.value.code == "invalid_transition"
    await _money(running, caller.workspace_id)


async def _money(running: Running, home: Any) -> None:
    async with owner(running) as connection:
        reserved = await connection.fetchval(
            "select reserved from livery.budget where workspace_id = $1", home
        )
    assert reserved == 0
