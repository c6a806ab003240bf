"""A remote tool with an effect: on record before it is called, whatever comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from uuid_utils.compat import uuid7

from livery.manifest.canonical import canonical_hash
from livery.services.effects.errors import EffectRefused
from livery.services.effects.ports import EffectLedger
from livery.services.effects.types import Effect
from livery.services.runs.ports import Probe
from livery.services.runs.types import Invocation, Invoked


class RemoteEffect:
    """The effect of one run."""

    def __init__(self, invocation: Invocation, ledger: EffectLedger, probe: Probe) -> None:
        self._invocation, self._ledger, self._probe = invocation, ledger, probe

    async def perform(
        self, tool: str, args: Mapping[str, Any], do: Callable[[], Awaitable[Invoked]]
    ) -> Invoked:
        """Call it once. Raises EffectRefused where the run is over; nothing was sent then."""
        invocation, correlation = self._invocation, self._invocation.correlation_id
        contract = invocation.contract
        effect = Effect(
            uuid7(),
            invocation.run_id,
            contract.workspace_id,
            contract.capabilities.effects[0],
            f"mcp {tool}",
            canonical_hash({"tool": tool, "arguments": dict(args)}),
        )
        if not await self._ledger.intend(effect, correlation):
            raise EffectRefused(message="The run is over; nothing was sent.")
        self._probe("effect.intended")
        if not await self._ledger.sent(effect, correlation):
            raise EffectRefused(message="The run is over; nothing was sent.")
        self._probe("effect.sent")
        invoked = await do()
        self._probe("effect.answered")
        state = "unknown" if invoked.unknown else "failed"
        if invoked.code in ("tool_ok", "tool_output_invalid"):
            state = "confirmed"
        evidence = {"code": invoked.code}
        await self._ledger.ended(effect, state, evidence, correlation)
        self._probe("effect.ended")
        invoked.effects_known = True
        invoked.retryable = False if state != "failed" else invoked.retryable
        invoked.side_effects = [
            {
                "effect_id": str(effect.effect_id),
                "action": effect.action,
                "target": effect.target,
                "state": state,
            }
        ]
        return invoked
