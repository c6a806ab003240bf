"""The MCP servers that an operator has set up: a file of names, each with a command or a URL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from livery.manifest.canonical import canonical_hash
from livery.manifest.errors import LiveryError
from livery.manifest.yamldoc import load_yaml

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_]\w{0,127}", re.ASCII)
_MEMBERS = frozenset({"command", "env_allow", "url", "credential_ref"})


@dataclass(frozen=True, slots=True)
class Server:
    """One server: `command` is started and spoken to over stdio, `url` is spoken to over HTTP.

    `env_allow` are the only variables that a started server gets; `credential_ref` names the bearer token for a URL.
    """

    name: str
    command: tuple[str, ...] = ()
    env_allow: tuple[str, ...] = ()
    url: str = ""
    credential_ref: str | None = None

    @property
    def identity(self) -> str:
        """Hash of what stands behind the name: another command or URL is another server."""
        return canonical_hash({"url": self.url} if self.url else {"command": list(self.command)})


def servers_of(path: Path | None) -> dict[str, Server]:
    """Read the file of LIVERY_MCP_SERVERS; raises LiveryError (configuration_error) for what it may not hold."""
    if path is None:
        return {}
    try:
        document = load_yaml(path.read_bytes())
    except OSError as error:
        raise _wrong(path, f"cannot be read ({type(error).__name__})") from None
    if document.faults:
        fault = document.faults[0]
        raise _wrong(path, f"line {fault.line}: {fault.message}")
    if document.value is None:
        return {}
    if not isinstance(document.value, dict):
        raise _wrong(path, "must be a mapping of names to servers")
    return {str(name): _server(path, str(name), about) for name, about in document.value.items()}


def _server(path: Path, name: str, about: Any) -> Server:
    if not _NAME.fullmatch(name) or not isinstance(about, Mapping):
        raise _wrong(path, f"{name[:80]!r} must be a name with a mapping of members")
    unknown = set(map(str, about)) - _MEMBERS
    if unknown:
        raise _wrong(path, f"{name}: {sorted(unknown)[0][:80]} is no member of a server")
    command, url = about.get("command"), about.get("url")
    if (command is None) == (url is None):
        raise _wrong(path, f"{name}: give either a command or a url")
    allowed = _texts(path, f"{name}.env_allow", about.get("env_allow", []))
    if not all(_VARIABLE.fullmatch(item) for item in allowed):
        raise _wrong(path, f"{name}.env_allow lists names of variables, without values")
    if command is not None:
        words = _texts(path, f"{name}.command", command)
        if not words or not words[0]:
            raise _wrong(path, f"{name}.command is empty")
        if about.get("credential_ref") is not None:
            raise _wrong(path, f"{name}: a credential_ref belongs to a url")
        return Server(name, words, allowed)
    if allowed:
        raise _wrong(path, f"{name}: env_allow belongs to a command")
    ref = about.get("credential_ref")
    if ref is not None and not isinstance(ref, str):
        raise _wrong(path, f"{name}.credential_ref is a text")
    return Server(name, url=_url(path, name, url), credential_ref=ref)


def _url(path: Path, name: str, url: object) -> str:
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise _wrong(path, f"{name}.url must be http or https")
    if parts.username or parts.password:
        raise _wrong(path, f"{name}.url holds a user name; a secret is a credential_ref")
    return str(url)


def _texts(path: Path, where: str, given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise _wrong(path, f"{where} must be a list of texts")
    return tuple(given)


def _wrong(path: Path, what: str) -> LiveryError:
    return LiveryError("configuration_error", f"LIVERY_MCP_SERVERS: {path.name}: {what}.")
