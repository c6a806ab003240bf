"""Values out of a log, checked: a log line is written by others and may hold anything."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from livery.manifest.session_facts import MAX_COUNT, MAX_TIME_US, MIN_TIME_US
from livery.manifest.session_texts import HARMLESS, clean_identifier, clean_name

MAX_NAME = 120
MAX_PATH = 512
MAX_SIGNATURE = 120
_SIGNATURE_SCAN = 2_000
_LONGEST_ERROR = 300
_LONGEST_NAME = 4_096
"""Characters of a name or path that are looked at; what is kept of it is shorter."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HOME = re.compile(r"^(?:/home/[^/]+|/Users/[^/]+|[A-Za-z]:[\\/]Users[\\/][^\\/]+)[\\/]")
_MARKUP = re.compile(r"</?[A-Za-z_-]{1,40}>")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|“[^”]*”")
_PATHLIKE = re.compile(r"(?:[A-Za-z]+://|[A-Za-z]:\\|~?/|\.{1,2}/)\S+|\b\S+[\\/]\S+")
_NUMBER = re.compile(r"\b(?:0x)?[0-9a-fA-F]*\d[0-9a-fA-F]*\b")


class BadRecord(ValueError):
    """A log record that cannot be counted; the message is the reason that is reported."""


def name(value: object, what: str) -> str | None:
    """Return a name: one line without secrets, at most MAX_NAME characters; None stays None.

    Raises BadRecord where the value is not a text.
    """
    if type(value) is str:
        return _shown_name(value[:_LONGEST_NAME]) or None
    if value is None:
        return None
    raise BadRecord(f"{what} is not a text")


@lru_cache(maxsize=2048)
def _shown_name(text: str) -> str:
    return clean_name(_CONTROL.sub("\ufffd", text), MAX_NAME)


def identifier(value: object, what: str) -> str | None:
    """Return an identifier like `name()` does; one that holds a secret is hashed.

    Raises BadRecord where the value is not a text.
    """
    if type(value) is str:
        if len(value) <= MAX_NAME:
            if HARMLESS.fullmatch(value):
                return value or None
            if value.isprintable():
                return clean_identifier(value) or None
        value = _CONTROL.sub("\ufffd", value[:_LONGEST_NAME])
        clean = clean_identifier(value)
        return clean if clean != value else clean_identifier(value[:MAX_NAME]) or None
    if value is None:
        return None
    raise BadRecord(f"{what} is not a text")


def count(value: object, what: str) -> int:
    """Return a count in [0, 2**53]; None counts as 0. Raises BadRecord otherwise."""
    if type(value) is int:
        if 0 <= value <= MAX_COUNT:
            return value
        raise BadRecord(f"{what} is negative" if value < 0 else f"{what} is beyond 2^53")
    if value is None:
        return 0
    raise BadRecord(f"{what} is not a whole number")


def time_us(value: object) -> int:
    """Return an ISO 8601 time as microseconds since 1970 UTC; a time without zone is UTC.

    Raises BadRecord where it is missing, malformed, or outside 2000 to 2100.
    """
    if type(value) is not str:
        raise BadRecord("timestamp is missing" if value is None else "timestamp is not a text")
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        micros = round(at.timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise BadRecord("timestamp is not ISO 8601") from None
    if not MIN_TIME_US <= micros < MAX_TIME_US:
        raise BadRecord("timestamp lies outside 2000 to 2100")
    return micros


def folder_name(cwd: object) -> str | None:
    """Return the last part of a working folder: the project's name, never its whole path."""
    if type(cwd) is not str or not cwd:
        return None
    last = re.split(r"[\\/]", cwd.rstrip("\\/"))[-1]
    return name(last or "/", "cwd")


def edited_path(path: str, cwd: object) -> str:
    """Return a file's path relative to the working folder; outside it without the home's name."""
    if type(cwd) is str and cwd and path.startswith(cwd.rstrip("/") + "/"):
        path = path[len(cwd.rstrip("/")) + 1 :]
    else:
        path = _HOME.sub("~/", path)
    return _shown_path(path[-_LONGEST_NAME:])


@lru_cache(maxsize=2048)
def _shown_path(path: str) -> str:
    return clean_name(_CONTROL.sub("\ufffd", path), MAX_PATH, tail=True)


def line_count(text: object) -> int:
    """Return the number of lines of a text; 0 for anything else."""
    if type(text) is not str or not text:
        return 0
    return text.count("\n") + (not text.endswith("\n"))


def error_signature(text: str) -> str:
    """Return what kind of error a text reports: its first line, without values.

    Quoted parts, paths and numbers are blanked and secrets redacted, so that equal errors look
    equal and nothing of a file or a prompt is carried along.
    """
    line = next((part for part in text[:_SIGNATURE_SCAN].splitlines() if part.strip("<>/ \t")), "")
    # Redacted before it is cut: half a secret has no form that anybody would know.
    line = clean_name(_CONTROL.sub(" ", line), _LONGEST_ERROR)
    line = _MARKUP.sub("", line)
    for pattern, blank in ((_QUOTED, "…"), (_PATHLIKE, "<path>"), (_NUMBER, "N")):
        line = pattern.sub(blank, line)
    return clean_name(" ".join(line.split()), MAX_SIGNATURE) or "error without a text"
