"""The breaker and the rate of a target, shared by two processes over one database."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.governed import owner, workspace
from tests.support.platform import NewPlatform, Running

from livery.kernel.breaker import COOLDOWN, FAILURES
from livery.kernel.rate import Rate
from livery.services.effects.errors import CircuitOpen, TooFast
from livery.storage.targets import PostgresTargets

HOST = "api.example"


def targets(running: Running, events: list[str], rate: Rate | None = None) -> PostgresTargets:
    quick = rate or Rate(per_second=1_000_000, burst=1000)
    return PostgresTargets(
        running.platform.database, lambda event, state: events.append(event.value), quick
    )


async def rewind(running: Running, home: Any, by: timedelta) -> None:
    async with owner(running) as connection:
        await connection.execute(
            "update livery.target set since = since - $2::interval where workspace_id = $1",
            home,
            by,
        )


async def test_what_one_process_learned_the_other_knows(new_platform: NewPlatform) -> None:
    async with new_platform() as one, new_platform(urls=one.urls, seeded=False) as two:
        home, other = await workspace(one, "breaker"), await workspace(one, "elsewhere")
        seen: list[str] = []
        here, there = targets(one, seen), targets(two, seen)
        for _ in range(FAILURES):
            await here.ask(home, HOST)
            await here.ended(home, HOST, ok=False)
        with pytest.raises(CircuitOpen) as refused:
            await there.ask(home, HOST)
        assert 0 < refused.value.details["retry_after_s"] <= COOLDOWN.total_seconds()
        await there.ask(home, "other.example")
        await there.ask(other, HOST)
        await rewind(one, home, COOLDOWN)
        await there.ask(home, HOST)  # the one probe
        with pytest.raises(CircuitOpen):
            await here.ask(home, HOST)
        await there.ended(home, HOST, ok=True)
        await here.ask(home, HOST)
        assert {"opened", "rejected", "closed"} <= set(seen)


async def test_a_rate_holds_over_processes(new_platform: NewPlatform) -> None:
    async with new_platform() as one, new_platform(urls=one.urls, seeded=False) as two:
        home = await workspace(one, "rate")
        slow = Rate(per_second=0.001, burst=3)
        pair = [targets(one, [], slow), targets(two, [], slow)]
        for number in range(3):
            await pair[number % 2].ask(home, HOST)
        for held in pair:
            with pytest.raises(TooFast):
                await held.ask(home, HOST)
