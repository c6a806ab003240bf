"""Standard output that may be closed, full or a pipe that nobody reads any more."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast


class OutputLost(Exception):
    """The answer could not be written. What was asked may be done all the same."""

    def __init__(self, error: OSError | None) -> None:
        self.unread = isinstance(error, BrokenPipeError)
        super().__init__((error and error.strerror) or "it is closed")


class _Output:
    """A stream whose failures are `OutputLost`, or nothing at all where it only carries notes."""

    def __init__(self, stream: Any, *, notes: bool = False, closed: bool = False) -> None:
        self._stream, self._notes, self._closed = stream, notes, closed

    def write(self, text: Any) -> Any:
        with self._telling():
            return self._stream.write(text)

    def flush(self) -> None:
        with self._telling():
            self._stream.flush()

    @property
    def buffer(self) -> Any:
        return _Output(self._stream.buffer, notes=self._notes, closed=self._closed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        if self._closed and not self._notes:
            raise OutputLost(None)
        try:
            yield
        except OSError as error:
            if self._notes:
                return
            self.give_up()
            raise OutputLost(error) from None

    def give_up(self) -> None:
        """Let what is still in the buffer go nowhere, or the interpreter would fail again at its end."""
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except (OSError, ValueError):
            return


@contextmanager
def told_apart() -> Iterator[None]:
    """Within, what cannot be written to standard output is `OutputLost`, and standard error never fails."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _output(sys.stdout), _output(sys.stderr, notes=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _output(stream: TextIO | None, *, notes: bool = False) -> TextIO:
    if stream is not None:
        return cast(TextIO, _Output(stream, notes=notes))
    # Python has no stream where the descriptor was closed (`>&-`).
    nowhere = open(os.devnull, "w")  # noqa: PTH123, SIM115 - it lives as long as the process
    return cast(TextIO, _Output(nowhere, notes=notes, closed=True))
