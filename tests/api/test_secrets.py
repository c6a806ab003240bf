"""No route takes a secret, and what tries to bring one leaves nothing of it anywhere."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.conftest import World
from tests.api.test_roles import check_problem
from tests.support.skills import certified, evaluate, package

from livery.integrations.postgres.binaries import tool
from livery.manifest.denylist import is_secret_key

CANARY = "q7Zk9mW2xV4nB8tR"
SECRETS: list[tuple[Any, str]] = [
    ({"password": CANARY}, "/password"),
    ({"a": 1, "b": {"apiKey": CANARY}}, "/b/apiKey"),
    ({"a": [{"x": f"sk-proj-{CANARY}{CANARY}"}]}, "/a/0/x"),
    ({"note": f"see ghp_{CANARY}{CANARY}1234"}, "/note"),
    ({"note": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"}, "/note"),
    ({"url": f"https://hooks.slack.com/services/T0/B0/{CANARY}"}, "/url"),
    ({"Authorization": f"Bearer {CANARY}"}, "/Authorization"),
    ({f"sk-proj-{CANARY}{CANARY}": 1}, "/[redacted]"),
]
KEY = f"sk-proj-{CANARY}{CANARY}"
BODIES: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/skills", {"name": "x", "description": f"use {KEY}", "category": "x"}, "/description"),
    ("/v1/skills", {"name": KEY, "description": "x", "category": "x"}, "/name"),
    ("/v1/skills", {"name": "x", "description": "x", "category": "x", "token": CANARY}, "/token"),
    ("/v1/tokens", {"role": "operator", "name": KEY}, "/name"),
    ("/v1/workspaces", {"name": f"w {KEY}"}, "/name"),
    ("/v1/hired-agents", {"agent_type": "analytics.weekly_digest.v1", "name": KEY}, "/name"),
    ("/v1/skills/add/revoke", {"reason": f"leaked {KEY}"}, "/reason"),
]


def properties(node: Any) -> Iterator[str]:
    """Names of all fields and parameters of an OpenAPI document."""
    if isinstance(node, dict):
        yield from node.get("properties", {}) if isinstance(node.get("properties"), dict) else ()
        if "in" in node and "name" in node:
            yield node["name"]
        for value in node.values():
            yield from properties(value)
    elif isinstance(node, list):
        for value in node:
            yield from properties(value)


def test_no_field_of_the_api_is_a_secret(world: World) -> None:
    names = set(properties(world.running.platform.app.openapi()))
    assert {"skill_key", "role", "input"} <= names
    assert [name for name in names if is_secret_key(name)] == []


@pytest.mark.parametrize(("given", "pointer"), SECRETS)
async def test_a_secret_in_an_input_is_refused_with_its_place(
    world: World, given: Any, pointer: str
) -> None:
    async with world.running.http() as http:
        answer = await http.post("/v1/runs", json={"skill_key": "add", "input": given})
        found = check_problem(answer)
        assert (answer.status_code, found["code"]) == (422, "secret_in_payload")
        assert [item["pointer"] for item in found["violations"]] == [pointer]
        assert CANARY not in answer.text
        run = (await http.get(f"/v1/runs/{found['run_id']}")).json()
    assert (run["status"], run["code"], run["input"]) == ("denied", "secret_in_payload", None)


@pytest.mark.parametrize(("path", "body", "pointer"), BODIES)
async def test_a_secret_in_any_other_body_is_refused(
    world: World, path: str, body: dict[str, Any], pointer: str
) -> None:
    async with world.running.http() as http:
        answer = await http.post(path, json=body)
    found = check_problem(answer)
    assert (answer.status_code, found["code"]) == (422, "secret_in_payload")
    assert [item["pointer"] for item in found["violations"]] == [pointer]
    assert CANARY not in answer.text


async def test_secrets_beside_the_body(world: World) -> None:
    run = {"skill_key": "add", "input": {"a": 1, "b": 1}}
    async with world.running.http() as http:
        keyed = await http.post("/v1/runs", json=run, headers={"Idempotency-Key": KEY})
        assert keyed.json()["code"] == "secret_in_payload"
        approved = await http.post("/v1/runs", json={**run, "approval_id": KEY})
        assert approved.json()["code"] == "secret_in_payload"
        traced = await http.post("/v1/runs", json=run, headers={"X-Correlation-ID": KEY})
        assert traced.status_code == 200
        answers = [keyed, approved, traced]
        answers.append(await http.get(f"/v1/skills/{KEY}"))
        answers.append(await http.get(f"/v1/runs/{KEY}"))
        answers.append(await http.post(f"/v1/approvals/{KEY}/grant"))
        answers.append(await http.post("/v1/runs", json={**run, "version": KEY}))
        answers.append(await http.post("/v1/runs", json={**run, "workspace": KEY}))
        answers.append(await http.post("/v1/runs", json={**run, "skill_key": KEY}))
    for answer in answers:
        assert CANARY not in answer.text
        assert CANARY not in str(answer.headers)


@pytest.mark.parametrize("p95_ms", [5, None])
async def test_secrets_of_a_skill(world: World, p95_ms: float | None) -> None:
    key = f"leaky-{p95_ms is None}".lower()
    await certified(world.running, package(key, p95_ms=p95_ms))
    half = f"C = '{CANARY[:8]}' + '{CANARY[8:]}'\nK = 'sk-proj-' + C + C\n"
    for code in (
        "result = {'password': C, 'text': K}",
        "raise ValueError(K)",
        "raise type(K, (Exception,), {})",
        "from livery.authoring import SkillFailed; raise SkillFailed('the key ' + K)",
        "ctx.artifact('a.txt', 'text/plain', K)",
        "ctx.artifact('a.bin', 'application/octet-stream', K.encode())",
        "ctx.artifact(K, 'text/plain', 'x')",
        "ctx.log.info('key ' + K, password=C, nested={'token': C})",
        "ctx.http.request('GET', 'https://user:' + C + '@example.com')",
        "ctx.credential(K)",
        "ctx.storage.get(K, 'x')",
        "ctx.call(K, {})",
        "open('/tmp/' + K)",
    ):
        envelope = await evaluate(world.running, key, half + code)
        assert CANARY not in str(envelope), code


async def test_nothing_of_it_is_anywhere(world: World) -> None:
    done = subprocess.run(
        [tool("pg_dump"), f"--dbname={world.running.urls.owner}", "--data-only"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    dump = done.stdout.decode(errors="replace")
    assert "run.denied" in dump  # it is the data of this platform
    assert "secret_in_payload" in dump
    assert CANARY not in dump
    assert CANARY not in bytes.fromhex("".join(re.findall(r"\\\\x([0-9a-f]+)", dump))).decode(
        "latin-1"
    )
    for path in world.running.settings.home.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path
    async with world.running.http() as http:
        assert CANARY not in (await http.get("/metrics")).text
        assert CANARY not in (await http.get("/v1/audit/export")).text
