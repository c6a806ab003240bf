"""What a plugin may use, and what its contract may ask for: less than the operator's ceiling, never more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from livery.kernel.security_hash import RuntimeIdentity
from livery.manifest.errors import LiveryError

MIB: Final = 1024 * 1024
USER: Final = "65532:65532"
UID: Final = 65532
PIDS: Final = 64
LOG_BYTES: Final = 16 * 1024
"""How much of a plugin's log is kept."""
FLOOD_BYTES: Final = 8 * MIB
"""A plugin that writes more log than this is stopped: reading it would cost us, not the plugin."""
RESULT_BYTES: Final = MIB
OUTPUT_BYTES: Final = 10 * MIB
OUTPUT_FILES: Final = 32
TMP_BYTES: Final = 16 * MIB
CREDENTIALS_BYTES: Final = 2 * MIB
FILE_BYTES: Final = 16 * MIB
OPEN_FILES: Final = 256


class AsksTooMuch(LiveryError):
    """The contract asks for more than the operator gives."""

    code = "plugin_contract_invalid"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one call: seconds, MiB, and CPUs."""

    timeout_s: float = 15.0
    memory_mb: int = 256
    cpus: float = 0.5

    def identity(self, image_id: str) -> RuntimeIdentity:
        """As the security hash takes it: change one of them and a grant of code is void."""
        return RuntimeIdentity(
            image_id,
            round(self.timeout_s * 1000),
            self.memory_mb * MIB,
            round(self.cpus * 1000),
            LOG_BYTES,
        )

    def cpu_seconds(self) -> int:
        """CPU time after which the kernel ends a process on its own, should nobody be there to do it."""
        return max(2, math.ceil(self.timeout_s * max(1.0, self.cpus)) + 1)


DEFAULTS: Final = Limits()


def runs_in(image_id: str, runtime: str) -> str:
    """Image and engine's runtime as one text, for the security hash; an image alone where the engine chooses."""
    return f"{image_id} under {runtime}" if image_id and runtime else image_id


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator allows: the ceiling, the policy's level, variables that may be handed on, the engine's
    runtime (`runsc` is gVisor; empty is the engine's own).
    """

    ceiling: Limits = DEFAULTS
    level: str = "strict"
    env: Mapping[str, str] = field(default_factory=dict)
    runtime: str = ""
    image: str | None = None  # the default image: sha256:<hex> of its id
    ready: int = 2
    at_once: int = 8

    def limits(self, runtime: Mapping[str, Any]) -> Limits:
        """The limits of a contract's `runtime`: the defaults where it is silent, or the ceiling where that is lower.

        Raises AsksTooMuch.
        """
        asked = Limits(
            float(runtime.get("timeout_s", min(DEFAULTS.timeout_s, self.ceiling.timeout_s))),
            int(runtime.get("memory_mb", min(DEFAULTS.memory_mb, self.ceiling.memory_mb))),
            float(runtime.get("cpus", min(DEFAULTS.cpus, self.ceiling.cpus))),
        )
        for name, unit in (("timeout_s", "s"), ("memory_mb", "MB"), ("cpus", "CPUs")):
            wanted, most = getattr(asked, name), getattr(self.ceiling, name)
            if wanted > most:
                raise AsksTooMuch(
                    message=f"The contract asks for {wanted:g} {unit}; this platform gives {most:g} at most.",
                    remedy=f"Lower runtime.{name}, or ask the operator to raise the ceiling.",
                )
        return asked

    def variables(self, runtime: Mapping[str, Any]) -> dict[str, str]:
        """The environment that the contract asks for.

        Raises AsksTooMuch for a name that is not on the operator's list.
        """
        names = [str(name) for name in runtime.get("env", ())]
        missing = sorted(set(names) - set(self.env))
        if missing:
            raise AsksTooMuch(
                message=f"The contract asks for {', '.join(missing)[:200]}, which no plugin may read here.",
                remedy="Take it from runtime.env, or ask the operator to list it in LIVERY_SANDBOX_ENV.",
            )
        return {name: self.env[name] for name in names}
