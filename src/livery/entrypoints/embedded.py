"""A platform inside this process, for one command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from livery.client import LiveryClient
from livery.entrypoints.databases import open_databases, prepare
from livery.entrypoints.platform import open_platform
from livery.entrypoints.seed import operator_token, seed
from livery.entrypoints.settings import Settings
from livery.integrations.telemetry.logs import configure

EMBEDDED_URL = "http://livery.embedded"


@asynccontextmanager
async def embedded_client(
    settings: Settings, token: str | None = None
) -> AsyncIterator[LiveryClient]:
    """Start the platform in this process, and leave nothing running behind."""
    prepare(settings)
    configure(settings.log_level, settings.logs_dir / "embedded.log")
    async with (
        open_databases(settings) as urls,
        open_platform(settings, urls.api, kind="cli") as platform,
    ):
        await seed(platform, settings)
        known = token or await operator_token(platform, settings)
        transport = httpx.ASGITransport(app=platform.app, raise_app_exceptions=False)
        async with LiveryClient(EMBEDDED_URL, known, transport=transport) as client:
            yield client
