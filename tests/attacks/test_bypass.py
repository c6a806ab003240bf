"""The bypass matrix: every door that runs skills, and every rule. Denied everywhere, and on record.

A new door that runs skills belongs into DOORS: it gets the whole table.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import yaml
from langchain_core.tools import ToolException
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.support.governed import owner, workspace
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package

from livery.client import LiveryClient
from livery.client.langchain import platform_tool
from livery.entrypoints.api import make_server
from livery.manifest.errors import LiveryError
from livery.manifest.package import PackageFile
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.hiring.types import AgentType

SECRET = "sk-" + "a1B2" * 12
REACHER = """
from livery.authoring import Context, skill

@skill("reacher", version="1.0.0", description="Reach.")
def run(ctx: Context, url: str = "") -> int:
    if url:
        ctx.http.request("GET", url)
    return 1
"""
PLAIN = """
from livery.authoring import Context, skill

@skill("NAME", version="1.0.0", description="Do nothing.")
def run(ctx: Context, n: int = 0) -> int:
    return 1
"""
ONE = {"name": "one", "input": {}, "output": 1}
SKILLS = ("reacher", "lapsed", "sender", "dear", "doomed", "plain", "theirs")


@dataclass(frozen=True)
class Rule:
    skill: str
    args: dict[str, Any]
    code: str
    status: str = "denied"


RULES = {
    "capability": Rule("reacher", {"url": "http://169.254.169.254/"}, "skill_capability_denied", "failed"),
    "certificate": Rule("lapsed", {}, "skill_not_certified"),
    "approval": Rule("sender", {}, "approval_required"),
    "budget": Rule("dear", {}, "monthly_budget_exceeded"),
    "revocation": Rule("doomed", {}, "skill_revoked"),
    "secrets": Rule("plain", {"n": 1, "api_key": SECRET}, "secret_in_payload"),
    "tenancy": Rule("theirs", {}, "skill_not_allowed"),
}  # fmt: skip


@dataclass(frozen=True)
class House:
    running: Running
    url: str
    token: str
    agent: str

    async def records(self, rule: Rule) -> int:
        """How many runs of the rule's skill are on record with its code."""
        async with self.running.http() as http:
            query = {
                "skill_key": rule.skill,
                "code": rule.code,
                "status": rule.status,
                "limit": 500,
            }
            answer = await http.get("/v1/runs", params=query)
        return len(answer.json()["items"])


def _priced(files: list[PackageFile], usd: float) -> list[PackageFile]:
    kept = []
    for file in files:
        if file.path == "contract.yaml":
            contract = yaml.safe_load(file.data) | {"cost": {"estimate_usd": usd}}
            kept.append(PackageFile(file.path, yaml.safe_dump(contract).encode()))
        else:
            kept.append(file)
    return kept


@pytest.fixture(scope="module")
async def house(new_platform: NewPlatform) -> AsyncIterator[House]:
    async with new_platform() as running:
        for name in SKILLS:
            code = REACHER if name == "reacher" else PLAIN.replace("NAME", name)
            effects = {"effects": ["send"]} if name == "sender" else {}
            files = package(name, code, capabilities=effects, fixtures=(ONE,))
            await certified(running, _priced(files, 50) if name == "dear" else files)
        await workspace(running, "acme", cap=10_000_000)
        await workspace(running, "other")
        kind = AgentType("tests.keeper", 1, "Keeper", "For tests.", SKILLS[:-1], "published")
        await running.platform.hiring.add_type(
            kind, Entry("agent_type.published", PLATFORM, kind.ref, {})
        )
        async with running.client() as operator:
            hired = await operator.hire(kind.ref, "acme", "Keeper")
            made = await operator.create_token(
                "agent", workspace="acme", hired_agent_id=hired["hired_agent_id"], name="keeper"
            )
            for name in SKILLS:
                await operator.set_binding(f"slot.{name}", name, version="1.0.0", workspace="acme")
            await operator.revoke_skill("doomed", "1.0.0", "tests")
        await _lapse(running)
        async with _server(running) as url:
            yield House(running, url, made["token"], hired["hired_agent_id"])


async def _lapse(running: Running) -> None:
    async with owner(running) as connection:
        changed = await connection.execute(
            "update livery.certificate set expires_at = now() - interval '1 second' where skill_id ="
            " (select skill_id from livery.skill where skill_key = 'lapsed')"
        )
        assert changed == "UPDATE 1"
        await connection.execute("update livery.epoch set value = value + 1")


@asynccontextmanager
async def _server(running: Running) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = make_server(running.platform, "127.0.0.1", port)
    listening = asyncio.Event()
    server.on_startup(listening.set)
    serving = asyncio.create_task(server.serve())
    await asyncio.wait_for(listening.wait(), 30)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        await serving


async def http(house: House, rule: Rule) -> str:
    return await _post(house, {"skill_key": rule.skill, "input": rule.args})


async def dry_http(house: House, rule: Rule) -> str:
    """A dry run is no way around either; only an effect needs no approval in it, since it has none."""
    return await _post(house, {"skill_key": rule.skill, "input": rule.args, "dry_run": True})


async def binding(house: House, rule: Rule) -> str:
    return await _post(house, {"binding": f"slot.{rule.skill}", "input": rule.args})


async def _post(house: House, body: dict[str, Any]) -> str:
    async with house.running.http(house.token) as http:
        answer = await http.post("/v1/runs", json=body)
    assert SECRET not in answer.text
    return str(answer.json()["code"])


def _silent(error: Exception, code: str) -> str:
    assert SECRET not in str(error)
    return code


async def sdk(house: House, rule: Rule) -> str:
    async with LiveryClient(house.url, house.token) as client:
        try:
            return str((await client.run(rule.skill, rule.args))["code"])
        except LiveryError as error:
            return _silent(error, error.code)


async def langchain(house: House, rule: Rule) -> str:
    async with LiveryClient(house.url, house.token) as client:
        # The tool is made by somebody who may read the catalog, and called with the agent's token.
        async with house.running.client() as reader:
            detail = await reader.get_skill(rule.skill)
        try:
            await platform_tool(client, detail).ainvoke(rule.args)
        except ToolException as error:
            return _silent(error, str(error).partition(":")[0])
    return "tool_ok"


async def mcp(house: House, rule: Rule) -> str:
    headers = {"Authorization": f"Bearer {house.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(f"{house.url}/mcp", http_client=http)
        async with Client(transport) as client:
            answer = await client.call_tool(rule.skill, rule.args)
    assert SECRET not in str(answer)
    held = answer.structured_content or {}
    return str(held.get("code") or answer.content[0].text.split(":")[0])


async def terminal(house: House, rule: Rule) -> str:
    environ = {**os.environ, "LIVERY_URL": house.url, "LIVERY_TOKEN": house.token, "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "livery", "run", rule.skill, "--input", json.dumps(rule.args), "--json",
        env=environ, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert SECRET.encode() not in out + err
    expected = 4 if rule.code == "approval_required" else 3
    assert process.returncode == expected, out + err
    return str(json.loads(out)["code"])


DOORS: dict[str, Callable[[House, Rule], Awaitable[str]]] = {
    "http": http,
    "dry run": dry_http,
    "binding": binding,
    "sdk": sdk,
    "langchain": langchain,
    "mcp": mcp,
    "terminal": terminal,
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("door", DOORS)
async def test_denied_and_on_record(house: House, door: str, rule: str) -> None:
    if (door, rule) == ("dry run", "approval"):
        assert await DOORS[door](house, RULES[rule]) == "tool_ok"
        return
    before = await house.records(RULES[rule])
    assert await DOORS[door](house, RULES[rule]) == RULES[rule].code
    assert await house.records(RULES[rule]) == before + 1


async def test_the_record_holds_every_denial_and_no_secret(house: House) -> None:
    async with house.running.http() as http:
        verified = (await http.get("/v1/audit/verify")).json()
        exported = (await http.get("/v1/audit/export")).text
    assert verified["ok"] is True
    assert SECRET not in exported
    codes = {json.loads(line).get("code") for line in exported.splitlines()}
    assert {rule.code for rule in RULES.values()} <= codes


async def test_another_workspace_is_not_there(house: House) -> None:
    tokens = house.running.platform.services.tokens
    token, _ = await tokens.create(house.running.operator, "customer_admin", workspace="other")
    async with house.running.http(token) as http:
        for body in (
            {"skill_key": "plain", "input": {}, "workspace": "acme"},
            {"skill_key": "plain", "input": {}, "hired_agent_id": house.agent},
            {"binding": "slot.plain", "input": {}},
            {"binding": "slot.plain", "input": {}, "workspace": "acme"},
        ):
            answer = await http.post("/v1/runs", json=body)
            assert answer.status_code == 404, (body, answer.text)
        mine = (await http.get("/v1/runs")).json()["items"]
        assert all(item["workspace"] == "other" for item in mine)
        assert (await http.get("/v1/bindings")).json()["items"] == []
        assert (await http.get("/v1/effects")).json()["items"] == []
