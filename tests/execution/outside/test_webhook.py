"""webhook-send over a real platform, to a real server that counts."""

import asyncio
import hashlib
import json
import threading
from typing import Any

import pytest
from tests.support.platform import NewPlatform, Running
from tests.support.receiver import Receiver, receiver

PAYLOAD = {"order": 7, "name": "Ünal"}


async def send(running: Running, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    async with running.http() as http:
        answer = await http.post("/v1/runs", json={"skill_key": "webhook-send", **body}, timeout=60)
        return answer.status_code, answer.json()


async def approved(running: Running, args: dict[str, Any]) -> str:
    status, document = await send(running, {"input": args})
    assert (status, document["code"]) == (403, "approval_required")
    async with running.http() as http:
        answer = await http.post(f"/v1/approvals/{document['approval_request_id']}/grant")
    assert answer.status_code == 200
    return str(answer.json()["approval_id"])


async def effects(running: Running) -> list[tuple[str, str]]:
    async with running.platform.database.connection() as connection, connection.transaction():
        ids = await connection.fetch("select * from livery.workspace_ids()")
        scope = ",".join(str(row[0]) for row in ids)
        await connection.execute("select set_config('livery.workspaces', $1, true)", scope)
        rows = await connection.fetch("select action, state from livery.effect order by at")
    return [(row["action"], row["state"]) for row in rows]


async def test_an_approved_webhook_leaves_once(new_platform: NewPlatform) -> None:
    with receiver() as target:
        async with new_platform(environ=allow(target)) as running:
            args = {"url": target.url, "payload": PAYLOAD}
            approval = await approved(running, args)
            assert target.received == []
            other = {**args, "payload": {**PAYLOAD, "order": 8}}
            status, document = await send(running, {"input": other, "approval_id": approval})
            assert (status, document["code"]) == (403, "approval_invalid")
            status, document = await send(running, {"input": args, "approval_id": approval})
            assert (status, document["status"]) == (200, "succeeded"), document
            assert [item["state"] for item in document["side_effects"]] == ["confirmed"]
            assert document["result"]["status_code"] == 200
            [request] = target.received
            assert json.loads(request.body) == PAYLOAD
            assert request.headers["webhook-id"] == document["result"]["webhook_id"]
            status, document = await send(running, {"input": args, "approval_id": approval})
            assert (status, document["code"]) == (403, "approval_invalid")
            assert len(target.received) == 1
            assert await effects(running) == [("send", "confirmed")]


async def test_a_dry_run_leaves_nothing(new_platform: NewPlatform) -> None:
    with receiver() as target:
        async with new_platform(environ=allow(target)) as running:
            args = {"url": target.url, "payload": PAYLOAD}
            status, document = await send(running, {"input": args, "dry_run": True})
            assert (status, document["result"]["status"]) == (200, "draft"), document
            assert target.received == []
            assert await effects(running) == []


def allow(target: Receiver) -> dict[str, str]:
    return {"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}


async def test_a_private_target_is_refused_before_anybody_is_asked(
    new_platform: NewPlatform,
) -> None:
    with receiver() as target:
        async with new_platform() as running:
            urls = [target.url, "http://169.254.169.254/", "http://10.0.0.1/", "http://0x7f.1:9/"]
            for url in urls:
                args = {"url": url, "payload": PAYLOAD}
                # Also where the caller is ready to wait, or names an approval: it is not used up.
                for more in ({}, {"wait_for_approval": True}, {"approval_id": "APR-none"}):
                    status, document = await send(running, {"input": args, **more})
                    assert (status, document["code"]) == (403, "provider_policy_denied"), document
                    assert "approval_request_id" not in document
                    assert document["detail"].endswith("private targets are refused.")
                    assert "LIVERY_ALLOW_PRIVATE_TARGETS=" in document["remedy"]
                    assert document["envelope"]["status"] == "denied"
                    shown = document["envelope"]["error"]["details"]["remedy"]
                    assert shown == document["remedy"]
            async with running.http() as http:
                assert (await http.get("/v1/approvals")).json()["items"] == []
            assert target.received == []
            assert await effects(running) == []


async def test_an_approval_outlives_a_target_that_is_not_allowed_any_more(
    new_platform: NewPlatform,
) -> None:
    with receiver() as target:
        async with new_platform(environ=allow(target)) as running:
            args = {"url": target.url, "payload": PAYLOAD}
            approval = await approved(running, args)
            async with new_platform(urls=running.urls) as strict:
                status, document = await send(strict, {"input": args, "approval_id": approval})
                assert (status, document["code"]) == (403, "provider_policy_denied"), document
            status, document = await send(running, {"input": args, "approval_id": approval})
            assert (status, document["status"]) == (200, "succeeded"), document
            assert len(target.received) == 1


async def test_a_name_is_judged_when_it_is_resolved(new_platform: NewPlatform) -> None:
    with receiver() as target:
        async with new_platform() as running:
            args = {"url": f"http://localhost:{target.port}/hook", "payload": PAYLOAD}
            approval = await approved(running, args)
            status, document = await send(running, {"input": args, "approval_id": approval})
            assert (status, document["code"]) == (200, "provider_policy_denied"), document
            assert document["status"] == "failed"
            assert target.received == []
            assert await effects(running) == [("send", "failed")]


@pytest.mark.parametrize(
    ("options", "states", "code"),
    [
        ({"drop": True}, "unknown", "network_error"),
        ({"status": 504}, "unknown", "network_error"),
        ({"status": 410}, "failed", "webhook_error"),
        ({"status": 302, "answer_headers": {"Location": "/elsewhere"}}, "confirmed", "tool_ok"),
    ],
)
async def test_what_came_back_is_what_is_on_record(
    new_platform: NewPlatform, options: dict[str, Any], states: str, code: str
) -> None:
    with receiver(**options) as target:
        async with new_platform(environ=allow(target)) as running:
            args = {"url": target.url, "payload": PAYLOAD}
            approval = await approved(running, args)
            _, document = await send(running, {"input": args, "approval_id": approval})
            assert document["code"] == code, document
            assert document["status"] == ("unknown" if states == "unknown" else document["status"])
            assert await effects(running) == [("send", states)]
            assert len(target.received) == 1


async def test_no_answer_in_time_is_unknown_and_is_not_repeated(new_platform: NewPlatform) -> None:
    with receiver(hang=threading.Event()) as target:
        async with new_platform(environ=allow(target)) as running:
            args = {"url": target.url, "payload": PAYLOAD, "timeout_seconds": 1}
            approval = await approved(running, args)
            _, document = await send(running, {"input": args, "approval_id": approval})
            assert (document["status"], document["error"]["retryable"]) == ("unknown", False)
            assert await effects(running) == [("send", "unknown")]


def test_the_id_of_a_webhook_follows_from_its_key() -> None:
    text = "certification\nhttps://example.com/hooks/orders"
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    assert digest == "d25ea79416e8a10db95fbfabf2bb8767"


async def test_many_at_once_each_leave_once(new_platform: NewPlatform) -> None:
    with receiver() as target:
        async with new_platform(environ=allow(target)) as running:
            many = [{"url": target.url, "payload": {"n": n}} for n in range(20)]
            approvals = [await approved(running, args) for args in many]
            done = await asyncio.gather(
                *(
                    send(running, {"input": args, "approval_id": approval})
                    for args, approval in zip(many, approvals, strict=True)
                )
            )
            assert [document["status"] for _, document in done] == ["succeeded"] * 20
            sent = sorted(json.loads(item.body)["n"] for item in target.received)
            assert sent == list(range(20))
