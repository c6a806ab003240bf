"""The outermost layer of every portal: which hosts, which headers in, which headers out."""

import re
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
CORRELATION = "X-Correlation-ID"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For what a skill made (a chart, a download): it may look like something, it may do nothing."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: under it a browser sends `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
# Headers that only a server of ours may set; a browser's are dropped before anything reads them.
_SERVER_ONLY = re.compile(
    rb"x-metering-.*|x-livery-.*|x-forwarded-.*|forwarded|x-real-ip|x-remote-user|remote-user"
    rb"|authorization",
    re.IGNORECASE,
)
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class Shield:
    """ASGI middleware that wraps a whole portal, its error pages included.

    Refuses a request whose `Host` is not allowed (400: DNS rebinding), drops headers that only a
    server may set, keeps or mints the correlation id, and sets the security headers that a page
    did not set more strictly itself.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str] = LOOPBACK) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope)
        correlation_id = given.get(CORRELATION, "")
        if not _CORRELATION_ID.match(correlation_id):
            correlation_id = f"c-{secrets.token_hex(8)}"
        clean = [(k, v) for k, v in scope["headers"] if not _SERVER_ONLY.fullmatch(k)]
        scope = {**scope, "headers": clean, "state": dict(scope.get("state") or {})}
        scope["state"]["correlation_id"] = correlation_id

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/static/"):  # the same for everybody, with an ETag
                    headers["Cache-Control"] = "no-cache"
                headers[CORRELATION] = correlation_id
            await send(message)

        if hostname(given.get("host", "")) not in self._hosts:
            refusal = PlainTextResponse("This portal is not served under that name.\n", 400)
            await refusal(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)


def hostname(host: str) -> str:
    """The name in a `Host` header, without its port: `[::1]:8701` is `[::1]`."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()
