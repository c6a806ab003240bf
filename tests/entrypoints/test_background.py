"""What a process repeats: a round that fails is told, and the next one comes."""

import asyncio
import time

from livery.entrypoints.background import Repeated, pause


async def test_a_round_that_fails_does_not_end_the_rest() -> None:
    rounds: list[int] = []
    told: list[Exception] = []
    third = asyncio.Event()

    async def work() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 2:
            raise ValueError("the second one")
        if len(rounds) == 3:
            third.set()

    repeated = Repeated("test", 0.001, work, told.append)
    repeated.start()
    async with asyncio.timeout(10):
        await third.wait()
    await repeated.stop()
    seen = len(rounds)
    await asyncio.sleep(0.02)
    assert len(rounds) == seen  # nothing comes after the end
    assert [str(error) for error in told] == ["the second one"]


async def test_where_asked_the_pause_comes_first() -> None:
    rounds: list[int] = []

    async def work() -> None:
        rounds.append(1)

    repeated = Repeated("test", 60, work, lambda _: None)
    repeated.start(at_once=False)
    await asyncio.sleep(0.02)
    await repeated.stop()
    assert rounds == []


async def test_a_pause_ends_with_the_stop() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, stop.set)
    async with asyncio.timeout(10):
        await pause(stop, 3600)
    began = time.monotonic()
    await pause(asyncio.Event(), 0.05)
    assert time.monotonic() - began >= 0.05
