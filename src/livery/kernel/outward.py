"""Where a call would go, as far as its contract and its input tell: refused before anybody is asked. Pure."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from livery.manifest.addresses import refused_literal
from livery.manifest.capabilities import Capabilities, hosts_meant
from livery.manifest.urls import sendable

_PORTS = {"http": 80, "https": 443}


class Refusal(NamedTuple):
    """What is wrong with a target, the way out, and the pointer into the input where that is what must change."""

    said: str
    remedy: str
    pointer: str | None = None


def refused_target(capabilities: Capabilities, args: Any, allowed: Set[str]) -> Refusal | None:
    """What is wrong with the targets of this input, and the way out; None where they may be tried.

    Addresses are judged here, and URLs that no request can be sent to: a name is judged by what it resolves to, at the
    moment of the call. A target that the input names is refused by itself; those that the contract names, where none
    of them is left.
    """
    inputs = [entry for entry in capabilities.network if entry.startswith("input:")]
    named = [(entry, url) for entry in inputs for url in hosts_meant([entry], args, _whole)]
    for entry, text in named:
        found = _of_url(text[1:], entry.removeprefix("input:"), allowed)
        if found is not None:
            return found
    declared = [entry for entry in capabilities.network if entry not in inputs]
    barred = [found for entry in declared if (found := _of_entry(entry, allowed)) is not None]
    return barred[0] if barred and len(barred) == len(declared) and not named else None


def _whole(url: str) -> str:
    return f"={url}"  # a text that is empty is one too


def _of_url(url: str, pointer: str, allowed: Set[str]) -> Refusal | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        host = port = None
    # Where the host is no host, the address that its beginning looks like is none that an operator could allow.
    if host and port and "%" not in host and "\\" not in parts.netloc:
        found = refused_literal(host, port, allowed)
        if found is not None:
            return Refusal(*found)
    try:
        sendable(url)
    except ValueError as error:
        return Refusal(
            str(error), f"Write {pointer} as https://host/path, and call again.", pointer
        )
    return None


def _of_entry(entry: str, allowed: Set[str]) -> Refusal | None:
    host, _, port = entry.partition(":")
    ports = (int(port),) if port else tuple(_PORTS.values())
    found = [refused_literal(host, item, allowed) for item in ports]
    return Refusal(*found[-1]) if found[-1] is not None and all(found) else None
