"""One connection to the platform: the only place where HTTP is spoken."""

import ipaddress
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from livery.client.documents import JsonObject
from livery.client.errors import ApiProblem, NotUnderstood, TooSlow, Unreachable
from livery.manifest.errors import LiveryError

DEFAULT_TIMEOUT_S = 30.0
PAGE_SIZE = 100


def segment(value: str) -> str:
    """`value` as one segment of a path: it can never climb out of it.

    Raises `LiveryError` (`validation_error`) for an empty value, `.` and `..`, which no quoting
    keeps apart from a step upwards.
    """
    if value in {"", ".", ".."}:
        raise LiveryError("validation_error", f"{value!r} names nothing.")
    return quote(value, safe="")


def is_loopback(base_url: str) -> bool:
    """Whether the address is this machine: then no proxy of the environment is asked."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Connection:
    """An authenticated HTTP connection; use it as an async context manager.

    `transport` replaces the network (`httpx.ASGITransport` for an embedded platform). `timeout` is
    in seconds. `correlation_id` is sent with every request; without it the server mints one each.
    The token is held in memory only and appears in no text of this object.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
        correlation_id: str | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if correlation_id:
            headers["X-Correlation-ID"] = correlation_id
        try:
            self._http = httpx.AsyncClient(
                base_url=self.base_url,
                headers=headers,
                transport=transport,
                timeout=timeout,
                trust_env=transport is None and not is_loopback(self.base_url),
            )
        except (httpx.InvalidURL, UnicodeEncodeError) as bad:
            raise Unreachable(self.base_url, "this is not an address or a token") from bad

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.__aexit__(kind, error, traceback)

    async def request(
        self, method: str, path: str, /, *, timeout: float | None = None, **body: Any
    ) -> httpx.Response:
        """Send one request and return the answer, whole.

        `path` begins with `/v1/`; `body` is what httpx takes (`json`, `params`, `content`, `files`,
        `headers`). Members of `params` that are None are left out. Raises `ApiProblem` (or
        `RunDenied`) for a status that is no success, `Unreachable`, `TooSlow`.
        """
        seconds = self.timeout if timeout is None else timeout
        body["params"] = _given(body.get("params"))
        try:
            response = await self._http.request(method, path, timeout=seconds, **body)
        except (httpx.HTTPError, httpx.InvalidURL) as failed:
            raise self._explain(failed, f"{method} {path}", seconds) from failed
        if not response.is_success:
            raise ApiProblem.from_response(response)
        return response

    async def json(
        self, method: str, path: str, *, timeout: float | None = None, **body: Any
    ) -> Any:
        """`request`, and the JSON object of its answer; raises `NotUnderstood` where it is none."""
        response = await self.request(method, path, timeout=timeout, **body)
        try:
            found = response.json()
        except (ValueError, RecursionError) as bad:
            raise NotUnderstood(f"{method} {path}", "no JSON") from bad
        if not isinstance(found, dict):
            raise NotUnderstood(f"{method} {path}", "no JSON object")
        return found

    async def items(self, path: str, **params: object) -> list[Any]:
        """The `items` of one page."""
        return _items(path, await self.json("GET", path, params=params))

    async def pages(
        self, path: str, *, limit: int | None = None, **params: object
    ) -> AsyncIterator[Any]:
        """Every item of a paginated list, page by page, `limit` at most (None: all of them)."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            size = PAGE_SIZE if left is None else min(PAGE_SIZE, left)
            page: JsonObject = await self.json(
                "GET", path, params={**params, "limit": size, "cursor": cursor}
            )
            items = _items(path, page)
            for item in items[:left]:
                yield item
            left = None if left is None else left - len(items)
            following = page.get("next_cursor")
            if not following or following == cursor:
                return
            cursor = str(following)

    async def stream(self, path: str, **params: object) -> AsyncIterator[bytes]:
        """The bytes of an answer as they come, for what may be larger than memory."""
        try:
            async with self._http.stream(
                "GET", path, params=_given(params), timeout=self.timeout
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise ApiProblem.from_response(response)
                async for chunk in response.aiter_bytes():
                    yield chunk
        except httpx.HTTPError as failed:
            raise self._explain(failed, f"GET {path}", self.timeout) from failed

    def _explain(self, failed: Exception, what: str, seconds: float | None) -> LiveryError:
        if isinstance(failed, httpx.ConnectTimeout):
            return Unreachable(self.base_url, "no connection in time")
        if isinstance(failed, httpx.TimeoutException):
            return TooSlow(what, seconds)
        if isinstance(failed, httpx.DecodingError):
            return NotUnderstood(what, "a broken encoding")
        return Unreachable(self.base_url, str(failed) or type(failed).__name__)


def _given(params: Mapping[str, object] | None) -> dict[str, Any]:
    return {k: v for k, v in (params or {}).items() if v is not None}


def _items(path: str, page: JsonObject) -> list[Any]:
    items = page.get("items")
    if not isinstance(items, list):
        raise NotUnderstood(f"GET {path}", "no items")
    return items
