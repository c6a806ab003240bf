"""The input of a run, from the command line."""

import errno
import json
import os
import stat
import sys
from typing import Any

from livery.cli.exits import UsageError

MAX_INPUT = 8 * 1024 * 1024
"""Bytes; the API takes no more either."""


def read_input(source: str | None, pairs: list[str]) -> dict[str, Any]:
    """The input object: `source` (JSON, `@file`, or `@-` for stdin), then `pairs` (`name=value`).

    A pair's value is JSON where it parses as JSON, else text; a pair may replace a member of `source`,
    but not another pair. Raises `UsageError`.
    """
    found = {} if source is None else _parse(_text(source), source)
    named: set[str] = set()
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"-k takes NAME=VALUE, not {pair!r}.", "For example: -k a=2")
        if name in named:
            raise UsageError(f"-k {name} is given twice.", "Give each member once.")
        named.add(name)
        found[name] = _value(value)
    return found


def _text(source: str) -> str:
    if not source.startswith("@"):
        return source
    try:
        raw = sys.stdin.buffer.read(MAX_INPUT + 1) if source == "@-" else _file(source[1:])
        if len(raw) > MAX_INPUT:
            raise UsageError(
                f"{source[1:]} is more than {MAX_INPUT} bytes.",
                "An input is at most 8 MiB of JSON.",
            )
        return raw.decode("utf-8-sig")
    except OSError as failed:
        reason = failed.strerror or failed
        raise UsageError(f"Cannot read {source[1:]}: {reason}.", "Name a JSON file.") from failed
    except UnicodeDecodeError as failed:
        raise UsageError(f"{source[1:]} is not UTF-8.", "Name a JSON file.") from failed


def _file(name: str) -> bytes:
    # Opened without waiting for a writer, and judged before it is read: a device may never end.
    handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        kind = os.fstat(handle).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(kind) and not stat.S_ISFIFO(kind):
            raise UsageError(f"{name} is no regular file.", "Name a JSON file, or @- for stdin.")
        os.set_blocking(handle, True)
        return file.read(MAX_INPUT + 1)


def _parse(words: str, source: str) -> dict[str, Any]:
    where = source if source.startswith("@") else "--input"
    example = """For example: --input '{"a": 2, "b": 3}', --input @input.json, or -k a=2 -k b=3"""
    try:
        found = json.loads(words, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as bad:
        raise UsageError(f"{where} is not JSON: {bad}.", example) from bad
    if not isinstance(found, dict):
        raise UsageError(f"{where} is JSON, but not an object.", example)
    return found


def _value(value: str) -> Any:
    try:
        return json.loads(value, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is named twice in one object")
    return found
