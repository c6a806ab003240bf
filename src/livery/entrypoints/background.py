"""What a process does again and again beside its work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

Round = Callable[[], Awaitable[object]]
Failed = Callable[[Exception], None]


class Repeated:
    """Rounds with a pause between them; one that fails is told to `failed`, and the next one comes all the same."""

    def __init__(self, name: str, pause_s: float, work: Round, failed: Failed) -> None:
        self._name = name
        self._pause_s = pause_s
        self._work = work
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    def start(self, *, at_once: bool = True) -> None:
        """Begin, with a round or with a pause."""
        self._task = asyncio.create_task(self._loop(at_once), name=self._name)

    async def stop(self) -> None:
        """Break off; what a round has started elsewhere goes on."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _loop(self, at_once: bool) -> None:
        while True:
            if at_once:
                try:
                    await self._work()
                except Exception as error:
                    self._failed(error)
            at_once = True
            await asyncio.sleep(self._pause_s)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `stop`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
