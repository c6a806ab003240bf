"""The platform that the benchmarks run on: opened as the API's process opens it, with everything switched on."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from livery.entrypoints.databases import open_databases
from livery.entrypoints.heap import settled_heap
from livery.entrypoints.platform import Platform, open_platform
from livery.entrypoints.seed import operator_token, seed
from livery.entrypoints.settings import Settings
from livery.integrations.postgres.urls import DatabaseUrls
from livery.integrations.telemetry.logs import configure
from livery.kernel.policy import DEFAULT_POLICIES, PolicySet
from livery.services.identity.types import Principal
from livery.services.runs.types import Call

WORKSPACES = 10
POLICIES = 10
CAP = 10**15  # micro-USD: no run of a benchmark is refused for its cost


class Dropped(SpanExporter):
    """Counts spans; a collector elsewhere would take them from here."""

    def __init__(self) -> None:
        self.spans = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Count."""
        self.spans += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is held."""


def policies(count: int) -> str:
    """The default policies and, up to `count`, others that each look at every request."""
    known = DEFAULT_POLICIES.count("@id(")
    more = (
        f'@id("not-{i}")\nforbid (principal, action == Action::"execute", resource)\n'
        f'when {{ resource.owner == "nobody-{i}" && context.estimate_usd_micros > {i} }};\n'
        for i in range(max(0, count - known))
    )
    return DEFAULT_POLICIES + "\n".join(more)


@dataclass(frozen=True, slots=True)
class House:
    """A running platform with its operator and ten workspaces."""

    platform: Platform
    settings: Settings
    urls: DatabaseUrls
    token: str
    operator: Principal
    workspaces: tuple[str, ...]
    spans: Dropped

    def call(self, number: int, key: str) -> Call:
        """The call that is measured: `add`, in one of the workspaces in turn."""
        return Call(
            self.operator,
            "add",
            {"a": number, "b": 1},
            workspace=self.workspaces[number % len(self.workspaces)],
            idempotency_key=key,
            correlation_id=f"bench-{number}",
        )

    async def server(self) -> dict[str, str]:
        """The settings of the server that decide what an answer is worth."""
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        async with session(self.urls.api) as connection:
            return {name: await connection.fetchval(f"show {name}") for name in names}


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Any]:
    """A connection, closed at the end."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    """Start PostgreSQL and the platform in `folder`, with spans, metrics and JSON logs on."""
    os.umask(0o077)
    settings = Settings.read({"LIVERY_HOME": str(folder)})
    settings.prepare()
    configure("INFO", settings.logs_dir / "api.log", linger_s=0.05)
    async with open_databases(settings) as urls, open_platform(settings, urls.api) as platform:
        spans = Dropped()
        platform.tracing.add_span_processor(BatchSpanProcessor(spans))
        await platform.policies.ensure(PolicySet.parse(policies(POLICIES)), "bench")
        await seed(platform, settings)
        token = await operator_token(platform, settings)
        operator = await platform.services.tokens.authenticate(token)
        slugs = tuple(f"bench-{i}" for i in range(WORKSPACES))
        for slug in slugs:
            await platform.services.workspaces.create(operator, slug, slug=slug, cap=CAP)
        with settled_heap():
            yield House(platform, settings, urls, token, operator, slugs, spans)
        platform.tracing.shutdown()
