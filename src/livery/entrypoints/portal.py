"""The portal's process: it knows the API's address and its own cookie key, and nothing else.

No database address, no skill code, no vault: `livery.portals` cannot import them.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography.fernet import Fernet
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.types import ASGIApp

from livery.client.livery_client import LiveryClient
from livery.manifest.errors import LiveryError
from livery.portals.operator.app import create_app
from livery.portals.operator.settings import PortalSettings
from livery.portals.ui.shield import LOOPBACK, hostname
from livery.private import private_folder

CODE_S = 600
"""How long a one-time sign-in link works, in seconds."""


class PortalMisconfigured(LiveryError):
    """The portal would be served in the open without TLS."""

    code = "configuration_error"


class SharedTransport(httpx.AsyncBaseTransport):
    """One pool of connections for the short-lived clients of all requests.

    A client closes its transport when it is done; this one stays open until `shut`.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send through the shared pool."""
        return await self._inner.handle_async_request(request)

    async def shut(self) -> None:
        """Close the pool."""
        await self._inner.aclose()


def build_app(
    home: Path,
    api_url: str,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    public_url: str | None = None,
    allowed_hosts: Iterable[str] = LOOPBACK,
    version: str = "",
) -> ASGIApp:
    """The operator's portal over the API at `api_url`.

    `transport` replaces the network (`httpx.ASGITransport(api)` in the all-in-one process). The
    cookie key is `home/keys/portal.key`, made at the first start; processes of one deployment share
    it. `public_url` is the origin outside, of a proxy that ends TLS; its host is allowed, as are
    `allowed_hosts`.
    """
    shared = SharedTransport(transport or httpx.AsyncHTTPTransport())

    def client(token: str | None, correlation_id: str) -> LiveryClient:
        return LiveryClient(api_url, token, transport=shared, correlation_id=correlation_id)

    async def redeem(code: str) -> str | None:
        return redeem_code(home, code)

    hosts = [*allowed_hosts]
    if public_url:
        hosts.append(hostname(urlsplit(public_url).netloc))
    settings = PortalSettings(
        session_keys=(session_key(home),),
        allowed_hosts=tuple(hosts),
        public_url=public_url,
        version=version,
        redeem=redeem,
    )
    return create_app(client, settings)


async def serve(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 8701,
    public_url: str | None = None,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, as a process of its own."""
    check_address(host, public_url)
    check_free(host, port)
    server = make_server(app, host, port)
    if on_ready:
        server.on_startup(on_ready)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, server.stop)
    await server.serve()


def make_server(app: ASGIApp, host: str, port: int) -> Server:
    """The server of a portal, for a process that runs several: `serve()` it, `stop()` it."""
    return Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
        log_access=False,
    )


def check_address(host: str, public_url: str | None) -> None:
    """Raise `PortalMisconfigured` for an address beyond loopback without TLS in front of it."""
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    if not (public_url or "").startswith("https://"):
        raise PortalMisconfigured(
            message=f"This would answer on {host} without TLS.",
            remedy="Serve it on 127.0.0.1, or name the https address of the proxy in front of it.",
        )


def check_free(host: str, port: int) -> None:
    """Raise `PortalMisconfigured` where something listens already.

    The server shares its port on purpose (`SO_REUSEPORT`), so that a second one would start, and
    half of the requests would go to it.
    """
    try:
        with socket.create_server((host, port), family=_family(host)):
            pass
    except OSError as taken:
        raise PortalMisconfigured(
            message=f"Cannot listen on {host}, port {port}: {taken.strerror}.",
            remedy="Choose another port, or stop what listens there.",
        ) from taken


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def session_key(home: Path) -> bytes:
    """The key of the session cookies, made once: `home/keys/portal.key`, readable by us only."""
    path = home / "keys" / "portal.key"
    private_folder(path.parent)
    made = path.with_name(f".portal.key.{secrets.token_hex(8)}")
    if not path.exists():
        _write(made, Fernet.generate_key())
        with suppress(FileExistsError):  # another process was first: its key counts
            os.link(made, path)
        made.unlink()
    return path.read_bytes().strip()


def mint_code(home: Path, token: str) -> str:
    """A code that signs a browser in with `token`, once, within `CODE_S` seconds.

    `sign_in_url` makes the address. Only the code's hash is a name on disk.
    """
    code = secrets.token_urlsafe(32)
    folder = home / "run" / "sign-in"
    private_folder(folder)
    body = json.dumps({"token": token, "until": time.time() + CODE_S})
    _write(folder / _name(code), body.encode())
    return code


def sign_in_url(home: Path, portal_url: str, token: str) -> str:
    """An address of the portal that signs a browser in with `token`, once, within `CODE_S` seconds."""
    return f"{portal_url}/sign-in?code={mint_code(home, token)}"


def redeem_code(home: Path, code: str) -> str | None:
    """The token behind a code, the first time it is asked for and in time; else None."""
    folder = home / "run" / "sign-in"
    claimed = folder / f".{secrets.token_hex(8)}"
    try:
        (folder / _name(code)).rename(claimed)  # one of two askers gets it
    except FileNotFoundError:
        return None
    try:
        found = json.loads(claimed.read_bytes())
    finally:
        claimed.unlink()
    return str(found["token"]) if found["until"] > time.time() else None


def _name(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _write(path: Path, body: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(body)
