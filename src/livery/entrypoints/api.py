"""The API's process: the HTTP door, the journal, the python runtime."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from granian.constants import Interfaces
from granian.server.embed import Server

from livery.entrypoints.heap import settled_heap
from livery.entrypoints.platform import Platform, no_probe, open_platform
from livery.entrypoints.portal import check_address, check_free
from livery.entrypoints.seed import seed
from livery.entrypoints.settings import Settings
from livery.services.runs.ports import Probe


async def serve(
    settings: Settings,
    dsn: str,
    *,
    host: str = "127.0.0.1",
    public_url: str | None = None,
    on_ready: Callable[[], None] | None = None,
    probe: Probe = no_probe,
) -> None:
    """Serve until SIGTERM or SIGINT; runs that are on are let finish."""
    os.umask(0o077)
    check_address(host, public_url)
    check_free(host, settings.port)
    async with open_platform(settings, dsn, kind="api", probe=probe) as platform:
        await seed(platform, settings)
        server = make_server(platform, host, settings.port)
        if on_ready is not None:
            server.on_startup(on_ready)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, server.stop)
        with settled_heap():
            await server.serve()


def make_server(platform: Platform, host: str, port: int) -> Server:
    """The server of the HTTP door."""
    return Server(
        platform.app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
        log_access=False,
    )
