"""What every page of the portal begins and ends with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from livery.client.livery_client import LiveryClient
from livery.portals.operator.session import Session, Sessions, same
from livery.portals.operator.settings import ClientFactory, PortalSettings
from livery.portals.ui.chart import Charts

MAX_FORM = 16 * 1024
_OPEN = ("/sign-in", "/static/", "/healthz")
NAV = (
    ("Trade", (("Skills", "/skills"), ("Approvals", "/approvals"))),
    ("Evidence", (("Weekly digest", "/digest"), ("Runs", "/runs"), ("Health", "/health"))),
)


@dataclass(frozen=True, slots=True)
class Door:
    """The parts that the pages share; one for each process, in `app.state.door`."""

    client_factory: ClientFactory
    settings: PortalSettings
    sessions: Sessions
    templates: Environment
    charts: Charts

    @staticmethod
    def of(request: Request) -> "Door":
        """The door that a request came through."""
        door: Door = request.app.state.door
        return door

    def client(self, request: Request, token: str | None = None) -> LiveryClient:
        """The API as the person who is signed in (or as `token`)."""
        session = session_of(request)
        spoken = token if token is not None else (session.token if session else None)
        return self.client_factory(spoken, correlation_id(request))

    def page(
        self, request: Request, template: str, status: int = 200, **found: Any
    ) -> HTMLResponse:
        """Render a page of the portal; `found` is what the template names."""
        session = session_of(request)
        shared = {
            "session": session,
            "csrf": session.csrf if session else "",
            "path": request.url.path,
            "nav": NAV,
            "version": self.settings.version,
            "correlation_id": correlation_id(request),
        }
        body = self.templates.get_template(template).render({**shared, **found})
        return HTMLResponse(body, status)


class Gate:
    """ASGI middleware: without a session, every page but the open ones is the sign-in page."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        session = self._sessions.read(request)
        request.state.session = session
        if session is None and not request.url.path.startswith(_OPEN):
            await to_sign_in(request)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def session_of(request: Request) -> Session | None:
    """Who is signed in."""
    session: Session | None = getattr(request.state, "session", None)
    return session


def correlation_id(request: Request) -> str:
    """The id under which this request is found in every record."""
    return str(getattr(request.state, "correlation_id", ""))


def to_sign_in(request: Request, reason: str = "") -> Response:
    """Send a browser to the sign-in page, and from there back."""
    query = {"reason": reason} if reason else {}
    if is_htmx(request):  # a redirect would be followed inside the page: the browser must go
        return Response(headers={"HX-Redirect": _sign_in(query)})
    if request.method == "GET" and request.url.path != "/":
        asked = request.url
        query["next"] = f"{asked.path}?{asked.query}" if asked.query else asked.path
    return RedirectResponse(_sign_in(query), 303)


def is_htmx(request: Request) -> bool:
    """Whether a part of a page is wanted, not a page."""
    asked = request.headers
    return asked.get("hx-request") == "true" and "hx-history-restore-request" not in asked


async def checked_form(request: Request) -> FormData:
    """The form of a POST that our own page sent; raises 403 or 413 for any other.

    Two independent proofs: the `Origin` of the browser and a token bound to the session.
    """
    sessions = Door.of(request).sessions
    origin = request.headers.get("origin")
    from_us = (
        origin.lower() == sessions.origin(request)
        if origin is not None
        else request.headers.get("sec-fetch-site") == "same-origin"
    )
    if not from_us:
        raise HTTPException(403, "This form was sent from another site.")
    size = request.headers.get("content-length", "")
    if not size.isdigit() or int(size) > MAX_FORM:
        raise HTTPException(413, "This form is too large.")
    form = await request.form(max_files=0, max_fields=20)
    if not same(form.get("csrf"), sessions.expected_csrf(request)):
        raise HTTPException(403, "This form is out of date. Open the page again and repeat.")
    return form


def local_path(value: object) -> str:
    """`value` where it is a path of this portal, else `/`: a sign-in never leads elsewhere."""
    path = value if isinstance(value, str) else ""
    printable = path.isprintable() and "\\" not in path
    return path if printable and path.startswith("/") and not path.startswith("//") else "/"


def _sign_in(query: Mapping[str, str]) -> str:
    return f"/sign-in?{urlencode(query)}" if query else "/sign-in"
