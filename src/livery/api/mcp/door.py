"""`/mcp`: streamable HTTP for one hired agent, whom its bearer token names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from livery.api.http.door import bearer_token
from livery.api.http.services import Services
from livery.api.mcp.errors import McpMissing
from livery.api.mcp.tools import PRINCIPAL, Tools
from livery.services.identity.access import require

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
PATH = "/mcp"


class McpDoor:
    """An ASGI application. Refuses by LiveryError, which the application around it answers.

    The SDK is an extra (`livery[mcp]`) and slow to import: it is loaded by the first request, and
    where it is missing that request says so. `hosts` are the names under which this door may be
    addressed; at `portal_url` people decide approvals. `stop` ends it.
    """

    def __init__(
        self, services: Services, hosts: Iterable[str] = LOOPBACK, *, portal_url: str = ""
    ) -> None:
        self._services = services
        self._hosts = tuple(hosts)
        self._tools = Tools(services, portal_url)
        self._starting = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._app: ASGIApp | None = None

    def route(self) -> Route:
        """The route to mount."""
        return Route(PATH, self, include_in_schema=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request: 401 without a good token, 403 for any role but agent."""
        request = Request(scope, receive)
        principal = await self._services.tokens.authenticate(bearer_token(request))
        require(principal, "agent")
        if request.method != "POST":
            # Stateless: there is no stream to open and no session to end.
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        app = self._app or await self._start()
        scope[PRINCIPAL] = principal
        await app(scope, receive, send)

    async def stop(self) -> None:
        """Let the runs end, then close."""
        await self._tools.settled()
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _start(self) -> ASGIApp:
        async with self._starting:
            if self._app is None:
                server = await asyncio.to_thread(_load)
                manager = server.make_manager(self._tools, self._services.version, self._hosts)
                ready = asyncio.Event()
                # Entered and left in a task of its own, as its task group demands.
                self._task = asyncio.create_task(self._hold(manager, ready), name="mcp")
                self._task.add_done_callback(lambda _: ready.set())
                await ready.wait()
                if self._task.done():
                    await self._task
                self._app = manager.asgi_app
        return self._app

    async def _hold(self, manager: Any, ready: asyncio.Event) -> None:
        async with manager.run():
            ready.set()
            await self._stopping.wait()


def _load() -> Any:
    try:
        return import_module("livery.api.mcp.server")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("mcp", "mcp_types"):
            raise McpMissing from None
        raise
