"""The MCP server of the SDK over our tools. Imported when the first request comes, not before."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request

from livery.api.http.bodies import MAX_BODY
from livery.api.http.door import correlation_id
from livery.api.mcp.approvals import Asked
from livery.api.mcp.shape import APPROVAL
from livery.api.mcp.tools import PRINCIPAL, Tools

INSTRUCTIONS = (
    "The tools are certified skills that this agent is entitled to; each call is decided by policy "
    "and recorded. A result with isError names a code, a reason and the way out: do that, or tell "
    "the person you work for; repeating the same call does not help."
)


def make_manager(tools: Tools, version: str, hosts: Iterable[str]) -> StreamableHTTPSessionManager:
    """Streamable HTTP, stateless: nothing is kept between two requests. `hosts` are those that a
    request may name, with any port (DNS rebinding)."""
    # The SDK's log quotes what it could not read; that may be anything, also a secret.
    quiet = logging.getLogger("mcp")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    return StreamableHTTPSessionManager(
        make_server(tools, version),
        json_response=True,
        stateless=True,
        security_settings=TransportSecuritySettings(
            allowed_hosts=[name for host in hosts for name in (host, f"{host}:*")],
            allowed_origins=[
                name for host in hosts for name in (f"http://{host}", f"http://{host}:*")
            ],
        ),
        max_request_body_size=MAX_BODY,
    )


def make_server(tools: Tools, version: str) -> Server[dict[str, Any]]:
    """`tools/list` and `tools/call` for the agent of each request."""

    async def list_tools(
        ctx: ServerRequestContext[dict[str, Any], Any],
        params: PaginatedRequestParams | None,  # noqa: ARG001 - one page holds them all
    ) -> ListToolsResult:
        found = await tools.list(_request(ctx).scope[PRINCIPAL])
        return ListToolsResult(tools=[Tool.model_validate(item) for item in found])

    async def call_tool(
        ctx: ServerRequestContext[dict[str, Any], Any], params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        request = _request(ctx)
        answer = await tools.call(
            request.scope[PRINCIPAL],
            params.name,
            params.arguments,
            dict(ctx.meta or {}),
            correlation_id(request),
            Asked(_opens_urls(ctx), params.request_state, _action(params)),
        )
        if answer.get("resultType") == "input_required":
            return InputRequiredResult.model_validate(answer)
        return CallToolResult.model_validate(answer)

    server = Server(
        "livery",
        version=version,
        title="Livery",
        instructions=INSTRUCTIONS,
        # Our schemas name no Mcp-Param-* headers; without this every call would list all tools.
        get_tool_input_schema=lambda _: None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    server.middleware.clear()  # the runner makes the spans
    return server


def _opens_urls(ctx: ServerRequestContext[dict[str, Any], Any]) -> bool:
    """Whether this client may be asked to open a URL: it says so with each request (2026-07-28)."""
    have = ctx.session.client_capabilities
    elicitation = have.elicitation if have is not None else None
    modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
    return modern and elicitation is not None and elicitation.url is not None


def _action(params: CallToolRequestParams) -> str | None:
    """What the person did when asked: accept, decline or cancel."""
    given = (params.input_responses or {}).get(APPROVAL)
    return given.action if isinstance(given, ElicitResult) else None


def _request(ctx: ServerRequestContext[dict[str, Any], Any]) -> Request:
    assert isinstance(ctx.request, Request)  # the HTTP transport puts it there
    return ctx.request
