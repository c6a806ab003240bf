"""Streamable HTTP to an MCP server: checked addresses, no proxies, bounded answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from livery.execution.outside.dial import DialPolicy, TargetRefused
from livery.manifest.errors import LiveryError

MAX_ANSWER = 10 * 1024 * 1024


class Guarded(httpx2.AsyncBaseTransport):
    """Resolves once a request, checks every address and connects to that one; `refused` is what was not let out."""

    def __init__(self, policy: DialPolicy) -> None:
        self.refused: LiveryError | None = None
        self._policy = policy
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it to a checked address, under its own name."""
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            addresses = await asyncio.to_thread(self._policy.addresses, host, port)
        except LiveryError as error:
            self.refused = error if isinstance(error, TargetRefused) else self.refused
            raise httpx2.ConnectError(error.message, request=request) from error
        dialled = httpx2.Request(
            request.method,
            request.url.copy_with(host=addresses[0]),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        answer = await self._inner.handle_async_request(dialled)
        return httpx2.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_Bounded(answer.stream),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MAX_ANSWER:
                raise httpx2.ReadError(f"the answer has more than {MAX_ANSWER} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def http(url: str, guarded: Guarded, token: str | None) -> AsyncIterator[Any]:
    """The streams of one connection; `token` is sent as bearer token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client = httpx2.AsyncClient(
        transport=guarded,
        trust_env=False,
        headers=headers,
        timeout=httpx2.Timeout(30.0, read=300.0),
    )
    async with client, streamable_http_client(url, http_client=client) as streams:
        yield streams
