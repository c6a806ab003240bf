"""One batch: a slice of some files, read and packed. Reading processes do nothing else."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from livery.client.session_logs.reader import FileCursor, Pending, read_file
from livery.client.session_logs.rows import Rows
from livery.manifest.segment_frame import pack_frame

BATCH_BYTES = 24 * 1024 * 1024
"""Log bytes read for one batch; bounds the memory of a reading process."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A file with something new, and where to go on. `left` is in bytes."""

    path: Path
    cursor: FileCursor
    left: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Some files' new facts. `frame` is None where there was nothing to send."""

    frame: bytes | None
    rows: int
    bytes_read: int
    pending: tuple[Pending, ...] = ()
    rest: tuple[Plan, ...] = field(default=())


def read_batch(plans: Sequence[Plan]) -> Batch:
    """Read up to BATCH_BYTES of the plans' files; runs in a process of its own."""
    # Facts are many small lists without cycles: collecting among them costs a fifth of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _read_batch(plans)
    finally:
        if collecting:
            gc.enable()


def _read_batch(plans: Sequence[Plan]) -> Batch:
    from livery.client.session_logs.segments import pack_rows

    rows, cursors, pending, rest = Rows(), [], [], []
    budget, read_bytes = BATCH_BYTES, 0
    for plan in plans:
        if budget <= 0:
            rest.append(plan)
            continue
        try:
            done = read_file(plan.path, plan.cursor, rows, budget)
        except OSError as error:
            pending.append(unreadable(plan.cursor.label, error))
            continue
        budget -= done.bytes_read
        read_bytes += done.bytes_read
        if done.cursor != plan.cursor:
            cursors.append(done.cursor.to_dict())
        if done.pending:
            pending.append(done.pending)
        if done.more:
            rest.append(Plan(plan.path, done.cursor, max(1, plan.left - done.bytes_read)))
    frame = pack_frame(pack_rows(rows), cursors) if cursors else None
    return Batch(frame, len(rows), read_bytes, tuple(pending), tuple(rest))


def unreadable(label: str, error: OSError) -> Pending:
    """Return what is said of a file that cannot be opened; line 0."""
    return Pending(label, 0, f"cannot be read: {error.strerror or type(error).__name__}")
