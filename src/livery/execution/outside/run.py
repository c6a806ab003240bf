"""What one run reaches of the world outside, and what the platform keeps of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from livery.execution.guard import trusted
from livery.execution.outside.credentials import CredentialSource, opened
from livery.execution.outside.dial import DialPolicy
from livery.execution.outside.effects import Bridge, RunEffects
from livery.execution.outside.http import RunHttp
from livery.execution.outside.scrub import Scrubber
from livery.kernel.backoff import Backoff
from livery.manifest.capabilities import Capabilities
from livery.services.effects.ports import EffectLedger, Targets
from livery.services.runs.ports import Probe
from livery.services.runs.types import Invocation

_BACKOFF = Backoff()
Require = Callable[[str, str], None]


def _nothing(point: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Outside:
    """The way out of this process: which addresses, which record, whose secrets."""

    policy: DialPolicy
    ledger: EffectLedger
    credentials: CredentialSource | None = None
    tls: ssl.SSLContext | None = None
    probe: Probe = _nothing
    targets: Targets | None = None

    def of_run(
        self, invocation: Invocation, capabilities: Capabilities, require: Require
    ) -> RunOutside:
        """What one run gets. Call it on the event loop."""
        bridge = Bridge(asyncio.get_running_loop())
        return RunOutside(self, invocation, capabilities, require, bridge)


class _Gate:
    """Asks the shared breakers from a skill's thread."""

    def __init__(self, targets: Targets, invocation: Invocation, bridge: Bridge) -> None:
        self._targets, self._bridge = targets, bridge
        self._workspace = invocation.contract.workspace_id

    def ask(self, host: str) -> None:
        self._bridge.wait(self._targets.ask(self._workspace, host))

    def ended(self, host: str, ok: bool) -> None:
        self._bridge.wait(self._targets.ended(self._workspace, host, ok=ok))


class RunOutside:
    """The world outside of one run."""

    def __init__(
        self,
        outside: Outside,
        invocation: Invocation,
        capabilities: Capabilities,
        require: Require,
        bridge: Bridge,
    ) -> None:
        self._outside = outside
        self._invocation = invocation
        self._require = require
        self._bridge = bridge
        self.secrets = Scrubber()
        self.effects = RunEffects(invocation, outside.ledger, bridge, outside.probe)
        gate = _Gate(outside.targets, invocation, bridge) if outside.targets else None
        self.http = RunHttp(
            capabilities,
            require,
            outside.policy,
            self.effects,
            outside.tls,
            gate=gate,
            delay_s=lambda attempt: _BACKOFF.delay_ms(str(invocation.run_id), attempt) / 1000,
        )

    def credential(self, kind: str, ref: str) -> Mapping[str, Any]:
        """Open a credential; from now on its values are taken out of whatever this run leaves behind."""
        self._require("credentials", kind)
        with trusted():
            secret = self._bridge.wait(
                opened(self._outside.credentials, self._invocation, kind, ref)
            )
        self.secrets.learn(secret)
        return secret
