"""Skills that call skills: `ctx.call`, each a run of its own, decided and recorded like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from livery.authoring.context import SKILL_PROVIDER
from livery.authoring.errors import SkillFailed
from livery.execution.guard import trusted
from livery.manifest.envelope import Envelope
from livery.services.runs.types import Inner

Require = Callable[[str, str], None]


class InnerFailed(SkillFailed):
    """The skill that was called did not succeed; `cause` is its code, the details name its run."""

    def __init__(self, envelope: Envelope) -> None:
        error = envelope.error
        message = error.message if error is not None else envelope.status
        super().__init__(
            f"{envelope.skill_key}: {message}",
            # What it may have done is not to be done again by a caller who repeats this run.
            retryable=error is not None and error.retryable and not envelope.side_effects,
        )
        self.cause = envelope.code
        self.details = {
            "skill": envelope.skill_key,
            "code": envelope.code,
            "run_id": envelope.run_id,
        }
        request_id = error.details.get("approval_request_id") if error is not None else None
        if request_id is not None:
            self.details["approval_request_id"] = request_id


class CallsOfRun(Protocol):
    """What a context needs to call other skills."""

    made: list[dict[str, Any]]
    acted: bool

    def call(self, skill_key: str, payload: Any) -> Any:
        """The result of a skill that was declared. Raises InnerFailed."""


class NoCalls:
    """Where no other skill can be reached: declared or not, it is refused."""

    def __init__(self, require: Require) -> None:
        self.made: list[dict[str, Any]] = []
        self.acted = False
        self._require = require

    def call(self, skill_key: str, payload: Any) -> Any:  # noqa: ARG002
        """Refuse."""
        self._require("tools", f"{SKILL_PROVIDER}:{skill_key}")
        raise SkillFailed("Nothing here runs other skills.")


class InnerCalls:
    """Calls other skills from a thread. Make it on the event loop."""

    def __init__(self, inner: Inner, require: Require) -> None:
        self.made: list[dict[str, Any]] = []
        self.acted = False
        """Whether any of them had an effect, or may have had one."""
        self._inner, self._require = inner, require
        self._loop = asyncio.get_running_loop()

    def call(self, skill_key: str, payload: Any) -> Any:
        """See CallsOfRun."""
        self._require("tools", f"{SKILL_PROVIDER}:{skill_key}")
        with trusted():
            waiting = asyncio.run_coroutine_threadsafe(self._answer(skill_key, payload), self._loop)
            envelope = waiting.result()
        self.made.append(
            {"skill": skill_key, "run_id": envelope.run_id, "code": envelope.code}
            | ({"digest": envelope.digest} if envelope.digest else {})
        )
        self.acted = self.acted or bool(envelope.side_effects) or envelope.status == "unknown"
        if not envelope.ok:
            raise InnerFailed(envelope)
        return envelope.result

    async def _answer(self, skill_key: str, payload: Any) -> Envelope:
        return await self._inner.run(skill_key, payload)


def calls_of(inner: Inner | None, require: Require) -> CallsOfRun:
    """What one run gets. Call it on the event loop."""
    return InnerCalls(inner, require) if inner is not None else NoCalls(require)
