"""Session logs of Codex: `~/.codex/sessions/**/rollout-*.jsonl`.

Each line is `{timestamp, type, payload}`. Token counts are running totals of the session, repeated
whenever the screen is refreshed; a forked session begins with a copy of its parent's history.
"""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from livery.client.session_logs import values
from livery.client.session_logs.rows import Rows, SessionEnd
from livery.client.session_logs.values import BadRecord

_TYPES = frozenset({"session_meta", "turn_context", "event_msg", "response_item", "compacted"})
_SESSION_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
_PATCH_FILE = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
_EXIT_CODE = re.compile(r"^(?:Exit code:|Process exited with code) (-?\d+)", re.MULTILINE)
_OUTPUT_SCAN = 2_000
HISTORY_US = 1_000_000
"""A fork's copied history bears times up to this long after the fork's creation."""
MAX_PATCHED_FILES = 500


class Codex:
    """The format plugin."""

    name = "codex"

    def places(self, home: Path) -> Iterable[tuple[Path, str]]:
        """Yield the folder of dated rollouts."""
        codex = os.environ.get("CODEX_HOME")
        yield (Path(codex) if codex else home / ".codex") / "sessions", "**/rollout-*.jsonl"

    def recognises(self, record: dict[str, Any]) -> bool:
        """A Codex record wraps a `payload` object under a known type."""
        kind = record.get("type")
        return type(kind) is str and kind in _TYPES and type(record.get("payload")) is dict

    def open(self, rows: Rows, file_name: str, state: Mapping[str, Any]) -> CodexReader:
        """Return a reader of one rollout."""
        return CodexReader(rows, file_name, state)


class CodexReader:
    """Turns records into facts; a rollout is one session."""

    def __init__(self, rows: Rows, file_name: str, state: Mapping[str, Any]) -> None:
        self._rows = rows
        stem = file_name.removesuffix(".jsonl")
        found = _SESSION_ID.search(stem)
        unnamed = found[1] if found else values.identifier(stem, "file name") or "unnamed"
        self._session: str = state.get("session") or unnamed
        self._named: bool = state.get("named", False)
        self._model: str | None = state.get("model")
        self._created: int | None = state.get("created")
        self._forked: bool = state.get("forked", False)
        self._text: int | None = state.get("text")
        self._end = SessionEnd.load(state["end"]) if "end" in state else SessionEnd()
        self._cwd: str | None = None
        self._totals: tuple[Any, ...] = ()
        self._touched = False

    def feed(self, offset: int, record: dict[str, Any]) -> None:
        """Add the facts of one record."""
        kind, payload = record.get("type"), record.get("payload")
        if kind not in _TYPES:
            if type(kind) is not str:
                raise BadRecord("not a session record: it names no type")
            return
        if type(payload) is not dict:
            raise BadRecord("payload is not an object")
        at = values.time_us(record.get("timestamp"))
        if kind == "session_meta":
            self._meta(at, payload)
        elif kind == "turn_context":
            self._model = values.name(payload.get("model"), "model") or self._model
            self._folder(payload)
        elif kind == "event_msg":
            self._event(offset, at, payload)
        elif kind == "response_item" and not self._inherited(at):
            self._item(offset, at, payload)
        self._touched = True
        self._end.offset = offset
        self._end.last_at = max(at, self._end.last_at)

    def finish(self) -> dict[str, Any]:
        """Add the session as it stands now."""
        end, rows = self._end, self._rows
        if self._touched:
            rows.by_entity["sessions"].append(
                (rows.file, end.offset, self._session, *end.row(Codex.name))
            )
        return {
            "session": self._session,
            "named": self._named,
            "model": self._model,
            "created": self._created,
            "forked": self._forked,
            "text": self._text,
            "end": end.dump(),
        }

    def _folder(self, payload: dict[str, Any]) -> None:
        cwd = payload.get("cwd")
        if type(cwd) is str:
            self._cwd = cwd
        if self._end.project is None:
            self._end.project = values.folder_name(cwd)

    def _meta(self, at: int, payload: dict[str, Any]) -> None:
        """Read the session's identity; a second header is its parent's, copied by a fork."""
        if self._named:
            self._forked = True
            return
        session = values.identifier(payload.get("id"), "session id")
        parent = _parent(payload.get("source"))
        self._forked = payload.get("forked_from_id") is not None
        self._session = session or self._session
        self._named, self._created, self._end.parent = True, at, parent
        self._folder(payload)
        self._model = values.name(payload.get("model"), "model") or self._model

    def _inherited(self, at: int) -> bool:
        return self._forked and self._created is not None and at <= self._created + HISTORY_US

    def _event(self, offset: int, at: int, payload: dict[str, Any]) -> None:
        kind = payload.get("type")
        inherited = self._inherited(at)
        if kind == "token_count":
            self._count(offset, at, payload.get("info"), inherited=inherited)
        elif inherited:
            return
        elif kind == "user_message":
            if type(payload.get("message")) is not str:
                raise BadRecord("message is not a text")
            key = f"{self._session}#{offset}"
            self._rows.message((offset, self._session, key), "user", key, at)
            self._text = None
            self._end.prompt()
        elif kind == "agent_message":
            self._answer(offset, at, payload.get("message"))
        elif kind == "error":
            self._end.end = "api_error"
        elif kind == "turn_aborted":
            self._end.end = "interrupted"

    def _answer(self, offset: int, at: int, text: object) -> None:
        """Count an answer once, though the log holds it as an item and as an event."""
        if type(text) is not str:
            raise BadRecord("message is not a text")
        mark = zlib.crc32(text.encode("utf-8", "surrogatepass"))
        key = f"{self._session}#{offset}"
        self._end.answered(key, "answer")
        if mark == self._text:
            self._text = None
            return
        self._text = mark
        place = (offset, self._session, key)
        self._rows.message(place, "assistant", key, at, model=self._model)

    def _count(self, offset: int, at: int, info: object, *, inherited: bool) -> None:
        total = info.get("total_token_usage") if type(info) is dict else None
        if total is None:
            return
        if type(total) is not dict:
            raise BadRecord("total_token_usage is not an object")
        totals = (
            values.count(total.get("input_tokens"), "input_tokens"),
            values.count(total.get("cached_input_tokens"), "cached_input_tokens"),
            values.count(total.get("cache_write_input_tokens"), "cache_write_input_tokens"),
            values.count(total.get("output_tokens"), "output_tokens"),
            inherited,
        )
        if totals == self._totals:
            return
        self._totals = totals
        rows = self._rows
        rows.by_entity["token_totals"].append(
            (rows.file, offset, self._session, at, self._model, *totals)
        )

    def _item(self, offset: int, at: int, payload: dict[str, Any]) -> None:
        kind = payload.get("type")
        if kind == "message":
            if payload.get("role") == "assistant":
                self._answer(offset, at, _item_text(payload.get("content")))
        elif kind in ("function_call", "custom_tool_call", "local_shell_call"):
            self._call(offset, at, payload, shell=kind == "local_shell_call")
        elif kind in ("function_call_output", "custom_tool_call_output"):
            call_id = (
                values.identifier(payload.get("call_id"), "call_id") or f"{self._session}#{offset}"
            )
            is_error, error = _result(payload.get("output"))
            rows = self._rows
            rows.by_entity["tool_results"].append(
                (rows.file, offset, self._session, call_id, at, is_error, error)
            )
            self._end.result(is_error=is_error)

    def _call(self, offset: int, at: int, payload: dict[str, Any], *, shell: bool) -> None:
        tool = "local_shell" if shell else values.name(payload.get("name"), "tool name")
        if tool is None:
            raise BadRecord("a tool call names no tool")
        rows, session = self._rows, self._session
        call_id = values.identifier(payload.get("call_id"), "call_id") or f"{session}#{offset}"
        rows.by_entity["tool_calls"].append((rows.file, offset, session, call_id, tool[:128], at))
        self._end.answered(f"{session}#{offset}", "tool_call")
        if tool == "apply_patch":
            for path, added, removed in _patched(payload.get("input") or payload.get("arguments")):
                inside = values.edited_path(path, self._cwd)
                rows.by_entity["file_edits"].append(
                    (rows.file, offset, session, call_id, inside, tool, at, added, removed)
                )


def _parent(source: object) -> str | None:
    """Return the session that spawned this one as a sub-agent."""
    spawn: object = source
    for part in ("subagent", "thread_spawn"):
        spawn = spawn.get(part) if type(spawn) is dict else None
    if type(spawn) is not dict:
        return None
    return values.identifier(spawn.get("parent_thread_id"), "parent_thread_id")


def _item_text(content: object) -> str:
    if type(content) is not list:
        raise BadRecord("content is not a list")
    parts = [block.get("text") for block in content if type(block) is dict]
    return "".join(part for part in parts if type(part) is str)


def _result(output: object) -> tuple[bool, str | None]:
    """Return (is error, signature): by exit code, `success` or `isError`, where the log tells."""
    if type(output) is str and output.startswith("{"):
        with contextlib.suppress(orjson.JSONDecodeError):
            output = orjson.loads(output)
    text, failed = _output_text(output), False
    if type(output) is dict:
        metadata = output.get("metadata")
        code = metadata.get("exit_code") if type(metadata) is dict else output.get("exit_code")
        failed = output.get("success") is False or output.get("isError") is True
        failed = failed or (type(code) is int and code != 0)
    if not failed:
        head = text[:_OUTPUT_SCAN]
        # The substring search is many times cheaper than the pattern.
        if "Exit code:" in head or "Process exited" in head:
            found = _EXIT_CODE.search(head)
            failed = found is not None and int(found[1]) != 0
    return failed, values.error_signature(text) if failed else None


def _output_text(output: object) -> str:
    if type(output) is dict:
        output = output.get("output") or output.get("content") or ""
    if type(output) is list:
        output = next(
            (b["text"] for b in output if type(b) is dict and type(b.get("text")) is str), ""
        )
    return output if type(output) is str else ""


def _patched(patch: object) -> Iterable[tuple[str, int, int]]:
    """Yield (path, lines added, lines removed) of each file in a patch."""
    if type(patch) is not str:
        return
    if patch.startswith("{"):
        try:
            inner = orjson.loads(patch)
        except orjson.JSONDecodeError:
            return
        patch = inner.get("input") if type(inner) is dict else None
        if type(patch) is not str:
            return
    heads = list(_PATCH_FILE.finditer(patch))[:MAX_PATCHED_FILES]
    for number, head in enumerate(heads):
        stop = heads[number + 1].start() if number + 1 < len(heads) else len(patch)
        body = patch[head.end() : stop].splitlines()
        added = sum(line.startswith("+") for line in body)
        removed = sum(line.startswith("-") for line in body)
        yield head[1].strip(), added, removed
