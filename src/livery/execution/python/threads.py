"""Threads for skill code, each of which can be given up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from livery.authoring.giving_up import GivenUp, give_up
from livery.execution.python.faults import Raised, failure
from livery.services.runs.types import Inner

LEVELS = 6
"""A skill may call skills, and those others, five deep: so many levels hold threads at once."""


class Levels:
    """Threads for each depth of calls: what waits for a deeper call holds none of that one's threads.

    With one pool for all, as many outer calls as there are threads would wait for ever.
    """

    def __init__(self, limit: int) -> None:
        self._levels = tuple(Threads(limit) for _ in range(LEVELS))

    def of(self, inner: Inner | None) -> Threads:
        """The threads of a call."""
        return self._levels[min(inner.depth if inner is not None else 0, LEVELS - 1)]


class Threads:
    """Runs at most `limit` calls at once.

    Python cannot end a thread. One that outlives its time no longer counts, is asked to stop at its next line of
    Python, and as a daemon never keeps the process from ending.
    """

    def __init__(self, limit: int) -> None:
        self._free = asyncio.Semaphore(limit)

    async def run(self, call: Callable[[], Any], timeout_s: float) -> Any:
        """The result of `call`. Raises TimeoutError, or Raised for whatever it raised, SystemExit included."""
        async with self._free:
            work = _Work(call)
            try:
                async with asyncio.timeout(timeout_s):
                    return await work.done
            finally:
                work.give_up()


class _Work:
    def __init__(self, call: Callable[[], Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[Any] = self._loop.create_future()
        self._call = call
        self._lock = threading.Lock()
        self._running = True
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._main,), name="skill", daemon=True
        )
        self._thread.start()

    def _main(self) -> None:
        try:
            self._run()
        except GivenUp:
            return  # it came just behind the end

    def _run(self) -> None:
        result: Any = None
        fault: Raised | None = None
        try:
            result = self._call()
        except BaseException as error:
            fault = Raised(failure(error))
        with self._lock:
            self._running = False
        try:
            self._loop.call_soon_threadsafe(self._finish, result, fault)
        except RuntimeError:
            return  # the loop is closed, nobody waits

    def _finish(self, result: Any, fault: Raised | None) -> None:
        if self.done.done():
            return
        if fault is None:
            self.done.set_result(result)
        else:
            self.done.set_exception(fault)

    def give_up(self) -> None:
        """Stop the code where it still runs."""
        with self._lock:
            if self._running:
                give_up(self._thread)
