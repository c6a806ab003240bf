"""The number and hash of the newest checkpoint, in a file: who empties the table of checkpoints does not reach it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livery.services.audit.types import Mark


class NewestCheckpoint:
    """`LIVERY_HOME/checkpoint.json`, for this user only; its number only ever grows."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Mark | None:
        """What was kept; None where nothing was, ValueError where it cannot be read."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as failed:
            raise ValueError(f"{self._path}: {failed.strerror}") from failed
        try:
            document = json.loads(data)
            return Mark(int(document["number"]), str(document["sha256"]))
        except (ValueError, LookupError, TypeError) as malformed:
            raise ValueError(f"{self._path} holds no number and hash") from malformed

    def keep(self, mark: Mark) -> None:
        """Keep it, unless one with a higher number is kept, or what is kept cannot be read."""
        with self._exclusive():
            try:
                kept = self.read()
            except ValueError:
                return
            if kept is not None and kept.number >= mark.number:
                return
            fresh = self._path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"number": mark.number, "sha256": mark.sha256}, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
