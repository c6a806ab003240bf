"""Fingerprints of what certificates rest on: what a skill may import here, and what looks at its code."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from livery.manifest.canonical import canonical_hash

_DISTRIBUTION = re.compile(r"(.+?)-([^-]+?)(?:-py\d.*)?\.(?:dist|egg)-info", re.IGNORECASE)
_OURS = "livery"
_SCANNERS = ("bandit",)


@cache
def installed() -> str:
    """`sha256:` over the interpreter and every installed distribution with its version, livery left out.

    A skill may import any of them, so a change of any is a change of what was certified. Read once a process, from
    the names of the metadata folders: what is imported is loaded once too.
    """
    found: dict[str, str] = {}
    for entry in reversed(sys.path):  # what comes first on the path is what is imported
        for path in _listed(Path(entry or ".")):
            if match := _DISTRIBUTION.fullmatch(path.name):
                found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    found.pop(_OURS, None)
    return canonical_hash({"python": platform.python_version(), "packages": found})


def scanner_policy(configured: Mapping[str, str] | None = None) -> str:
    """`sha256:` over our own rules, the versions of the scanners that come with us, and what else is configured."""
    return canonical_hash({"own": _own_rules(), "versions": _versions(), **(configured or {})})


def sandbox_policy(level: str) -> str:
    """`sha256:` over the policy that plugins are judged by: its rules and its level."""
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "container" / "policy").glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return canonical_hash({"level": level, "rules": digest.hexdigest()})


@cache
def _own_rules() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("scan*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in _SCANNERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
