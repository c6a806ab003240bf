"""Messages of the Model Context Protocol, carried to the platform's MCP door as they are."""

import base64
from collections.abc import Mapping
from typing import Any

from livery.client.connection import Connection
from livery.client.documents import JsonObject
from livery.client.errors import ApiProblem, NotUnderstood
from livery.client.runs import RUN_TIMEOUT_S

VERSION_META = "io.modelcontextprotocol/protocolVersion"
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class McpCalls(Connection):
    """The agent's door, for what speaks MCP over something else than HTTP."""

    async def mcp(
        self,
        message: Mapping[str, Any],
        *,
        token: str | None = None,
        version: str | None = None,
    ) -> JsonObject | None:
        """Send one JSON-RPC message and return its answer; None where a notification has none.

        `token` is the agent's, where the client holds another; `version` the protocol version of a
        client that agreed on one by `initialize` (a later one says it in each message). Raises
        `ApiProblem` where the door stays closed; an error of the protocol is an answer.
        """
        headers = {"Accept": "application/json, text/event-stream", **_routing(message, version)}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        what = "POST /mcp"
        try:
            response = await self.request(
                "POST", "/mcp", json=dict(message), headers=headers, timeout=RUN_TIMEOUT_S
            )
        except ApiProblem as problem:
            if problem.document.get("jsonrpc") != "2.0":
                raise
            # The whole answer with a status beside it, as 2026-07-28 has it.
            return {k: problem.document[k] for k in ("jsonrpc", "id", "error")}
        if not response.content:
            return None
        try:
            found = response.json()
        except (ValueError, RecursionError) as bad:
            raise NotUnderstood(what, "no JSON") from bad
        if not isinstance(found, dict):
            raise NotUnderstood(what, "no JSON object")
        return found


def _routing(message: Mapping[str, Any], agreed: str | None) -> dict[str, str]:
    """The headers that streamable HTTP wants of a message (2026-07-28: they repeat its body)."""
    params = message.get("params")
    params = params if isinstance(params, dict) else {}
    meta = params.get("_meta")
    version = meta.get(VERSION_META) if isinstance(meta, dict) else None
    if not isinstance(version, str):
        return {"MCP-Protocol-Version": agreed} if agreed else {}
    method = str(message.get("method"))
    headers = {"MCP-Protocol-Version": _value(version), "Mcp-Method": _value(method)}
    name = params.get(_NAMED_BY.get(method, ""))
    if isinstance(name, str):
        headers["Mcp-Name"] = _value(name)
    return headers


def _value(text: str) -> str:
    """A text as a header's value; what is not printable ASCII travels as `=?base64?…?=`."""
    plain = text.isascii() and text.isprintable() and text == text.strip()
    if plain and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="
