"""The short way of the one route that every call takes, POST /v1/runs.

The handler, the correlation id and the answers to errors are those of the long way, which stays for the documentation
and for every other route. What is left out (FastAPI's and Starlette's layers) cost more than the run's own decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from livery.api.http.door import Correlation

Handler = Callable[[Request], Awaitable[Response]]


class ShortCutApp(FastAPI):
    """A FastAPI application whose `path` is answered by `handler` itself when it is POSTed to."""

    def __init__(self, path: str, handler: Handler, **options: Any) -> None:
        super().__init__(**options)
        self._path = path
        self._handler = handler
        self._short = Correlation(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and scope["path"] == self._path and scope["method"] == "POST":
            scope["app"] = self
            await self._short(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._handler(request)
        except Exception as error:
            response = await self._handler_of(error)(request, error)
        await response(scope, receive, send)

    def _handler_of(self, error: Exception) -> Callable[[Request, Exception], Awaitable[Response]]:
        kinds = type(error).__mro__
        found: Any = next(
            self.exception_handlers[kind] for kind in kinds if kind in self.exception_handlers
        )
        return found  # type: ignore[no-any-return]
