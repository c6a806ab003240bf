"""The scanners that an operator set up: a YAML or JSON file that LIVERY_SCANNERS names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from livery.integrations.scanners.bandit import BanditScanner
from livery.integrations.scanners.process import SarifScanner, ScannerSettings
from livery.manifest.errors import LiveryError
from livery.manifest.schema import compile_schema
from livery.manifest.yamldoc import load_yaml
from livery.services.certification.ports import Scanner
from livery.services.certification.types import SEVERITIES

AT_ONCE = 2
"""Processes of scanners that run at one time."""
_WORDS: Final = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": 1000},
    "minItems": 1,
    "maxItems": 64,
}
_SCHEMA: Final[dict[str, Any]] = {
    "type": "array",
    "maxItems": 16,
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"},
            "command": _WORDS,
            "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 3600},
            "fail_on": {"enum": [*SEVERITIES[:3], "never"]},
            "version_command": _WORDS,
            "ok_exits": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        },
        "required": ["name", "command"],
        "additionalProperties": False,
    },
}


def scanners(file: Path | None, path: str) -> tuple[Scanner, ...]:
    """bandit, and the scanners of a settings file; their programs are looked for on `path`.

    Raises LiveryError (configuration_error) for a file that is not right: a platform that would scan less than it was
    told to does not start.
    """
    found: list[Scanner] = [BanditScanner()]
    if file is not None:
        slots = asyncio.Semaphore(AT_ONCE)
        found += [SarifScanner(item, path, slots) for item in read_settings(file)]
    names = [scanner.name for scanner in found]
    if len(set(names)) != len(names):
        raise _wrong(f"Two scanners have one name: {', '.join(names)}.")
    return tuple(found)


def read_settings(file: Path) -> list[ScannerSettings]:
    """The scanners of a settings file; raises LiveryError (configuration_error)."""
    try:
        doc = load_yaml(file.read_bytes())
    except OSError as error:
        raise _wrong(f"{file} cannot be read: {error.strerror}.") from None
    if doc.faults:
        raise _wrong(f"{file}, line {doc.faults[0].line}: {doc.faults[0].message}.")
    broken = compile_schema(_SCHEMA).violations(doc.value)
    if broken:
        raise _wrong(f"{file}: {broken[0].pointer} {broken[0].message}.")
    return [_settings(file, item) for item in doc.value]


def _settings(file: Path, item: Mapping[str, Any]) -> ScannerSettings:
    if not any("{path}" in part for part in item["command"]):
        raise _wrong(f"{file}: the command of {item['name']} does not say {{path}}.")
    return ScannerSettings(
        item["name"],
        tuple(item["command"]),
        float(item.get("timeout_s", 120)),
        item.get("fail_on", "high"),
        tuple(item.get("version_command", ())),
        tuple(item.get("ok_exits", (0,))),
    )


def _wrong(message: str) -> LiveryError:
    return LiveryError(
        "configuration_error",
        message,
        remedy="See docs/scanners.md for what LIVERY_SCANNERS names.",
    )
