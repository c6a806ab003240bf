"""Batches: what is new in which files, read in slices by a few processes, packed for sending."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace

from livery.client.session_logs.discovery import LogFile
from livery.client.session_logs.reader import FileCursor, Pending, file_id, resume
from livery.client.session_logs.slices import BATCH_BYTES, Batch, Plan, read_batch, unreadable
from livery.client.session_logs.worker import ReadingProcess

BATCH_FILES = 500
READ_AHEAD = 4
"""Batches that may wait for the caller; bounds this process's memory."""
WORTH_PROCESSES = 16 * 1024 * 1024
"""Below so many new bytes starting processes takes longer than reading."""


def plan_reads(
    logs: Sequence[LogFile], known: Mapping[str, FileCursor]
) -> tuple[list[Plan], list[Pending]]:
    """Return the files that have bytes behind their cursor, and those that cannot be opened.

    A file that was replaced or cut begins anew. `known` maps file identifiers to cursors.
    """
    plans, closed = [], []
    for log in logs:
        file = file_id(log.path)
        try:
            cursor = known.get(file) or FileCursor(file, log.label)
            cursor = resume(log.path, replace(cursor, label=log.label))
        except OSError as error:
            closed.append(unreadable(log.label, error))
            continue
        if log.size > cursor.offset:
            plans.append(Plan(log.path, cursor, log.size - cursor.offset))
    return plans, closed


async def read_batches(plans: Sequence[Plan], processes: int = 2) -> AsyncGenerator[Batch, None]:
    """Yield the batches of all plans; the batches of one file come in its order.

    Reading goes on while the caller deals with a batch. Closing the iterator stops it.
    """
    waiting = deque(plans)
    small = sum(plan.left for plan in plans) < WORTH_PROCESSES
    ready: asyncio.Queue[Batch | None] = asyncio.Queue()
    ahead = asyncio.Semaphore(READ_AHEAD)
    readers = [
        asyncio.create_task(_reader(waiting, ready, ahead, apart=not small))
        for _ in range(1 if small else max(1, processes))
    ]
    for reader in readers:
        reader.add_done_callback(lambda _: ready.put_nowait(None))
    try:
        working = len(readers)
        while working:
            batch = await ready.get()
            if batch is None:
                working -= 1
                continue
            ahead.release()
            yield batch
        await asyncio.gather(*readers)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _reader(
    waiting: deque[Plan],
    ready: asyncio.Queue[Batch | None],
    ahead: asyncio.Semaphore,
    *,
    apart: bool,
) -> None:
    """Read until nothing waits; the rest of a file is read by whoever began it, in order."""
    process = ReadingProcess() if apart else None
    try:
        rest: list[Plan] = []
        while plans := rest or _next(waiting):
            batch = None
            if process is not None:
                try:
                    batch = await process.read(plans)
                except (OSError, EOFError):
                    # A child that cannot be had or was killed: go on without it.
                    await process.close()
                    process = None
            if batch is None:
                batch = await asyncio.to_thread(read_batch, plans)
            await ahead.acquire()
            ready.put_nowait(batch)
            rest = list(batch.rest)
    finally:
        if process is not None:
            await process.close()


def _next(waiting: deque[Plan]) -> list[Plan]:
    plans: list[Plan] = []
    size = 0
    while waiting and size < BATCH_BYTES and len(plans) < BATCH_FILES:
        plans.append(waiting.popleft())
        size += plans[-1].left
    return plans
