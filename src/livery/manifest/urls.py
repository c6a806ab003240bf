"""The hosts that URLs name, read in one way by whoever decides and whoever connects. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

_TARGET: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
    r"|\[[0-9a-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?"
)
_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_MAX_PORT: Final = 65535
_MAX_NAME: Final = 253
_USUAL: Final = {"http": ":80", "https": ":443"}
MAX_TARGET: Final = 259


def host_of(url: str) -> str:
    """The host that the capability `network` must name: lower-case, with a port that is not usual.

    A user name in the URL stays in the result, so that no declared host ever equals it.

    Raises:
        ValueError: not an http or https URL with a host.
    """
    parts = urlsplit(url)
    usual = _USUAL.get(parts.scheme)
    if usual is None or not parts.hostname:
        raise ValueError("the URL must be http or https and name a host")
    return parts.netloc.lower().removesuffix(usual)


def named_host(url: str) -> str | None:
    """The same, None where the URL names none."""
    try:
        return host_of(url)
    except ValueError:
        return None


def sendable(url: str) -> str:
    """The host of a URL as `host_of` gives it, of one that a request can be sent to.

    Raises:
        ValueError: none ever can, in words that show nothing of the URL.
    """
    if not url.isascii():
        raise ValueError(
            "the URL is written in ASCII: a host as xn--…, the rest percent-encoded, never other letters"
        )
    if any(not "!" <= char <= "~" for char in url):
        raise ValueError("the URL holds a space or a control character; it is percent-encoded")
    host = host_of(url)
    if "@" in host:
        raise ValueError(
            "the URL holds a user name or password, and none is ever sent; a credential_ref names one instead"
        )
    name, port = _split(host)
    if port is not None and (not _PORT.fullmatch(port) or int(port) > _MAX_PORT):
        raise ValueError(
            "the port of the URL is a number of 1 to 65535, or left out with its colon"
        )
    if not _is_address6(name) and not (_NAME.fullmatch(name) and len(name) <= _MAX_NAME):
        raise ValueError(
            "the host of the URL is a name of letters, digits, hyphens and dots, or an address"
        )
    return host


def sendable_host(url: str) -> str | None:
    """The same, None where nothing can be sent there."""
    try:
        return sendable(url)
    except ValueError:
        return None


def shown_host(url: str) -> str:
    """The host as people are shown it: never with a user name or password; empty where it names none."""
    try:
        host = host_of(url).rpartition("@")[2]
        return sendable(f"http://{host}/")
    except ValueError:
        return ""


def _split(host: str) -> tuple[str, str | None]:
    if host.startswith("["):
        name, _, rest = host.partition("]")
        return f"{name}]", rest[1:] if rest.startswith(":") else (rest or None)
    name, colon, port = host.partition(":")
    return name, port if colon else None


def _is_address6(name: str) -> bool:
    if not (name.startswith("[") and name.endswith("]")):
        return False
    try:
        return ipaddress.IPv6Address(name[1:-1]).scope_id is None
    except ValueError:
        return False


def parse_target(text: str) -> str:
    """A target as `host_of` would give it: `hooks.example.com`, `10.0.0.1:8080`, `[2001:db8::1]`.

    Raises:
        ValueError: it is none, in words.
    """
    target = text.strip().lower()
    if not _TARGET.fullmatch(target) or len(target) > MAX_TARGET:
        raise ValueError("a target is host or host:port, without scheme, path, user or wildcard")
    if target.endswith(tuple(_USUAL.values())):
        raise ValueError("the usual ports 80 and 443 are left out: they are meant without one")
    try:
        reached = urlsplit(f"https://{target}").port
    except ValueError:
        reached = None
    if named_host(f"https://{target}") != target or (reached is None and _port(target)):
        raise ValueError("a target is host or host:port, with a port of 1 to 65535")
    return target


def _port(target: str) -> bool:
    return ":" in target.rpartition("]")[2]
