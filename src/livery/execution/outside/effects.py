"""Effects of one run: each on record before its first byte leaves, and none after the run is over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from livery.authoring.context import HttpResponse
from livery.authoring.errors import SkillFailed
from livery.execution.outside.client import AnswerTooLarge, OutcomeUnknown
from livery.manifest.errors import LiveryError
from livery.services.effects.errors import EffectRefused
from livery.services.effects.ports import EffectLedger
from livery.services.effects.types import Effect
from livery.services.runs.ports import Probe
from livery.services.runs.types import Invocation

_WAIT_S = 30.0
_AMBIGUOUS = frozenset({502, 504})
"""A gateway that gave up on its backend: the backend may have done it."""
T = TypeVar("T")


class Withheld(BaseException):
    """A dry run came to an effect: it is not sent, and the run ends with its draft.

    No `Exception`, so that a skill's own handlers do not take it for a failure.
    """

    def __init__(self, draft: dict[str, Any]) -> None:
        super().__init__("a dry run sends nothing")
        self.draft = draft


class Bridge:
    """Lets a skill's thread wait for our event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()

    def wait(self, work: Awaitable[T]) -> T:
        """The result of a coroutine on the loop; raises what it raises."""
        if threading.get_ident() == self._thread:
            raise RuntimeError("the loop would wait for itself")

        async def run() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_WAIT_S)


class RunEffects:
    """The effects of one run. Thread-safe: the run may be given up while its thread goes on."""

    def __init__(
        self, invocation: Invocation, ledger: EffectLedger, bridge: Bridge, probe: Probe
    ) -> None:
        self._invocation = invocation
        self._ledger = ledger
        self._bridge = bridge
        self._probe = probe
        self._lock = threading.Lock()
        self._closed = False
        self._states: dict[UUID, Effect] = {}
        self._outcome: dict[UUID, str] = {}

    @property
    def acted(self) -> bool:
        """Whether anything left, or may have."""
        return any(state in ("sent", "confirmed", "unknown") for state in self._outcome.values())

    @property
    def unknown(self) -> bool:
        """Whether an effect is in between: nobody may simply repeat the run."""
        return any(state in ("sent", "unknown") for state in self._outcome.values())

    def close(self) -> None:
        """No effect begins or leaves from now on; what has left has left."""
        with self._lock:
            self._closed = True

    def report(self) -> list[dict[str, Any]]:
        """The effects as the envelope lists them."""
        return [
            {
                "effect_id": str(effect.effect_id),
                "action": effect.action,
                "target": effect.target,
                "state": self._outcome[key],
            }
            for key, effect in self._states.items()
        ]

    def perform(
        self,
        action: str,
        target: str,
        request_hash: str,
        do: Callable[[Callable[[], None]], HttpResponse],
    ) -> HttpResponse:
        """Send one effect. `do(before)` sends it and calls `before` right before its first byte leaves."""
        if self._invocation.dry_run:
            raise Withheld({"action": action, "target": target, "request": request_hash})
        effect = self._intend(action, target, request_hash)
        try:
            answer = do(lambda: self._leave(effect))
        except AnswerTooLarge:
            self._end(effect, "confirmed", {"answer": "larger than is read"})
            raise
        except OutcomeUnknown as error:
            self._end(effect, "unknown", {"error": error.message})
            raise
        except LiveryError as error:
            self._end(effect, "failed", {"error": error.message, "sent": False})
            raise
        except BaseException as error:
            left = self._outcome[effect.effect_id] == "sent"
            self._end(effect, "unknown" if left else "failed", {"error": type(error).__name__})
            raise
        self._end(effect, _judge(answer.status), {"status": answer.status})
        if answer.status in _AMBIGUOUS:
            raise OutcomeUnknown(
                message=f"A gateway answered {answer.status}: whether it happened is not known."
            )
        return answer

    def _intend(self, action: str, target: str, request_hash: str) -> Effect:
        invocation = self._invocation
        effect = Effect(
            uuid7(),
            invocation.run_id,
            invocation.contract.workspace_id,
            action,
            target,
            request_hash,
        )
        with self._lock:
            if self._closed:
                raise SkillFailed("The run is over; nothing was sent.")
            self._states[effect.effect_id] = effect
            self._outcome[effect.effect_id] = "intended"
        if not self._bridge.wait(self._ledger.intend(effect, invocation.correlation_id)):
            self._outcome[effect.effect_id] = "failed"
            raise EffectRefused(message="The run is over; nothing was sent.")
        self._probe("effect.intended")
        return effect

    def _leave(self, effect: Effect) -> None:
        with self._lock:
            if self._closed:
                raise EffectRefused(message="The run is over; nothing was sent.")
            # Said before it is on record: whoever closes now counts it as gone.
            self._outcome[effect.effect_id] = "sent"
        done = self._bridge.wait(self._ledger.sent(effect, self._invocation.correlation_id))
        if not done:
            self._outcome[effect.effect_id] = "intended"
            raise EffectRefused(message="The run is over; nothing was sent.")
        self._probe("effect.sent")

    def _end(self, effect: Effect, state: str, evidence: dict[str, Any]) -> None:
        self._probe("effect.answered")
        self._outcome[effect.effect_id] = state
        self._bridge.wait(
            self._ledger.ended(effect, state, evidence, self._invocation.correlation_id)
        )
        self._probe("effect.ended")


def _judge(status: int) -> str:
    if status in _AMBIGUOUS:
        return "unknown"
    return "confirmed" if status < 400 else "failed"
