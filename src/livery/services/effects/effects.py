"""See effects, and settle what is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from livery.manifest.canonical import NotIJson, canonical_json
from livery.manifest.denylist import find_secret
from livery.manifest.errors import LiveryError, Violation
from livery.services.effects.errors import NothingUnknown
from livery.services.effects.ports import EffectStore
from livery.services.effects.types import Effect
from livery.services.identity.access import Access, require
from livery.services.identity.errors import Invalid
from livery.services.identity.types import Principal

OUTCOMES = ("succeeded", "failed")
STATES = ("intended", "sent", "confirmed", "failed", "unknown")
MAX_EVIDENCE = 64 * 1024


class Effects:
    """The use cases of effects."""

    def __init__(self, store: EffectStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def list(
        self,
        caller: Principal,
        *,
        run_id: UUID | None = None,
        state: str | None = None,
        before: UUID | None = None,
        limit: int = 100,
    ) -> list[Effect]:
        """Effects that this caller sees, newest first."""
        if state is not None and state not in STATES:
            raise Invalid(message=f"A state is one of {', '.join(STATES)}.")
        visible = await self._access.visible(caller)
        return await self._store.list(
            visible,
            run_id=run_id,
            state=state,
            agent=caller.hired_agent_id,
            before=before,
            limit=limit,
        )

    async def resolve(
        self,
        caller: Principal,
        run_id: UUID,
        outcome: str,
        evidence: Mapping[str, Any],
        correlation_id: str = "",
    ) -> str:
        """Settle an unknown run by what somebody found out: `succeeded` or `failed`, with the evidence.

        `failed` gives the reserved money and the idempotency key back, so that the call may be made again.
        Raises NothingUnknown (409) where the run is not unknown, also for one that this caller does not see.
        """
        require(caller, "operator", "approver", "customer_admin")
        if outcome not in OUTCOMES:
            raise Invalid(message=f"An outcome is one of {', '.join(OUTCOMES)}.")
        _check(evidence)
        settled = await self._store.resolve(
            run_id,
            await self._access.visible(caller),
            outcome,
            evidence,
            caller.label,
            correlation_id,
        )
        if settled is None:
            raise NothingUnknown(message=f"There is no unknown run {run_id}: nothing to resolve.")
        return settled


def _check(evidence: Mapping[str, Any]) -> None:
    if not evidence:
        raise Invalid(message="Say what it is known from: evidence is a JSON object with content.")
    try:
        size = len(canonical_json(dict(evidence)))
    except NotIJson as error:
        raise Invalid(message=f"The evidence at {error.pointer or '/'}: {error.reason}.") from None
    if size > MAX_EVIDENCE:
        raise Invalid(message=f"Evidence has at most {MAX_EVIDENCE} bytes.")
    pointer = find_secret(dict(evidence))
    if pointer is not None:
        raise LiveryError(
            "secret_in_payload",
            f"The evidence holds a raw secret at {pointer}.",
            violations=(Violation(pointer, "a raw secret"),),
        )
