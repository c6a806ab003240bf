"""A plugin over the whole platform: certified, approved, run in a container, its effect on record."""

import os
from typing import Any

import yaml
from tests.support.docker import plugin
from tests.support.platform import NewPlatform, Running
from tests.support.receiver import receiver
from tests.support.skills import certified

CODE = """
import urllib.request
def run(payload, *, session_id, agent_id, skill_name):
    if not payload.get("url"):
        return {"display": "nothing sent"}
    body = payload["text"].encode()
    with urllib.request.urlopen(payload["url"], data=body, timeout=5) as answer:
        return {"display": answer.read().decode()}
"""
FIXTURE = {"name": "nothing", "input": {}, "output": {"display": "nothing sent"}}


async def _ask(running: Running, body: dict[str, Any]) -> Any:
    async with running.http() as http:
        return (await http.post("/v1/runs", json=body, timeout=90)).json()


async def test_a_plugin_with_an_effect(new_platform: NewPlatform, image: str) -> None:
    with receiver(answer=b"taken") as target:
        environ = {
            "DOCKER_HOST": os.environ.get("DOCKER_HOST", ""),
            "LIVERY_SANDBOX_IMAGE": image,
            "LIVERY_ALLOW_PRIVATE_TARGETS": target.host,
        }
        declared = {"network": [target.host], "effects": ["send"]}
        tests = {"tests/nothing.yaml": yaml.safe_dump({"fixtures": [FIXTURE]}).encode()}
        package = plugin(CODE, capabilities=declared, extra=tests)
        async with new_platform(environ={k: v for k, v in environ.items() if v}) as running:
            done = await certified(running, list(package.files))
            call = {"skill_key": done.skill_key, "input": {"url": target.url, "text": "hello"}}
            denied = await _ask(running, call)
            assert denied["code"] == "approval_required", denied
            dry = await _ask(running, {**call, "dry_run": True})
            assert target.received == [], dry
            async with running.http() as http:
                path = f"/v1/approvals/{denied['approval_request_id']}/grant"
                approval = (await http.post(path)).json()["approval_id"]
            envelope = await _ask(running, {**call, "approval_id": approval})
            assert (envelope["status"], envelope["provider_id"]) == ("succeeded", "plugin"), (
                envelope
            )
            assert envelope["result"]["display"] == "taken"
            assert [item["state"] for item in envelope["side_effects"]] == ["confirmed"]
            assert [item.body for item in target.received] == [b"hello"]
