"""Reading processes: children of this interpreter that turn plans into batches.

A child is started by itself and not through `multiprocessing`, which would import the program that
started it (the whole terminal door) once more in each child. Both ends are ours: what passes
between them is pickled.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import sys
from collections.abc import Sequence
from typing import BinaryIO

from livery.client.session_logs.slices import Batch, Plan, read_batch

_LENGTH = 8
# -P: a module in the folder where someone happens to stand must not replace one of ours.
_COMMAND = ("-P", "-c", "from livery.client.session_logs.worker import serve; serve()")


class ReadingProcess:
    """One child. It ends when its input is closed, so none outlives this process."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def read(self, plans: Sequence[Plan]) -> Batch:
        """Read a batch. Raises OSError or EOFError where there is no working child."""
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *_COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        given, taken = self._process.stdin, self._process.stdout
        if given is None or taken is None:
            raise EOFError("the reading process has no pipes")
        asked = pickle.dumps(list(plans))
        given.write(len(asked).to_bytes(_LENGTH, "big") + asked)
        await given.drain()
        length = int.from_bytes(await taken.readexactly(_LENGTH), "big")
        batch: Batch = pickle.loads(await taken.readexactly(length))  # noqa: S301 - our own child
        return batch

    async def close(self) -> None:
        """End the child."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def serve() -> None:
    """Be a child: read batches until the input ends."""
    given, taken = sys.stdin.buffer, sys.stdout.buffer
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        while asked := _received(given):
            answer = pickle.dumps(read_batch(pickle.loads(asked)))  # noqa: S301 - our own parent
            taken.write(len(answer).to_bytes(_LENGTH, "big") + answer)
            taken.flush()


def _received(given: BinaryIO) -> bytes:
    length = given.read(_LENGTH)
    return given.read(int.from_bytes(length, "big")) if len(length) == _LENGTH else b""
