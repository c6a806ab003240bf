"""The agent's door over real HTTP, with the SDK's own client, in both eras of the protocol."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from tests.api.mcp.conftest import CLERK, Connect, Served

from livery.manifest.contract import parse_contract
from livery.manifest.skillmd import SkillMd

ERAS = ["2026-07-28", "legacy"]
VERSIONS = {"2026-07-28": "2026-07-28", "legacy": "2025-11-25"}


def message(method: str, **params: Any) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta, **params}}


async def post(served: Served, body: Any, token: str | None = None, **headers: str) -> Any:
    sent = {"MCP-Protocol-Version": "2026-07-28", "Accept": "application/json, text/event-stream"}
    if isinstance(body, dict):
        sent["Mcp-Method"] = str(body.get("method"))
        sent["Mcp-Name"] = str((body.get("params") or {}).get("name", ""))
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    async with httpx.AsyncClient() as http:
        return await http.post(f"{served.url}/mcp", json=body, headers={**sent, **headers})


@pytest.mark.parametrize("era", ERAS)
async def test_lists_exactly_what_the_agent_is_entitled_to(
    served: Served, connect: Connect, era: str
) -> None:
    async with connect(mode=era) as client:
        assert client.protocol_version == VERSIONS[era]
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert sorted(tools) == sorted(CLERK.required_skill_keys)
    catalog = served.running.platform.services.catalog
    skill = await catalog.get(served.running.operator, "add")
    contract = parse_contract((await catalog.version(skill, None)).contract, SkillMd(name="add"))
    assert tools["add"].input_schema == contract.input_schema
    assert tools["add"].description == skill.description
    assert tools["add"].meta == {
        "io.livery/badge": "add@1.0.0",
        "io.livery/digest": skill.digest,
    }
    hints = {name: tool.annotations.read_only_hint for name, tool in tools.items()}
    assert hints == {name: name != "sender" for name in CLERK.required_skill_keys}
    async with connect("Idler", mode=era) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["multiply"]


@pytest.mark.parametrize("era", ERAS)
async def test_runs_as_the_agent_and_is_recorded(
    served: Served, connect: Connect, era: str
) -> None:
    async with connect(mode=era) as client:
        result = await client.call_tool("add", {"a": 2, "b": 40})
    assert not result.is_error
    assert result.content[0].text == "42"
    envelope = result.structured_content
    assert (envelope["code"], envelope["result"]) == ("tool_ok", 42)
    async with served.live() as operator:
        run = await operator.get_run(envelope["run_id"])
    assert run["principal"] == "agent:Clerk"
    assert run["hired_agent_id"] == served.agents["Clerk"]
    assert run["input"] == {"a": 2, "b": 40}


SECRET = "sk-" + "a1b2c3d4" * 5
DENIALS = {
    "not entitled": ("multiply", {"a": 2, "b": 3}, "skill_not_allowed"),
    "not there": ("no-such-skill", {}, "not_found"),
    "another agent's": ("weekly-digest", {}, "skill_not_allowed"),
    "bad input": ("add", {"a": "two", "b": 3}, "tool_input_invalid"),
    "missing input": ("add", None, "tool_input_invalid"),
    "a secret": ("doomed", {"code": "result = 1", "note": SECRET}, "secret_in_payload"),
    "a named secret": ("doomed", {"code": "result = 1", "apiKey": "x"}, "secret_in_payload"),
    "beyond I-JSON": ("add", {"a": 2**53 + 1, "b": 3}, "tool_input_invalid"),
    "a NUL": ("doomed", {"code": "a\x00b"}, "tool_input_invalid"),
    "a NUL name": ("add\x00", {"a": 1, "b": 1}, "not_found"),
}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("name", "arguments", "code"), DENIALS.values(), ids=DENIALS.keys())
async def test_a_denial_is_a_result_with_its_way_out(
    served: Served, connect: Connect, era: str, name: str, arguments: Any, code: str
) -> None:
    async with connect(mode=era) as client:
        result = await client.call_tool(name, arguments)
    assert result.is_error
    held = result.structured_content
    assert held["code"] == code
    text = result.content[0].text
    assert text.startswith(f"{code}: ")
    assert "Way out: " in text
    assert SECRET not in result.model_dump_json()
    if code == "not_found":
        assert held["remedy"]
        return
    assert (held["status"], held["ok"]) == ("denied", False)
    assert held["error"]["message"]
    assert held["error"]["details"]["remedy"]
    async with served.live() as operator:
        run = await operator.get_run(held["run_id"])
    assert (run["status"], run["code"], run["principal"]) == ("denied", code, "agent:Clerk")
    assert SECRET not in json.dumps(run)


async def test_bad_input_says_where(connect: Connect) -> None:
    async with connect() as client:
        result = await client.call_tool("add", {"a": "two", "b": 3})
    violations = result.structured_content["error"]["details"]["violations"]
    assert [item["pointer"] for item in violations] == ["/a"]
    assert "/a: " in result.content[0].text


async def test_a_failure_is_a_result(connect: Connect) -> None:
    async with connect() as client:
        result = await client.call_tool("broken", {"how": "badly"})
    assert result.is_error
    assert result.structured_content["status"] == "failed"
    assert result.structured_content["code"] == "provider_execution_failed"


@pytest.mark.parametrize("era", ERAS)
async def test_an_effect_names_its_approval_request_and_passes_once_granted(
    served: Served, connect: Connect, era: str
) -> None:
    async with connect(mode=era) as client:
        asked = await client.call_tool("sender", {"n": ERAS.index(era)})
        assert asked.is_error
        held = asked.structured_content
        assert held["code"] == "approval_required"
        request_id = held["error"]["details"]["approval_request_id"]
        assert request_id.startswith("APR-")
        assert f"Approval request: {request_id}" in asked.content[0].text
        async with served.running.http() as http:
            granted = (await http.post(f"/v1/approvals/{request_id}/grant")).json()
        meta: Any = {"io.livery/approval-id": granted["approval_id"]}
        passed = await client.call_tool("sender", {"n": ERAS.index(era)}, meta=meta)
        assert passed.structured_content["code"] == "tool_ok", passed
        again = await client.call_tool("sender", {"n": ERAS.index(era)}, meta=meta)
    assert again.structured_content["code"] == "approval_invalid"


async def test_the_same_key_runs_once(connect: Connect) -> None:
    meta: Any = {"io.livery/idempotency-key": "once"}
    async with connect() as client:
        first = await client.call_tool("add", {"a": 1, "b": 1}, meta=meta)
        second = await client.call_tool("add", {"a": 1, "b": 1}, meta=meta)
        other = await client.call_tool("add", {"a": 1, "b": 2}, meta=meta)
        broken = await client.call_tool("add", {"a": 1, "b": 2}, meta={"io.livery/approval-id": 7})
    assert first.structured_content["run_id"] == second.structured_content["run_id"]
    assert second.structured_content["from_cache"] is True
    assert other.structured_content["code"] == "idempotency_conflict"
    assert broken.structured_content["code"] == "validation_error"


async def test_a_revoked_skill_is_denied_at_the_next_call(served: Served, connect: Connect) -> None:
    async with connect() as client:
        before = await client.call_tool("doomed", {"code": "result = 7"})
        assert before.structured_content["result"] == 7
        async with served.live() as operator:
            await operator.revoke_skill("doomed", "1.0.0", "for the test")
        after = await client.call_tool("doomed", {"code": "result = 7"})
    assert after.is_error
    assert after.structured_content["code"] == "skill_revoked"


async def test_a_revoked_token_is_refused_at_the_next_call(
    served: Served, connect: Connect
) -> None:
    async with served.live() as operator:
        made = await operator.create_token(
            "agent", workspace="default", hired_agent_id=served.agents["Clerk"]
        )
        async with connect(token=made["token"]) as client:
            assert (await client.list_tools()).tools
        await operator.revoke_token(made["token_id"])
    answer = await post(served, message("tools/list"), made["token"])
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_who_is_let_in(served: Served) -> None:
    """No token, a wrong one, a wrong role: a problem document, before anything is read."""
    async with served.live() as operator:
        admin = await operator.create_token("customer_admin", workspace="default")
        auditor = await operator.create_token("auditor")
    table = [
        (None, 401, "unauthenticated"),
        ("x", 401, "unauthenticated"),
        ("lvy_" + "x" * 43, 401, "unauthenticated"),
        (served.running.token, 403, "forbidden"),
        (admin["token"], 403, "forbidden"),
        (auditor["token"], 403, "forbidden"),
    ]
    for body in (message("tools/list"), message("tools/call", name="add"), {"no": "message"}):
        for token, status, code in table:
            answer = await post(served, body, token)
            assert (answer.status_code, answer.json()["code"]) == (status, code), token
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["x-correlation-id"] == answer.json()["correlation_id"]
            assert answer.json()["remedy"]
            assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_the_correlation_id_goes_through(served: Served) -> None:
    body = message("tools/call", name="add", arguments={"a": 1, "b": 2})
    answer = await post(served, body, served.tokens["Clerk"], **{"X-Correlation-ID": "my-call-1"})
    assert answer.headers["x-correlation-id"] == "my-call-1"
    assert answer.json()["result"]["structuredContent"]["correlation_id"] == "my-call-1"


async def test_other_hosts_and_origins_are_refused(served: Served) -> None:
    """DNS rebinding: a page of elsewhere reaches this address under its own name."""
    token, body = served.tokens["Clerk"], message("tools/list")
    port = served.url.rpartition(":")[2]
    table = {
        f"127.0.0.1:{port}": 200,
        f"localhost:{port}": 200,
        "localhost": 200,
        "evil.example": 421,
        f"evil.example:{port}": 421,
        f"127.0.0.1.evil.example:{port}": 421,
        f"localhost@evil.example:{port}": 421,
    }
    for host, status in table.items():
        assert (await post(served, body, token, Host=host)).status_code == status, host
    for origin, status in {"https://evil.example": 403, f"http://localhost:{port}": 200}.items():
        assert (await post(served, body, token, Origin=origin)).status_code == status, origin


async def test_there_is_no_stream_and_no_session(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.tokens['Clerk']}", "Accept": "text/event-stream"}
    async with httpx.AsyncClient(headers=headers) as http:
        for method in ("GET", "DELETE", "PUT"):
            answer = await http.request(method, f"{served.url}/mcp")
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


HOSTILE = [
    b"",
    b"\xff\xfe",
    b"[]",
    b"null",
    b"[" * 100_000,
    b'{"jsonrpc": "2.0", "id": 1, "method": 7}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "\\ud800"}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": 1}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call",'
    b' "params": {"name": "add", "arguments": {"a": NaN, "\\udfff": 1e999}}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage"}',
    b'{"jsonrpc": "2.0", "method": "notifications/initialized"}',
]


@pytest.mark.parametrize("version", ["2026-07-28", "2025-11-25", "1999-01-01", ""])
async def test_hostile_bodies_are_answered(served: Served, version: str) -> None:
    headers = {
        "Authorization": f"Bearer {served.tokens['Clerk']}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": version,
    }
    async with httpx.AsyncClient(headers=headers) as http:
        for body in HOSTILE:
            answer = await http.post(f"{served.url}/mcp", content=body)
            assert answer.status_code < 500, body[:80]
            assert "Traceback" not in answer.text


async def test_a_huge_body_is_refused_unread(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    head = (
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {served.tokens['Clerk']}\r\nContent-Length: 9000000\r\n\r\n"
    )
    writer.write(head.encode())
    assert (await asyncio.wait_for(reader.readline(), 30)).split()[1] == b"413"
    writer.close()
