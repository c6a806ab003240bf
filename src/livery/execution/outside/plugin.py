"""Effects of a plugin: inside of its connections the platform sees nothing, so that each connection is one effect.

It is on record before the connection is made. A plugin that then answers well has confirmed it; one that breaks off
leaves it unknown.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uuid_utils.compat import uuid7

from livery.manifest.canonical import canonical_hash
from livery.services.effects.ports import EffectLedger
from livery.services.effects.types import Effect
from livery.services.runs.types import Invocation, Invoked


class PluginEffects:
    """The effects of one run of a plugin; use it on the event loop."""

    def __init__(self, invocation: Invocation, ledger: EffectLedger) -> None:
        self._invocation = invocation
        self._ledger = ledger
        self._lock = asyncio.Lock()
        self._closed = False
        self._left: list[tuple[Effect, str]] = []

    async def leave(self, host: str) -> bool:
        """Record that a connection is about to be made; False where none may be."""
        run = self._invocation
        async with self._lock:
            if self._closed or run.dry_run:
                return False
            effect = Effect(
                uuid7(),
                run.run_id,
                run.contract.workspace_id,
                run.contract.capabilities.effects[0],
                f"CONNECT {host}",
                canonical_hash(["CONNECT", host, str(run.run_id), len(self._left)]),
            )
            if not await self._ledger.intend(effect, run.correlation_id):
                return False
            sent = await self._ledger.sent(effect, run.correlation_id)
            self._left.append((effect, "sent" if sent else "failed"))
            return sent

    async def account(self, invoked: Invoked) -> Invoked:
        """End each effect by what the plugin answered, and write them into its result."""
        async with self._lock:
            self._closed = True
            state = "confirmed" if invoked.code == "tool_ok" else "unknown"
            shown: list[dict[str, Any]] = []
            for effect, held in self._left:
                if held == "sent":
                    evidence = {"plugin": invoked.code}
                    await self._ledger.ended(
                        effect, state, evidence, self._invocation.correlation_id
                    )
                shown.append(
                    {
                        "effect_id": str(effect.effect_id),
                        "action": effect.action,
                        "target": effect.target,
                        "state": state if held == "sent" else held,
                    }
                )
        invoked.side_effects = shown
        invoked.effects_known = True
        invoked.unknown = any(item["state"] == "unknown" for item in shown)
        if invoked.unknown:
            invoked.result = None
        return invoked
