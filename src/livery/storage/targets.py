"""Breakers and rates of outside targets in PostgreSQL: the kernel decides, under the lock of one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from livery.kernel import breaker
from livery.kernel.breaker import Breaker, Event, State
from livery.kernel.rate import Rate
from livery.services.effects.errors import CircuitOpen, TooFast
from livery.storage.database import Database


class PostgresTargets:
    """See services.effects.ports.Targets. `count` is told each event of a breaker."""

    def __init__(
        self, database: Database, count: Callable[[Event, State], None], rate: Rate | None = None
    ) -> None:
        self._database = database
        self._count = count
        self._rate = rate or Rate()

    async def ask(self, workspace_id: UUID, host: str) -> None:
        """Let one request go, or refuse it with the time until it may."""
        async with self._database.write([workspace_id]) as tx:
            row = await tx.row("target_lock", workspace_id, host)
            held, now = _breaker(row), row["now"]
            fits, arrival = self._rate.ask(row["arrival"], now)
            step = breaker.ask(held, now)
            if fits and step.allowed:
                await tx.rows("target_set", workspace_id, host, *_columns(step.breaker), arrival)
        self._count(step.event, step.breaker.state)
        if not step.allowed:
            wait = breaker.retry_after(held, now).total_seconds()
            raise CircuitOpen(
                message=f"{host} failed {held.failures} times in a row and rests.",
                details={"host": host, "retry_after_s": round(wait, 3)},
                remedy=f"Try again in {wait:.0f} s.",
            )
        if not fits:
            wait = self._rate.wait(arrival, now).total_seconds()
            raise TooFast(
                message=f"Requests to {host} come faster than {self._rate.per_second:g} a second.",
                details={"host": host, "retry_after_s": round(wait, 3)},
                remedy=f"Try again in {wait:.1f} s.",
            )

    async def ended(self, workspace_id: UUID, host: str, *, ok: bool) -> None:
        """Move the breaker by what came of a request."""
        async with self._database.write([workspace_id]) as tx:
            row = await tx.row("target_lock", workspace_id, host)
            held = _breaker(row)
            if ok and held == Breaker():
                step = breaker.succeeded(held)
            else:
                step = breaker.succeeded(held) if ok else breaker.failed(held, row["now"])
                columns = _columns(step.breaker)
                await tx.rows("target_set", workspace_id, host, *columns, row["arrival"])
        self._count(step.event, step.breaker.state)


def _breaker(row: Any) -> Breaker:
    return Breaker(State(row["state"]), row["failures"], row["since"])


def _columns(held: Breaker) -> tuple[str, int, Any]:
    return held.state.value, held.failures, held.since
