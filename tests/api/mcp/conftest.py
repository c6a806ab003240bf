"""A platform with two hired agents behind a real HTTP server, and the SDK's own client."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package

from livery.client import LiveryClient
from livery.entrypoints.api import make_server
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.hiring.types import AgentType

CLERK = AgentType(
    "tests.clerk",
    1,
    "Clerk",
    "For tests.",
    ("add", "doomed", "sender", "broken", "sleeper"),
    "published",
)
IDLER = AgentType("tests.idler", 1, "Idler", "For tests.", ("multiply",), "published")
SENDER = """
from livery.authoring import Context, skill

@skill("sender", version="1.0.0", description="Send.")
def run(ctx: Context, n: int = 0) -> int:
    return 1
"""
BROKEN = """
from livery.authoring import Context, skill

@skill("broken", version="1.0.0", description="Break, if asked.")
def run(ctx: Context, how: str = "") -> int:
    return 1 // len(how[:0]) if how else 1
"""
SLEEPER = """
import time
from livery.authoring import Context, skill

@skill("sleeper", version="1.0.0", description="Sleep.")
def run(ctx: Context, s: float = 0) -> int:
    time.sleep(s)
    return 1
"""
ONE = {"name": "one", "input": {}, "output": 1}


@dataclass(frozen=True, slots=True)
class Served:
    """The platform at an address; `agents` and `tokens` by agent name."""

    running: Running
    url: str
    agents: dict[str, str]
    tokens: dict[str, str]

    def live(self) -> LiveryClient:
        """The operator's client, over the network."""
        return LiveryClient(self.url, self.running.token)


Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="module")
async def served(new_platform: NewPlatform) -> AsyncIterator[Served]:
    async with new_platform() as running:
        await certified(running, package("doomed"))
        await certified(running, package("broken", BROKEN, fixtures=(ONE,)))
        await certified(running, package("sleeper", SLEEPER, fixtures=(ONE,)))
        sends = {"effects": ["send"]}
        await certified(running, package("sender", SENDER, capabilities=sends, fixtures=(ONE,)))
        agents, tokens = {}, {}
        async with running.client() as operator:
            for kind in (CLERK, IDLER):
                entry = Entry("agent_type.published", PLATFORM, kind.ref, {})
                await running.platform.hiring.add_type(kind, entry)
                hired = await operator.hire(kind.ref, "default", kind.name)
                agents[kind.name] = hired["hired_agent_id"]
                made = await operator.create_token(
                    "agent",
                    workspace="default",
                    hired_agent_id=hired["hired_agent_id"],
                    name=kind.name,
                )
                tokens[kind.name] = made["token"]
        async with _server(running) as url:
            yield Served(running, url, agents, tokens)


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


@pytest.fixture
def connect(served: Served) -> Connect:
    @asynccontextmanager
    async def connected(
        agent: str = "Clerk", *, token: str | None = None, mode: str = "auto", **headers: str
    ) -> AsyncIterator[Client]:
        known = served.tokens[agent] if token is None else token
        sent: dict[str, Any] = {"Authorization": f"Bearer {known}", **headers}
        async with httpx2.AsyncClient(headers=sent, timeout=30) as http:
            transport = streamable_http_client(f"{served.url}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client

    return connected
