"""What effects need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from livery.services.effects.types import Effect


class EffectLedger(Protocol):
    """The record of one effect as execution writes it; each call is on disk when it returns."""

    async def intend(self, effect: Effect, correlation_id: str) -> bool:
        """Write `intended`; False where the run is not running any more: then nothing may be sent."""

    async def sent(self, effect: Effect, correlation_id: str) -> bool:
        """Move to `sent`, before the first byte leaves; False where the run is not running any more."""

    async def ended(
        self, effect: Effect, state: str, evidence: Mapping[str, Any], correlation_id: str
    ) -> None:
        """Move to `confirmed`, `failed` or `unknown`; an effect that a sweep has moved stays as it is."""


class EffectStore(Protocol):
    """Reads of effects, and what settles an unknown one."""

    async def list(
        self,
        workspaces: Sequence[UUID],
        *,
        run_id: UUID | None,
        state: str | None,
        agent: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> list[Effect]:
        """Effects, newest first (effect ids are UUIDv7)."""

    async def resolve(
        self,
        run_id: UUID,
        workspaces: Sequence[UUID],
        outcome: str,
        evidence: Mapping[str, Any],
        by: str,
        correlation_id: str,
    ) -> str | None:
        """Settle an unknown run and its unknown effects as `succeeded` or `failed`; the run's new status, None
        where it is not unknown."""


class Targets(Protocol):
    """The breaker and the rate of each outside target, shared by all processes."""

    async def ask(self, workspace_id: UUID, host: str) -> None:
        """Let one request go; raises CircuitOpen or TooFast, each with the time until it may."""

    async def ended(self, workspace_id: UUID, host: str, *, ok: bool) -> None:
        """Say what came of it: whether the target answered as one that works."""
