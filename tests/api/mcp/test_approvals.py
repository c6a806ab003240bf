"""A call that a person must allow: the client is sent to the portal, and the same call goes on."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult, InputRequiredResult
from tests.api.mcp.conftest import Served
from tests.api.mcp.test_stdio import remote, server

from livery.api.mcp import approvals as waiting
from livery.entrypoints.portal import build_app

PORTAL = "http://127.0.0.1:8701"
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@asynccontextmanager
async def browser(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the operator's portal, signed in."""
    home = served.running.settings.home
    portal = build_app(home, served.url)
    transport = httpx.ASGITransport(app=portal, raise_app_exceptions=False)
    origin = {"origin": PORTAL}
    async with httpx.AsyncClient(transport=transport, base_url=PORTAL, headers=origin) as visitor:
        form = (await visitor.get("/sign-in")).text
        entered = await visitor.post(
            "/sign-in", data={"csrf": _csrf(form), "token": served.running.token, "next": "/"}
        )
        assert entered.status_code == 303
        yield visitor


def _csrf(page: str) -> str:
    found = CSRF.search(page)
    assert found, page
    return found[1]


async def decide(served: Served, url: str, decision: str) -> str:
    """Open the page that the client was sent to, and decide there."""
    assert url.startswith(f"{PORTAL}/approvals/APR-")
    path = urlsplit(url).path
    async with browser(served) as person:
        page = (await person.get(path)).text
        assert "sender" in page
        done = await person.post(
            path, data={"csrf": _csrf(page), "decision": decision, "reason": "not today"}
        )
        assert done.status_code == 303, done.text
        return (await person.get(path)).text


@asynccontextmanager
async def client(served: Served, person: Callable[[str], Any] | None) -> AsyncIterator[Client]:
    """An MCP client whose person opens URLs, or one that cannot be asked."""

    async def asked(context: Any, params: Any) -> ElicitResult:
        assert params.mode == "url"
        assert person is not None
        return ElicitResult(action=await person(params.url))

    sent = {"Authorization": f"Bearer {served.tokens['Clerk']}"}
    async with httpx2.AsyncClient(headers=sent, timeout=60) as http:
        transport = streamable_http_client(f"{served.url}/mcp", http_client=http)
        callback = {"elicitation_callback": asked} if person else {}
        async with Client(transport, **callback) as connected:
            yield connected


async def test_allowed_at_the_portal_the_same_call_goes_on(served: Served) -> None:
    seen: list[str] = []

    async def person(url: str) -> str:
        seen.append(await decide(served, url, "run_once"))
        return "accept"

    async with client(served, person) as connected:
        result = await connected.call_tool("sender", {"n": 101})
        assert not result.is_error, result
        assert result.structured_content["approval_id"].startswith("APR-")
        assert len(seen) == 1
        again = await connected.session.call_tool("sender", {"n": 101}, allow_input_required=True)
    assert isinstance(again, InputRequiredResult)  # it was for one call
    assert again.request_state != result.structured_content["approval_id"]


async def test_denied_or_not_looked_at(served: Served) -> None:
    async def denies(url: str) -> str:
        await decide(served, url, "deny")
        return "accept"

    async def declines(_url: str) -> str:
        return "decline"

    async with client(served, denies) as connected:
        result = await connected.call_tool("sender", {"n": 102})
    assert result.structured_content["code"] == "approval_denied"
    assert "not today" in result.content[0].text
    async with client(served, declines) as connected:
        result = await connected.call_tool("sender", {"n": 103})
    assert result.structured_content["code"] == "approval_required"


async def test_undecided_the_client_is_asked_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WAIT_S", 0.3)
    opened: list[str] = []

    async def person(url: str) -> str:
        opened.append(url)
        if len(opened) == 3:
            await decide(served, url, "run_once")
        return "accept"

    async with client(served, person) as connected:
        result = await connected.call_tool("sender", {"n": 104})
    assert not result.is_error
    assert len(set(opened)) == 1
    assert len(opened) == 3


async def test_a_state_that_was_made_up_leads_nowhere(served: Served) -> None:
    async def person(url: str) -> str:
        await decide(served, url, "run_once")
        return "accept"

    async with client(served, person) as connected:
        asked = await connected.session.call_tool("sender", {"n": 105}, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        params = asked.input_requests["approval"].params
        await decide(served, params.url, "run_once")
        other = await connected.session.call_tool(
            "sender", {"n": 106}, request_state=asked.request_state, allow_input_required=True
        )
        assert other.structured_content["code"] == "approval_invalid"  # of other arguments
        none = await connected.session.call_tool(
            "sender", {"n": 106}, request_state="APR-none", allow_input_required=True
        )
        assert none.structured_content["code"] == "not_found"
        passed = await connected.session.call_tool(
            "sender", {"n": 105}, request_state=asked.request_state, allow_input_required=True
        )
    assert passed.structured_content["code"] == "tool_ok"


async def test_who_cannot_be_asked_is_told_where(served: Served) -> None:
    async with client(served, None) as connected:
        result = await connected.call_tool("sender", {"n": 107})
    assert result.is_error
    details = result.structured_content["error"]["details"]
    assert details["approval_url"] == f"{PORTAL}/approvals/{details['approval_request_id']}"
    assert details["approval_url"] in result.content[0].text


async def test_over_stdio(served: Served, tmp_path: Path) -> None:
    async def asked(context: Any, params: Any) -> ElicitResult:
        await decide(served, params.url, "run_once")
        return ElicitResult(action="accept")

    parameters: StdioServerParameters = server(remote(served, tmp_path), "Clerk")
    async with asyncio.timeout(120):
        async with Client(
            parameters, read_timeout_seconds=60, elicitation_callback=asked
        ) as connected:
            result = await connected.call_tool("sender", {"n": 108})
    assert not result.is_error, result
    assert result.structured_content["result"] == 1
