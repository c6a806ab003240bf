"""What every route shares: correlation ids, callers, answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from livery.api.http.models import NO_NUL
from livery.api.http.services import Services
from livery.manifest.denylist import find_secret
from livery.manifest.errors import LiveryError
from livery.services.identity.access import require
from livery.services.identity.types import Principal

_CORRELATION_ID = b"x-correlation-id"
_CORRELATION = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
bearer = HTTPBearer(auto_error=False, description="A token of `livery token new`.")


class Json(Response):
    """A JSON answer, written by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode."""
        return orjson.dumps(content)


class Written(Response):
    """JSON that is encoded already: sent as it is, without the steps that make a response of a value."""

    def __init__(self, document: bytes, status_code: int = 200) -> None:
        # Not Starlette's: what it would work out for each response is known here.
        self.status_code = status_code
        self.background = None
        self.body = document
        length = str(len(document)).encode()
        self.raw_headers = [(b"content-length", length), (b"content-type", b"application/json")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": self.body})


class Correlation:
    """Takes, checks or mints X-Correlation-ID, and returns it on every answer; answers HEAD as GET without a body.

    Pure ASGI: it is on every call.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = _header(scope, _CORRELATION_ID) or b""
        # It is kept with the run, so one that is a secret is not taken either.
        fits = _CORRELATION.fullmatch(given) and find_secret(given.decode()) is None
        known = given if fits else uuid7().hex.encode()
        scope["livery_correlation_id"] = known.decode()
        head = scope["method"] == "HEAD"
        if head:
            scope["method"] = "GET"

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    pair for pair in message.get("headers", ()) if pair[0] != _CORRELATION_ID
                ]
                message["headers"] = [*headers, (_CORRELATION_ID, known)]
            elif head:
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, answer)


def _header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of this lower-case name; all of them are never decoded."""
    for known, value in scope["headers"]:
        if known == name:
            found: bytes = value
            return found
    return None


def header(request: Request, name: str) -> str | None:
    """A header of a request by its lower-case name."""
    found = _header(request.scope, name.encode())
    return found.decode("latin-1") if found is not None else None


def correlation_id(request: Request) -> str:
    """The correlation id of a request."""
    known: str = request.scope.get("livery_correlation_id", "")
    return known


def services(request: Request) -> Services:
    """The use cases."""
    found: Services = request.app.state.services
    return found


def bearer_token(request: Request) -> str | None:
    """The bearer token of a request, None where there is none."""
    scheme, _, token = (header(request, "authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def caller(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)] = None,
) -> Principal:
    """The caller behind the token; raises unauthenticated."""
    return await services(request).tokens.authenticate(bearer_token(request))


Caller = Annotated[Principal, Depends(caller)]
Served = Annotated[Services, Depends(services)]
CorrelationId = Annotated[str, Depends(correlation_id)]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A caller in one workspace, for routes that take or give its data."""

    workspace_id: UUID
    correlation_id: str


async def tenant(
    request: Request,
    caller: Caller,
    workspace: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
) -> Tenant:
    """The caller in the workspace named by slug or id; its own, or `default` for staff, where none is named."""
    require(caller, "operator", "customer_admin", "customer_member", "agent")
    workspace_id = await services(request).access.authorize(caller, workspace)
    return Tenant(workspace_id, correlation_id(request))


def uuid(value: str, what: str) -> UUID:
    """An id from a path; what is none does not exist."""
    try:
        return UUID(value)
    except ValueError:
        raise LiveryError("not_found", f"There is no {what} {value[:80]!r}.") from None


def text(value: str) -> str:
    """A name from a path. PostgreSQL holds no NUL, and nothing that has one can be found."""
    return value.replace("\x00", "\ufffd")
