"""The threads that skills run in, at the moments when an end and a cancellation meet."""

import asyncio

import pytest

from livery.execution.python import threads
from livery.execution.python.threads import Threads


async def test_a_cancellation_that_comes_as_the_work_ends_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class CancelledAtItsEnd(threads._Work):
        def __init__(self, *given: object) -> None:
            super().__init__(*given)  # type: ignore[arg-type]
            caller = asyncio.current_task()
            assert caller is not None
            self.done.add_done_callback(lambda _: caller.cancel())

    monkeypatch.setattr(threads, "_Work", CancelledAtItsEnd)
    # asyncio.wait_for of Python 3.11 answers 1 here, and whoever cancelled waits for ever.
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(Threads(1).run(lambda: 1, 10))
