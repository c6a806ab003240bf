"""Without the extra the platform works, and the door says what is missing."""

import sys

import httpx
import pytest
from fastapi import FastAPI
from tests.api.mcp.conftest import Served

from livery.api.http.problems import install_errors
from livery.api.mcp.door import McpDoor


async def test_the_sdk_is_missing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "livery.api.mcp.server", raising=False)
    monkeypatch.setitem(sys.modules, "mcp.server.context", None)
    app = FastAPI()
    install_errors(app)
    door = McpDoor(served.running.platform.services)
    app.router.routes.append(door.route())
    headers = {"Authorization": f"Bearer {served.tokens['Clerk']}"}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.post("/mcp", json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (500, "configuration_error")
        assert "pip install 'livery[mcp]'" in answer.json()["remedy"]
        monkeypatch.undo()  # installed meanwhile: the next request finds it
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        headers["Accept"] = "application/json, text/event-stream"
        assert (await http.post("/mcp", json=ping, headers=headers)).json()["result"] == {}
    await door.stop()
