"""The operator's rules for plugins, from environment variables. Read once by whoever starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from livery.execution.container.limits import DEFAULTS, Limits, Rules
from livery.execution.container.policy.judge import LevelPolicy
from livery.manifest.denylist import is_secret_key
from livery.manifest.errors import LiveryError

_PREFIX: Final = "LIVERY_SANDBOX_"


def rules_of(environ: Mapping[str, str]) -> Rules:
    """LIVERY_SANDBOX_{POLICY,RUNTIME,ENV,IMAGE,MAX_SECONDS,MAX_MEMORY_MB,MAX_CPUS,READY,AT_ONCE}.

    Raises LiveryError (configuration_error).
    """
    names = [name.strip() for name in environ.get(f"{_PREFIX}ENV", "").split(",") if name.strip()]
    for name in names:
        if is_secret_key(name):
            raise LiveryError(
                "configuration_error",
                f"LIVERY_SANDBOX_ENV lists {name[:80]}, which is the name of a secret.",
                remedy="A secret reaches a skill as a credential, never as a variable of this process.",
            )
    level = environ.get(f"{_PREFIX}POLICY") or "strict"
    LevelPolicy(level)
    ceiling = Limits(
        _number(environ, "MAX_SECONDS", DEFAULTS.timeout_s, 3600),
        round(_number(environ, "MAX_MEMORY_MB", DEFAULTS.memory_mb, 65536)),
        _number(environ, "MAX_CPUS", DEFAULTS.cpus, 64),
    )
    return Rules(
        ceiling=ceiling,
        level=level,
        env={name: environ[name] for name in names if name in environ},
        runtime=environ.get(f"{_PREFIX}RUNTIME", ""),
        image=environ.get(f"{_PREFIX}IMAGE") or None,
        ready=round(_number(environ, "READY", 2, 64, least=0)),
        at_once=round(_number(environ, "AT_ONCE", 8, 256, least=1)),
    )


def _number(
    environ: Mapping[str, str], name: str, default: float, most: float, least: float = 0.01
) -> float:
    text = environ.get(_PREFIX + name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not least <= value <= most:
        raise LiveryError(
            "configuration_error", f"{_PREFIX}{name} must be a number from {least:g} to {most:g}."
        )
    return value
