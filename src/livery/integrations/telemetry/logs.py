"""Structured logs: one JSON object a line, redacted."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import structlog

from livery.manifest.denylist import REDACTED, is_secret_key, redact, redact_text
from livery.private import append_private

Event = MutableMapping[str, Any]
_SHORT, _MOST = 24, 4096
_plain: set[str] = set()
"""Short texts that were looked at and hold no secret: most of a line is the same in the next one. A text that holds
one is never kept."""


def _redact(_: Any, __: str, event: Event) -> Event:
    for key, value in event.items():
        if is_secret_key(key):
            event[key] = REDACTED
        elif type(value) is str:
            if value not in _plain:
                event[key] = _redacted(value)
        elif isinstance(value, dict | list | tuple):
            event[key] = redact(value)
    return event


def _redacted(text: str) -> str:
    shown = redact_text(text)
    if shown == text and len(text) <= _SHORT:
        if len(_plain) >= _MOST:
            _plain.clear()
        _plain.add(text)
    return shown


def _stamp(_: Any, __: str, event: Event) -> Event:
    event["timestamp"] = datetime.now(UTC).isoformat()[:-6] + "Z"
    return event


def _render(value: Any, **_: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_shown, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):  # a lone surrogate, or a value that cannot be shown
        return orjson.dumps({"event": "a log line that cannot be written"})


def _shown(value: Any) -> str:
    return redact_text(str(value))


class SpareLines:
    """A file whose lines are dropped where they cannot be written: a full disk stops the log, not the platform."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: bytes) -> None:
        """Write a line, or lose it."""
        with suppress(OSError):
            self._file.write(line)

    def flush(self) -> None:
        """Nothing: the file has no buffer."""


class GatheredLines:
    """A file whose lines are written a few milliseconds later, many at once, by a thread of its own.

    A write of one line lets go of the interpreter, and waits for its turn to come back. What waits when the process
    is killed is lost: the record is the journal, not the log.
    """

    def __init__(self, file: BinaryIO, linger_s: float) -> None:
        self._file = file
        self._linger_s = linger_s
        self._lines: deque[bytes] = deque()
        self._some = threading.Event()
        self._writing = threading.Lock()
        threading.Thread(target=self._run, name="log", daemon=True).start()
        atexit.register(self.write_out)

    def write(self, line: bytes) -> None:
        """Take a line."""
        self._lines.append(line)
        if not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Nothing: `write_out` writes."""

    def write_out(self) -> None:
        """Write what waits."""
        with self._writing:
            lines = self._lines
            block = b"".join(lines.popleft() for _ in range(len(lines)))
            if block:
                with suppress(OSError):  # a full disk stops the log, not the platform
                    self._file.write(block)

    def _run(self) -> None:
        while True:
            self._some.wait()
            time.sleep(self._linger_s)
            self._some.clear()
            self.write_out()


def configure(level: str = "INFO", file: Path | None = None, *, linger_s: float = 0.0) -> None:
    """Log to a file, or to standard error where none is given; `linger_s` gathers lines that long."""
    stream: Any = append_private(file, 0) if file is not None else _stderr()
    stream = GatheredLines(stream, linger_s) if linger_s > 0 else SpareLines(stream)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _redact,
            structlog.processors.add_log_level,
            _stamp,
            structlog.processors.JSONRenderer(serializer=_render),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.BytesLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )


def _stderr() -> Any:
    import sys

    return sys.stderr.buffer
