"""Dialling out: a name is resolved once, every address of it is checked, and one of those is connected to.

What is checked is what is connected to, so that a name whose address changes in between (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from livery.manifest.addresses import is_allowed, not_public, plain_host, plain_target, refused
from livery.manifest.errors import LiveryError

Address = str
Resolve = Callable[[str, int], Sequence[Address]]


class TargetRefused(LiveryError):
    """The target is private, or no target at all; nothing was sent."""

    code = "provider_policy_denied"


class TargetUnreachable(LiveryError):
    """The name does not resolve, or nobody answers; nothing was sent."""

    code = "network_error"


def system_resolve(host: str, port: int) -> list[Address]:
    """The addresses of a name as this machine resolves it, in its order."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TargetUnreachable(message=f"{host} does not resolve.") from error
    return list(dict.fromkeys(str(item[4][0]) for item in found))


@dataclass(frozen=True, slots=True)
class DialPolicy:
    """Which addresses may be connected to.

    `private` holds `host:port` (or `host` for every port) that the operator allows although they are private:
    the setting LIVERY_ALLOW_PRIVATE_TARGETS.
    """

    private: frozenset[str] = frozenset()
    resolve: Resolve = field(default=system_resolve)

    @classmethod
    def parse(cls, text: str | None) -> DialPolicy:
        """Read the setting: hosts with ports, separated by commas or spaces."""
        names = (text or "").replace(",", " ").split()
        return cls(frozenset(map(plain_target, names)))

    def addresses(self, host: str, port: int) -> list[Address]:
        """Resolve once and check; raises TargetRefused where any address is not public.

        One bad address refuses the name: which of them a client would take is not ours to guess.
        """
        wanted = plain_host(host)
        found = list(self.resolve(wanted, port))
        if not found:
            raise TargetUnreachable(message=f"{wanted} does not resolve.")
        if is_allowed(wanted, port, self.private):
            return found
        for address in found:
            reason = not_public(address)
            if reason is not None:
                said, remedy = refused(wanted, port, reason)
                raise TargetRefused(message=said, remedy=remedy)
        return found


def connect(addresses: Iterable[Address], port: int, timeout_s: float) -> socket.socket:
    """Connect to the first address that answers; raises TargetUnreachable."""
    last: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=timeout_s)
        except OSError as error:
            last = error
    raise TargetUnreachable(message="The target does not answer.") from last
