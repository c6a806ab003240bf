"""A session with one MCP server, through the SDK's client: opened when it is needed, again when it broke."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult

from livery.execution.outside.dial import DialPolicy
from livery.execution.remote.http import Guarded, http
from livery.execution.remote.settings import Server
from livery.execution.remote.stdio import Wire, stdio
from livery.manifest.errors import LiveryError

OPEN_S = 15.0
LIST_S = 15.0
LIST_AGE_S = 60.0
"""A list is asked for again after this time, also where the server does not say that it changed."""
_MAX_PAGES = 50
_MAX_TOOLS = 2000


class Unreachable(LiveryError):
    """The server does not start, does not answer, or broke off before a tool was called."""

    code = "network_error"


class BrokeOff(LiveryError):
    """The server was asked to run a tool and broke off: whether it ran is not known."""

    code = "provider_execution_failed"


class ToolRefused(LiveryError):
    """The server answered that it does not run the tool."""

    code = "provider_execution_failed"


class RemoteServer:
    """One configured server. `token` is its bearer token; `cwd` an empty folder for a process."""

    def __init__(
        self,
        server: Server,
        policy: DialPolicy,
        environ: Mapping[str, str],
        cwd: str,
        token: str | None = None,
        list_age_s: float = LIST_AGE_S,
    ) -> None:
        self.server = server
        self._policy, self._environ, self._cwd, self._token = policy, environ, cwd, token
        self._list_age_s = list_age_s
        self._session: _Session | None = None
        self._opening = asyncio.Lock()
        # The SDK's log quotes what a server says; that may be anything, also a secret.
        quiet = logging.getLogger("mcp")
        quiet.addHandler(logging.NullHandler())
        quiet.propagate = False

    async def tools(self) -> Mapping[str, Mapping[str, Any]]:
        """Name -> tool as the server describes it; of this session, at most 60 s old. Raises Unreachable."""
        for again in (True, False):
            session = await self._open()
            if session.tools is not None and time.monotonic() - session.listed < self._list_age_s:
                return session.tools
            try:
                async with asyncio.timeout(LIST_S):
                    session.tools = await _listed(session.client)
            except Exception as error:
                await session.close()
                if again and not isinstance(error, TimeoutError):
                    continue  # it broke since its last call: a new session may do
                raise self._unreachable(session, error) from error
            session.listed = time.monotonic()
            return session.tools
        raise AssertionError("unreachable")

    async def call(self, tool: str, args: Mapping[str, Any], timeout_s: float) -> CallToolResult:
        """Run a tool. Raises TimeoutError, ToolRefused, BrokeOff; Unreachable where nothing was sent."""
        session = await self._open()
        try:
            calling = session.client.call_tool(
                tool, dict(args), read_timeout_seconds=timeout_s + 1, meta=None
            )
            async with asyncio.timeout(timeout_s):
                return await calling
        except MCPError as error:
            if session.over:
                raise BrokeOff(message=self._said(session, "broke off")) from error
            raise ToolRefused(message=f"{self.server.name}: {error.message[:500]}") from error
        except TimeoutError:
            raise
        except Exception as error:
            await session.close()
            raise BrokeOff(message=self._said(session, type(error).__name__)) from error

    async def close(self) -> None:
        """End the session, and the process behind it."""
        async with self._opening:
            if self._session is not None:
                await self._session.close()

    async def _open(self) -> _Session:
        async with self._opening:
            if self._session is None or self._session.over:
                if self._session is not None:
                    await self._session.close()
                session = _Session(self._connect)
                try:
                    async with asyncio.timeout(OPEN_S):
                        await session.open()
                except Exception as error:
                    await session.close()
                    raise self._unreachable(session, error) from error
                self._session = session
            return self._session

    @asynccontextmanager
    async def _connect(self, session: _Session) -> AsyncIterator[Any]:
        server = self.server
        if server.url:
            session.guarded = Guarded(self._policy)
            async with http(server.url, session.guarded, self._token) as streams:
                yield streams
            return
        env = {name: self._environ[name] for name in server.env_allow if name in self._environ}
        async with stdio(server.name, server.command, env, self._cwd, session.wire) as streams:
            yield streams

    def _unreachable(self, session: _Session, error: Exception) -> LiveryError:
        if session.guarded is not None and session.guarded.refused is not None:
            return session.guarded.refused
        if isinstance(error, FileNotFoundError | PermissionError):
            said = f"The MCP server {self.server.name} cannot be started ({type(error).__name__})."
            return LiveryError("provider_unbound", said)
        what = "did not answer in time" if isinstance(error, TimeoutError) else "does not answer"
        return Unreachable(message=self._said(session, what))

    def _said(self, session: _Session, what: str) -> str:
        fault = f": {session.wire.fault}" if session.wire.fault else ""
        return f"The MCP server {self.server.name} {what}{fault}."


class _Session:
    """One connection, entered and left in a task of its own, as the SDK's task groups demand."""

    def __init__(self, connect: Callable[[_Session], AbstractAsyncContextManager[Any]]) -> None:
        self.wire = Wire()
        self.guarded: Guarded | None = None
        self.tools: dict[str, dict[str, Any]] | None = None
        self.listed = 0.0
        self._connect = connect
        self._client: Client | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    @property
    def client(self) -> Client:
        """The SDK's client."""
        if self._client is None:
            raise RuntimeError("The session is over.")
        return self._client

    @property
    def over(self) -> bool:
        """Whether nothing can be asked here any more."""
        return self._task is None or self._task.done() or self.wire.over.is_set()

    async def open(self) -> None:
        """Connect; raises whatever stands in the way."""
        self._task = asyncio.create_task(self._hold(), name="mcp-session")
        await asyncio.shield(self._ready)

    async def close(self) -> None:
        """End it, and wait for that."""
        self.wire.over.set()
        if self._task is not None and not self._task.done():
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await asyncio.shield(self._task)
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _hold(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                transport = self._connect(self)
                client = Client(
                    transport,
                    read_timeout_seconds=OPEN_S,
                    message_handler=self._heard,
                    cache=None,
                )
                self._client = await stack.enter_async_context(client)
                self._ready.set_result(None)
                listening = asyncio.create_task(self._listen(client))
                stack.callback(listening.cancel)
                await self.wire.over.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(_first(error))
            elif isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self._client = None
            self.wire.over.set()
            if not self._ready.done():
                self._ready.set_exception(ConnectionError("it ended"))

    async def _heard(self, message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            self.tools = None

    async def _listen(self, client: Client) -> None:
        """Ask servers of the specification 2026-07-28 to say when their tools change."""
        tools = client.server_capabilities.tools
        if tools is None or not tools.list_changed:
            return
        with suppress(Exception):  # without it the list is asked for once a minute
            async with client.listen(tools_list_changed=True) as subscription:
                async for _ in subscription:
                    self.tools = None


async def _listed(client: Client) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            found[tool.name] = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
        cursor = page.next_cursor
        if cursor is None or len(found) > _MAX_TOOLS:
            break
    return found


def _first(error: BaseException) -> BaseException:
    """The first fault inside of groups of them."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if isinstance(error, asyncio.CancelledError):
        return ConnectionError("it was stopped")
    return error
