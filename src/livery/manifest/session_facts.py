"""The facts of agent sessions: which columns leave a machine, and what they mean.

One description is shared by the reader that produces facts (client), the service that accepts
them (services) and the semantic layer that counts them (execution). Facts hold names, times,
numbers and identifiers; prompt text, file contents and tool output are never among them.

Facts are observations, not truths: a log repeats itself (an answer spans several lines, a resumed
session copies earlier ones), so the same `key` may be observed often. The base views of
`livery.execution.data` decide which observation counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

FACTS_VERSION = "1"
"""Changes when a column changes its meaning; part of every segment's header."""

MAX_COUNT = 2**53
"""Largest number a fact may hold (I-JSON's exact integers)."""
MIN_TIME_US = 946_684_800_000_000
"""2000-01-01T00:00:00Z in microseconds: an earlier time is a broken clock."""
MAX_TIME_US = 4_102_444_800_000_000
"""2100-01-01T00:00:00Z in microseconds, exclusive."""


class ColumnType(StrEnum):
    """Types a fact may have."""

    TEXT = "text"
    COUNT = "count"
    FLAG = "flag"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `max_length` bounds texts (characters), counts lie in [0, MAX_COUNT]."""

    name: str
    type: ColumnType
    meaning: str
    nullable: bool = False
    max_length: int = 320


@dataclass(frozen=True, slots=True)
class FactEntity:
    """One kind of fact and its columns, in the order of the segment's schema."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in schema order."""
        return tuple(column.name for column in self.columns)


def _text(name: str, meaning: str, *, nullable: bool = False, max_length: int = 320) -> Column:
    return Column(name, ColumnType.TEXT, meaning, nullable, max_length)


def _count(name: str, meaning: str, *, nullable: bool = False) -> Column:
    return Column(name, ColumnType.COUNT, meaning, nullable)


def _flag(name: str, meaning: str) -> Column:
    return Column(name, ColumnType.FLAG, meaning)


def _time(name: str, meaning: str, *, nullable: bool = False) -> Column:
    return Column(name, ColumnType.TIME, meaning, nullable)


_FILE = _text("file", "identifier of the log file (a hash; no path)", max_length=64)
_OFFSET = _count("offset", "byte offset of the line in its file: the order of lines")
_SESSION = _text("session", "session; a sub-agent's is `parent/agent`")
_PLACE = (_FILE, _OFFSET, _SESSION)

SESSION_ENDS = (
    "none", "prompt", "thinking", "answer", "tool_call", "tool_ok", "tool_error", "api_error",
    "interrupted",
)  # fmt: skip
"""What a session's last event can be; the outcome rule reads it."""

SESSIONS = FactEntity(
    "sessions",
    "state of a session at the end of one read of one file; the latest one counts",
    (
        *_PLACE,
        _text("parent", "session this sub-agent works for; null for a main session", nullable=True),
        _text("source", "format plugin that read it: `claude-code`, `codex`"),
        _text("project", "name of the working folder, without its path", nullable=True),
        _time("last_at", "time of the last event read"),
        _text("end", "last event: one of SESSION_ENDS"),
        _flag("open_error", "the last tool results before the end had an error"),
    ),
)
MESSAGES = FactEntity(
    "messages",
    "user prompts and model answers; for one key the last observed line counts",
    (
        *_PLACE,
        _text("key", "identity: `message.id|requestId`, or the prompt's uuid"),
        _text("role", "`user` or `assistant`"),
        _text("answer", "message id, which is counted once; the key for prompts"),
        _time("first_at", "time of the first observed line"),
        _time("at", "time of the line that counts"),
        _text("model", "model id as logged; null for prompts and local answers", nullable=True),
        _count("input", "input tokens without cache reads and writes", nullable=True),
        _count("output", "output tokens, reasoning included", nullable=True),
        _count("cache_read", "tokens read from the prompt cache", nullable=True),
        _count("cache_creation", "tokens written to the prompt cache", nullable=True),
        _count("cache_creation_1h", "those of them kept for an hour", nullable=True),
    ),
)
TOKEN_TOTALS = FactEntity(
    "token_totals",
    "running totals of a session (Codex); the last of a session counts",
    (
        *_PLACE,
        _time("at", "time of the line"),
        _text("model", "model of the turn", nullable=True),
        _count("input_total", "input tokens so far, cache included"),
        _count("cached_total", "those read from the cache"),
        _count("cache_write_total", "those written to the cache"),
        _count("output_total", "output tokens so far, reasoning included"),
        _flag("inherited", "history copied from the session this one was forked from"),
    ),
)
TOOL_CALLS = FactEntity(
    "tool_calls",
    "calls of a tool by a model",
    (
        *_PLACE,
        _text("call_id", "identity that the result repeats"),
        _text("tool", "name of the tool", max_length=128),
        _time("at", "time of the call"),
    ),
)
TOOL_RESULTS = FactEntity(
    "tool_results",
    "answers of tools",
    (
        *_PLACE,
        _text("call_id", "identity of the call"),
        _time("at", "time of the result"),
        _flag("is_error", "the tool reported an error"),
        _text("error", "short redacted signature of the error", nullable=True, max_length=160),
    ),
)
FILE_EDITS = FactEntity(
    "file_edits",
    "files changed by an edit tool (Edit, MultiEdit, Write, NotebookEdit, apply_patch)",
    (
        *_PLACE,
        _text("call_id", "identity of the call"),
        _text("path", "file, relative to the working folder where inside it", max_length=512),
        _text("tool", "name of the tool", max_length=128),
        _time("at", "time of the call"),
        _count("lines_added", "lines of new text"),
        _count("lines_removed", "lines of replaced text; 0 where the log does not tell"),
    ),
)
BAD_LINES = FactEntity(
    "bad_lines",
    "lines that could not be read, or only after repair",
    (
        _FILE,
        _count("line", "line number, from 1"),
        _text("label", "name of the file as its owner sees it", max_length=512),
        _text("reason", "what is wrong with the line", max_length=160),
    ),
)

ENTITIES: Mapping[str, FactEntity] = MappingProxyType(
    {
        entity.name: entity
        for entity in (
            SESSIONS,
            MESSAGES,
            TOKEN_TOTALS,
            TOOL_CALLS,
            TOOL_RESULTS,
            FILE_EDITS,
            BAD_LINES,
        )
    }
)
"""Every fact entity by name."""
