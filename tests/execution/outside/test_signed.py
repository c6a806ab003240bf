"""A signed webhook with a real vault: the signatures are verified by others, and the secret is nowhere else."""

import base64
import hashlib
import hmac
from importlib import resources
from types import ModuleType
from typing import Any

import pytest
from standardwebhooks import Webhook
from tests.support.platform import NewPlatform, Running
from tests.support.receiver import Receiver, receiver
from tests.support.skills import certified, package
from tests.support.vault import tables_with, vault

from livery.authoring.errors import SkillFailed
from livery.execution.outside.client import HttpRequest
from livery.vault.secret import Secret

SCRIPT = resources.files("livery.packs") / "messaging/webhook-send/scripts/skill.py"
module = ModuleType("webhook_send")
exec(compile(SCRIPT.read_text(), str(SCRIPT), "exec"), module.__dict__)

KEY = base64.b64encode(bytes(range(7, 39))).decode()
SECRET = f"whsec_{KEY}"
KIND = "webhook-signing"


async def send(running: Running, args: dict[str, Any]) -> dict[str, Any]:
    async with running.http() as http:
        body = {"skill_key": "webhook-send", "input": args}
        asked = (await http.post("/v1/runs", json=body)).json()
        path = f"/v1/approvals/{asked['approval_request_id']}/grant"
        approval = (await http.post(path)).json()["approval_id"]
        body["approval_id"] = approval
        done: dict[str, Any] = (await http.post("/v1/runs", json=body, timeout=60)).json()
    return done


def allow(target: Receiver) -> dict[str, str]:
    return {"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}


async def test_both_signatures_are_verified_by_others(new_platform: NewPlatform) -> None:
    with receiver(answer=SECRET.encode()) as target:
        async with new_platform(environ=allow(target)) as running, vault(running) as customer:
            home = (
                await running.platform.services.access.workspace(running.operator, None)
            ).workspace_id
            held = await customer.store(home, KIND, "hooks", Secret({"signing_secret": SECRET}))
            args = {
                "url": target.url,
                "payload": {"order": 7, "name": "Ünal"},
                "credential_ref": held.credential_ref,
            }
            done = await send(running, args)
            assert done["status"] == "succeeded", done
            assert done["result"]["signature_sent"] is True
            [request] = target.received
            assert Webhook(SECRET).verify(request.body, request.headers) == args["payload"]
            stamp = request.headers["x-signature-timestamp"]
            signed = f"{stamp}.".encode() + request.body
            expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
            assert request.headers["x-signature-256"] == f"sha256={expected}"
            # The receiver sent the secret back: it is taken out of the answer, and is in no table.
            assert SECRET not in str(done)
            assert "[redacted]" in done["result"]["response_body"]
            assert await tables_with(running, KEY) == []


async def test_a_credential_of_another_kind_is_not_opened(new_platform: NewPlatform) -> None:
    with receiver() as target:
        async with new_platform(environ=allow(target)) as running, vault(running) as customer:
            home = (
                await running.platform.services.access.workspace(running.operator, None)
            ).workspace_id
            held = await customer.store(home, "slack", "other", Secret({"signing_secret": SECRET}))
            args = {"url": target.url, "payload": {}, "credential_ref": held.credential_ref}
            done = await send(running, args)
            assert done["status"] == "failed", done
            assert target.received == []


@pytest.mark.parametrize("ref", ["cred_" + "0" * 32, "nonsense"])
async def test_without_a_vault_nothing_is_sent(new_platform: NewPlatform, ref: str) -> None:
    with receiver() as target:
        async with new_platform(environ=allow(target)) as running:
            args = {"url": target.url, "payload": {}, "credential_ref": ref}
            done = await send(running, args)
            assert (done["status"], done["code"]) == ("failed", "configuration_error"), done
            assert target.received == []


@pytest.mark.parametrize(
    "name",
    [
        "Webhook-Id",
        "Webhook-Signature",
        "webhook-timestamp",
        "x-signature-256",
        "X_Signature_256",
        "X-Signature-Timestamp",
        "webhook_id",
        "CONTENT-TYPE",
        "content_length",
        "Expect",
        "Trailer",
        "TE",
        "Proxy-Connection",
        "Keep-Alive",
        "Transfer_Encoding",
        "Host",
    ],
)
def test_a_caller_sets_none_of_the_headers_that_a_receiver_believes(name: str) -> None:
    own = name.lower().replace("_", "-")
    if own in module.OWN:
        with pytest.raises(SkillFailed, match=f"^/headers/{name}: "):
            module._refuse_own({"X-Fine": "1", name: "forged"})
    else:
        module._refuse_own({name: "1"})
        with pytest.raises(SkillFailed, match=f"The header {name} is not a skill's to set"):
            HttpRequest.make("POST", "http://example.com/", {name: "1"}, b"", 5)


async def test_refused_headers_reach_nobody(new_platform: NewPlatform) -> None:
    with receiver() as target:
        async with new_platform(environ=allow(target)) as running:
            for name in ("Webhook-Id", "x-signature-256", "content_length", "TE"):
                args = {"url": target.url, "payload": {}, "headers": {"X-Mine": "1", name: "0"}}
                done = await send(running, args)
                assert (done["status"], name in done["error"]["message"]) == ("failed", True), done
            assert target.received == []
            done = await send(
                running, {"url": target.url, "payload": {}, "headers": {"X-Mine": "1"}}
            )
            assert done["status"] == "succeeded", done
            [request] = target.received
            assert request.headers["x-mine"] == "1"


BREAKS = """
from livery.authoring import Context, SkillFailed, skill

@skill("breaks", version="1.0.0", description="Fail with a secret at the very end.")
def run(ctx: Context, credential_ref: str = "", pad: int = 0) -> str:
    if not pad:
        return ""
    secret = ctx.credential("webhook-signing", credential_ref)["signing_secret"]
    raise SkillFailed("x" * pad + secret)
"""


QUIET = {"name": "quiet", "input": {}, "output": ""}


async def test_a_secret_across_the_end_of_what_is_kept(new_platform: NewPlatform) -> None:
    files = package("breaks", BREAKS, capabilities={"credentials": [KIND]}, fixtures=(QUIET,))
    async with new_platform() as running, vault(running) as customer:
        await certified(running, files)
        home = (
            await running.platform.services.access.workspace(running.operator, None)
        ).workspace_id
        held = await customer.store(home, KIND, "hooks", Secret({"signing_secret": SECRET}))
        async with running.http() as http:
            for kept in (8, len(SECRET) // 2, len(SECRET) - 1):
                args = {"credential_ref": held.credential_ref, "pad": 2000 - kept}
                body = {"skill_key": "breaks", "input": args}
                done = (await http.post("/v1/runs", json=body)).json()
                assert done["status"] == "failed", done
                assert done["error"]["message"].startswith("x" * 1000)
                assert SECRET[:8] not in str(done)
        assert await tables_with(running, SECRET[:8]) == []
