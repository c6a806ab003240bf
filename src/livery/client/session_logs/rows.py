"""Facts under construction: what one read of one file has observed."""

from __future__ import annotations

from typing import Any

from livery.manifest.session_facts import ENTITIES

Row = tuple[Any, ...] | list[Any]

MAX_REPORTED_LINES = 1_000
"""Bad lines named one by one for each file and read; the rest is reported as a number."""


class Rows:
    """Rows of facts by entity, in the column order of `livery.manifest.session_facts`."""

    __slots__ = ("_bad_beyond", "_bad_start", "_messages", "by_entity", "file", "label")

    def __init__(self) -> None:
        self.by_entity: dict[str, list[Row]] = {entity: [] for entity in ENTITIES}
        self.file = ""
        self.label = ""
        self._messages: dict[tuple[str, str], list[Any]] = {}
        self._bad_start = 0
        self._bad_beyond = 0

    def open_file(self, file: str, label: str) -> None:
        """Begin a file: rows that follow belong to it."""
        self.file, self.label = file, label
        self._messages = {}
        self._bad_start = len(self.by_entity["bad_lines"])
        self._bad_beyond = 0

    def close_file(self, line: int) -> None:
        """End a file; bad lines beyond the limit become one row at `line`."""
        if self._bad_beyond:
            reason = f"{self._bad_beyond} more bad lines"
            self.by_entity["bad_lines"].append((self.file, line, self.label, reason))

    def bad_line(self, line: int, reason: str) -> None:
        """Report a line (numbered from 1)."""
        bad = self.by_entity["bad_lines"]
        if len(bad) - self._bad_start >= MAX_REPORTED_LINES:
            self._bad_beyond += 1
        else:
            bad.append((self.file, line, self.label, reason))

    def message(
        self,
        place: tuple[int, str, str],
        role: str,
        answer: str,
        at: int,
        *,
        model: str | None = None,
        usage: tuple[int, int, int, int, int] | None = None,
    ) -> None:
        """Observe one line of a message; of the lines of one key in a session the last counts.

        `place` is (byte offset, session, key), `at` microseconds since 1970 UTC.
        `usage` is (input, output, cache read, cache creation, of it for an hour) in tokens; a line
        without usage leaves that of an earlier line standing.
        """
        offset, session, key = place
        seen = self._messages.get((session, key))
        if seen is None:
            tokens = usage or (None,) * 5
            row = [self.file, offset, session, key, role, answer, at, at, model, *tokens]
            self._messages[session, key] = row
            self.by_entity["messages"].append(row)
            return
        seen[1] = offset
        seen[7] = at
        seen[6] = min(at, seen[6])
        if model is not None:
            seen[8] = model
        if usage is not None:
            seen[9:14] = usage

    def __len__(self) -> int:
        return sum(map(len, self.by_entity.values()))


class SessionEnd:
    """How a session stands after the lines read so far; the outcome rule needs nothing else.

    The results of one answer's tool calls form a group: an error in it stays open until the calls
    of a later answer come back clean, or a new prompt begins a new turn.
    """

    __slots__ = (
        "answer", "end", "group", "last_at", "offset", "open_error", "parent", "project",
    )  # fmt: skip

    def __init__(self, parent: str | None = None, project: str | None = None) -> None:
        self.parent = parent
        self.project = project
        self.end = "none"
        self.open_error = False
        self.answer: str | None = None
        self.group: str | None = None
        self.last_at = 0
        self.offset = 0

    def prompt(self) -> None:
        """Someone asked: a new turn."""
        self.end, self.open_error, self.answer, self.group = "prompt", False, None, None

    def answered(self, answer: str, end: str) -> None:
        """The model wrote a line of `answer` (its message id)."""
        self.end, self.answer = end, answer

    def result(self, *, is_error: bool) -> None:
        """A tool answered."""
        if self.group != self.answer:
            self.group, self.open_error = self.answer, False
        self.open_error = self.open_error or is_error
        self.end = "tool_error" if self.open_error else "tool_ok"

    def row(self, source: str) -> tuple[Any, ...]:
        """Return the columns of a `sessions` row behind its place."""
        return (self.parent, source, self.project, self.last_at, self.end, self.open_error)

    def dump(self) -> list[Any]:
        """Return the state as JSON, for the file's cursor."""
        return [
            self.parent, self.project, self.end, self.open_error, self.answer, self.group,
            self.last_at,
        ]  # fmt: skip

    @classmethod
    def load(cls, data: list[Any]) -> SessionEnd:
        """Build the state from `dump()`."""
        state = cls(data[0], data[1])
        state.end, state.open_error, state.answer, state.group, state.last_at = data[2:7]
        return state
