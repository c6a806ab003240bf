"""The plugin contract: what a log format must offer, and the formats that are built in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from livery.client.session_logs.rows import Rows


class LineReader(Protocol):
    """Reads the records of one file, one after the other."""

    def feed(self, offset: int, record: dict[str, Any]) -> None:
        """Add the facts of the record that begins at byte `offset`.

        Raises values.BadRecord with the reason where the record cannot be counted; a record that
        raises has added nothing.
        """
        ...

    def finish(self) -> dict[str, Any]:
        """Add closing facts; return what the next read of this file must know (small JSON)."""
        ...


class LogFormat(Protocol):
    """One format of session logs."""

    name: str

    def places(self, home: Path) -> Iterable[tuple[Path, str]]:
        """Yield (folder, glob) where this format's tools write below a home folder."""
        ...

    def recognises(self, record: dict[str, Any]) -> bool:
        """Say whether a record can only be of this format."""
        ...

    def open(self, rows: Rows, file_name: str, state: Mapping[str, Any]) -> LineReader:
        """Return a reader that adds to `rows`, continuing from an earlier read's `state`."""
        ...


@dataclass(frozen=True, slots=True)
class Formats:
    """A registry: the first format that recognises a record reads the file."""

    known: tuple[LogFormat, ...]

    def named(self, name: str) -> LogFormat | None:
        """Return the format of that name."""
        return next((known for known in self.known if known.name == name), None)

    def recognise(self, record: dict[str, Any]) -> LogFormat | None:
        """Return the format that a record belongs to."""
        return next((known for known in self.known if known.recognises(record)), None)


def built_in() -> Formats:
    """Return the registry of the formats that Livery ships."""
    from livery.client.session_logs.claude_code import ClaudeCode
    from livery.client.session_logs.codex import Codex

    return Formats((ClaudeCode(), Codex()))
