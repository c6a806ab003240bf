"""What an operator's portal is told by its composition root."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from livery.client.livery_client import LiveryClient
from livery.portals.ui.shield import LOOPBACK

SESSION_S = 12 * 3600
ROLES = frozenset({"operator", "approver", "author", "auditor"})
"""Who may enter. A customer and an agent have doors of their own."""


class ClientFactory(Protocol):
    """Makes the client of one request; the portal opens it with `async with`."""

    def __call__(self, token: str | None, correlation_id: str) -> LiveryClient:
        """A client that speaks with `token` and sends `correlation_id`."""
        ...


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """Settings of one portal process; nothing here has a default that is unsafe.

    `session_keys` are Fernet keys (32 bytes, url-safe base64), the newest first; every process of
    one deployment has the same. `public_url` is the origin that browsers see, where a proxy ends
    TLS; without it the request's own scheme and host count. `redeem` turns a one-time code into a
    token, once, or None. `clock` gives seconds since the epoch.
    """

    session_keys: tuple[bytes, ...] = field(repr=False)
    allowed_hosts: tuple[str, ...] = LOOPBACK
    public_url: str | None = None
    version: str = ""
    redeem: Callable[[str], Awaitable[str | None]] | None = None
    clock: Callable[[], float] = time.time
