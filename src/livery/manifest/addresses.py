"""Addresses: which of them are public, and which hosts are addresses in some spelling. Pure: nothing is resolved."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Set
from typing import Final

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_SIX_TO_FOUR: Final = ipaddress.ip_network("2002::/16")
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\](:[0-9]{1,5})?", re.ASCII)
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]{1,64}|0[0-7]{0,64}|[1-9][0-9]{0,9}", re.ASCII)


def plain_host(host: str) -> str:
    """A host as it is compared: lower-case, without brackets and a dot at its end."""
    return host.lower().strip("[]").rstrip(".")


def plain_target(text: str) -> str:
    """A `host` or `host:port` as an operator writes it, as `is_allowed` compares it: an IPv6 address may stand in
    brackets, with or without a port, as in a URL."""
    found = _BRACKETS.fullmatch(text)
    if found is None:
        return text.lower()
    return plain_host(found[1]) + (found[2] or "")


def is_allowed(host: str, port: int, allowed: Set[str]) -> bool:
    """Whether the operator allows this host although it is private: `host:port`, or `host` for every port."""
    return host in allowed or f"{host}:{port}" in allowed


def refused(host: str, port: int, reason: str) -> tuple[str, str]:
    """What is said of a target that is not public, and the way out."""
    return (
        f"{host} is {reason}; private targets are refused.",
        f"An operator can allow it: LIVERY_ALLOW_PRIVATE_TARGETS={host}:{port}",
    )


def refused_literal(host: str, port: int, allowed: Set[str]) -> tuple[str, str] | None:
    """The same for a host that is an address and needs no resolving; None where it may be tried."""
    wanted = plain_host(host)
    address = literal(host)
    if address is None or is_allowed(wanted, port, allowed):
        return None
    reason = not_public(address)
    return None if reason is None else refused(wanted, port, reason)


def literal(host: str) -> str | None:
    """The address that a host is, in any spelling that a resolver takes without asking anybody; None for a name.

    IPv6 with or without brackets and zone; IPv4 also in one to four parts, decimal, octal or hexadecimal, and in the
    wide digits and dots that IDNA folds.
    """
    folded = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
    text = plain_host(folded).partition("%")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return _by_parts(text)


def _by_parts(text: str) -> str | None:
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    numbers = [_number(part) for part in parts]
    last = numbers.pop()
    if last >= 256 ** (4 - len(numbers)) or any(number > 255 for number in numbers):
        return None
    for place, number in enumerate(numbers):
        last += number << (24 - 8 * place)
    return str(ipaddress.IPv4Address(last))


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part, 16)
    return int(part, 8 if part.startswith("0") else 10)


def not_public(address: str) -> str | None:
    """Why an address is none of the public internet; None where it is. IPv4 inside IPv6 is looked through."""
    try:
        ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return "no address"
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _embedded(ip)
        if inner is not None:
            return not_public(str(inner))
    for name in ("loopback", "link_local", "multicast", "unspecified", "private", "reserved"):
        if getattr(ip, f"is_{name}"):
            return f"a {name.replace('_', '-')} address"
    return None if ip.is_global else "no public address"


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip in _SIX_TO_FOUR:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    # ::a.b.c.d, the old form: the system would connect to the IPv4 address on some machines.
    if int(ip) >> 32 == 0 and int(ip) > 1:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None
