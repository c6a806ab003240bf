"""The terminal door before a running platform: commands in a thread, their requests on the platform's own loop.

livery = Terminal(running, tmp_path / "home")
found = await livery("skills", "list", "--json")
"""

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.support.platform import URL, Running
from typer.testing import CliRunner, Result

from livery.cli import build_cli
from livery.client import LiveryClient


class _Bridge(httpx.AsyncBaseTransport):
    """Carries requests from the command's event loop to the platform's."""

    def __init__(self, running: Running, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = httpx.ASGITransport(running.platform.app, raise_app_exceptions=False)
        self._loop = loop

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()

        async def there() -> httpx.Response:
            answer = await self._inner.handle_async_request(request)
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=await answer.aread()
            )

        future = asyncio.run_coroutine_threadsafe(there(), self._loop)
        return await asyncio.wrap_future(future)


@dataclass
class Terminal:
    """`livery` for one home."""

    running: Running
    home: Path

    async def __call__(self, *words: object, columns: int = 160) -> Result:
        loop = asyncio.get_running_loop()

        @asynccontextmanager
        async def open_client() -> Any:
            transport = _Bridge(self.running, loop)
            async with LiveryClient(URL, self.running.token, transport=transport) as client:
                yield client

        app = build_cli(open_client)
        env = {**os.environ, "LIVERY_HOME": str(self.home), "COLUMNS": str(columns)}
        return await asyncio.to_thread(
            CliRunner().invoke, app, [str(word) for word in words], env=env
        )
