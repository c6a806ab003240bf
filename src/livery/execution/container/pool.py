"""Containers made in advance, each for one call."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from livery.execution.container.engine import Engine, EngineUnavailable, Profile
from livery.execution.container.prepared import Place, Prepared

_T = TypeVar("_T")
_PROFILES: Final = 4
"""Kinds of containers that are kept ready at once; the one that was asked for longest ago goes first."""
_SPARE_THREADS: Final = 4


class Pool:
    """At most `at_once` calls, and `ready` waiting containers of each of the last few profiles.

    A container counts as in use until it is removed, so that removals that lag behind slow the next call down
    instead of piling up.
    """

    def __init__(self, engine: Engine, place: Place, *, ready: int, at_once: int) -> None:
        self._engine, self._place, self._ready = engine, place, ready
        self._slots = asyncio.Semaphore(at_once)
        self._waiting: dict[Profile, deque[Prepared]] = {}
        self._threads = ThreadPoolExecutor(at_once + _SPARE_THREADS, "livery-sandbox")
        self._tasks: set[asyncio.Task[None]] = set()
        self._making: dict[Profile, asyncio.Task[None]] = {}
        self._closed = False

    async def thread(self, work: Callable[..., _T], *args: Any) -> _T:
        """Run something that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    async def take(self, profile: Profile, egress: Path | None = None) -> Prepared:
        """A waiting container, or a new one where none waits or it has a way out. Raises EngineUnavailable.

        Give it to `give_up` in the end.
        """
        await self._slots.acquire()
        try:
            waiting = self._waiting.get(profile)
            if egress is None and waiting:
                return waiting.popleft()
            return await self._make(profile, egress)
        except BaseException:
            self._slots.release()
            raise

    def give_up(self, used: Prepared) -> asyncio.Task[None]:
        """Have a container removed; afterwards the next one is made."""
        return self._later(self._discard(used, self._slots))

    def warm(self, profile: Profile) -> None:
        """Have containers of this profile made ready, in the background."""
        if self._closed or profile in self._making or self._ready < 1:
            return
        self._waiting[profile] = self._waiting.pop(profile, deque())
        while len(self._waiting) > _PROFILES:
            for old in self._waiting.pop(next(iter(self._waiting))):
                self._later(self._discard(old, None))
        self._making[profile] = self._later(self._fill(profile))

    def ready(self, profile: Profile) -> int:
        """How many wait."""
        return len(self._waiting.get(profile, ()))

    async def settled(self) -> None:
        """Wait until nothing is being made or removed."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Remove all that waits, once what runs has ended."""
        self._closed = True
        for making in self._making.values():
            making.cancel()
        await self.settled()
        for waiting in self._waiting.values():
            while waiting:
                self._later(self._discard(waiting.popleft(), None))
        await self.settled()
        await asyncio.to_thread(self._threads.shutdown)
        with contextlib.suppress(OSError):
            self._place.folder.rmdir()

    async def _fill(self, profile: Profile) -> None:
        try:
            while not self._closed and profile in self._waiting:
                waiting = self._waiting[profile]
                if len(waiting) >= self._ready:
                    return
                made = await self._make(profile, None)
                if self._waiting.get(profile) is waiting:
                    waiting.append(made)
                else:
                    self._later(self._discard(made, None))
        except EngineUnavailable:
            return  # the next call says it
        finally:
            self._making.pop(profile, None)

    async def _make(self, profile: Profile, egress: Path | None) -> Prepared:
        """Make one; where nobody waits for it any more it is removed as soon as it is made."""
        making = asyncio.ensure_future(
            self.thread(Prepared.make, self._engine, self._place, profile, egress)
        )
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            self._later(self._unwanted(making))
            raise

    async def _unwanted(self, making: asyncio.Future[Prepared]) -> None:
        with contextlib.suppress(EngineUnavailable):
            await self._discard(await making, None)

    async def _discard(self, used: Prepared, slots: asyncio.Semaphore | None) -> None:
        try:
            with contextlib.suppress(EngineUnavailable):  # a start of the platform removes it then
                await self.thread(used.discard)
        finally:
            if slots is not None:
                slots.release()
        if slots is not None and used.profile in self._waiting:
            self.warm(used.profile)

    def _later(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
