"""A sample week in both formats, for a machine that has no session logs.

Everything in it is invented. It is small enough to be counted by hand: the arithmetic stands in
tests/client/session_logs/sample_week.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from livery.private import private_folder, write_private

OPUS, HAIKU, CODEX, LOCAL = (
    "claude-opus-4-6", "claude-haiku-4-5", "gpt-5.2-codex", "local-coder-1",
)  # fmt: skip
STEP = timedelta(seconds=20)

Tokens = tuple[int, int, int, int]


def write_sample_week(folder: Path, monday: date) -> list[Path]:
    """Write the week that begins on `monday` (times are UTC) below `folder`; return its files."""
    start = datetime.combine(monday, time(), UTC)
    written = [
        *_before(folder, start - timedelta(days=5)),
        *_monday(folder, start, "s1"),
        *_tuesday(folder, start + timedelta(days=1)),
        *_failures(folder, start + timedelta(days=2)),
        *_resumed(folder, start),
        *_unanswered(folder, start + timedelta(days=4)),
        *_codex(folder, start + timedelta(days=5)),
    ]
    return sorted(written)


class _Claude:
    """Writes a Claude Code session line by line, 20 seconds apart."""

    def __init__(self, at: datetime, session: str, project: str, agent: str | None = None) -> None:
        self.at, self.lines = at, list[str]()
        self._common: dict[str, Any] = {
            "isSidechain": agent is not None,
            "userType": "external",
            "cwd": f"/home/sam/{project}",
            "sessionId": f"sample-{session}",
            "version": "2.1.0",
            "gitBranch": "main",
        }
        if agent is not None:
            self._common["agentId"] = agent

    def add(self, kind: str, uuid: str, **fields: Any) -> None:
        self.at += STEP
        record = {
            **self._common, "type": kind, "uuid": uuid, "timestamp": _stamp(self.at), **fields,
        }  # fmt: skip
        self.lines.append(json.dumps(record, separators=(",", ":")))

    def prompt(self, name: str, text: str) -> None:
        self.add("user", f"prompt-{name}", message={"role": "user", "content": text})

    def answer(
        self, name: str, model: str, tokens: Tokens, *blocks: dict[str, Any], partial: int = 0
    ) -> None:
        """Write an answer, one line a block; lines before the last hold `partial` output tokens."""
        for number, block in enumerate(blocks):
            last = number == len(blocks) - 1
            message = {
                "id": f"msg-{name}",
                "type": "message",
                "role": "assistant",
                "model": model,
                "content": [block],
                "stop_reason": None,
                "usage": _usage(tokens, tokens[1] if last else partial),
            }
            self.add("assistant", f"{name}-{number}", requestId=f"req-{name}", message=message)

    def result(self, call: str, text: str, *, error: bool = False) -> None:
        block = {"tool_use_id": call, "type": "tool_result", "content": text, "is_error": error}
        self.add("user", f"result-{call}", message={"role": "user", "content": [block]})

    def api_error(self, name: str) -> None:
        text = {"type": "text", "text": "API Error: 529 overloaded_error"}
        message: dict[str, Any] = {"id": f"msg-{name}", "role": "assistant"}
        message["model"] = "<synthetic>"
        message |= {"content": [text], "usage": _usage((0, 0, 0, 0), 0)}
        self.add("assistant", name, message=message, isApiErrorMessage=True)


def _usage(tokens: Tokens, output: int) -> dict[str, Any]:
    return {
        "input_tokens": tokens[0],
        "output_tokens": output,
        "cache_read_input_tokens": tokens[2],
        "cache_creation_input_tokens": tokens[3],
        "service_tier": "standard",
    }


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _call(call: str, tool: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": tool, "input": arguments}


def _save(path: Path, lines: list[str]) -> Path:
    private_folder(path.parent)
    write_private(path, ("\n".join(lines) + "\n").encode())
    return path


def _claude_file(folder: Path, project: str, name: str) -> Path:
    return folder / "claude" / "projects" / f"-home-sam-{project}" / f"{name}.jsonl"


def _before(folder: Path, at: datetime) -> Iterator[Path]:
    log = _Claude(at + timedelta(hours=9), "s0", "harbor-api")
    log.prompt("0", "Which ports do we serve?")
    log.answer("a0", OPUS, (100, 100, 0, 0), _text("Twelve; the list is in ports.py."))
    yield _save(_claude_file(folder, "harbor-api", "sample-s0"), log.lines)


def _first_session(at: datetime, session: str) -> _Claude:
    log = _Claude(at + timedelta(hours=9), session, "harbor-api")
    log.prompt("1", "Add the port of Kiel to the table.")
    edit = _call("t1", "Edit", file_path="/home/sam/harbor-api/src/ports.py")
    edit["input"] |= {"old_string": "PORTS = []", "new_string": "PORTS = [\n  'Kiel',\n]\n\n"}
    log.answer("a1", OPUS, (1000, 200, 0, 10_000), _text("I will add it."), edit, partial=20)
    log.result("t1", "The file was updated.")
    log.answer("a2", OPUS, (500, 300, 10_000, 0), _text("Kiel is in the table now."))
    return log


def _monday(folder: Path, at: datetime, session: str) -> Iterator[Path]:
    log = _first_session(at, session)
    yield _save(_claude_file(folder, "harbor-api", f"sample-{session}"), log.lines)


def _tuesday(folder: Path, at: datetime) -> Iterator[Path]:
    log = _Claude(at + timedelta(hours=10), "s2", "harbor-api")
    log.prompt("2", "Make the tests pass.")
    log.answer("a3", OPUS, (200, 150, 12_000, 1000), _call("t2", "Bash", command="make test"))
    log.result("t2", "Exit code 1: 3 tests failed in tests/test_ports.py", error=True)
    edit = _call("t3", "Edit", file_path="/home/sam/harbor-api/src/ports.py")
    edit["input"] |= {"old_string": "x", "new_string": "y"}
    ask = _call("t4", "Task", description="Review the tests", prompt="Which cases are missing?")
    log.answer("a4", OPUS, (100, 250, 13_000, 500), edit, ask, partial=80)
    log.result("t3", "The file was updated.")

    agent = _Claude(log.at, "s2", "harbor-api", agent="a1b2")
    agent.prompt("agent", "Which cases are missing?")
    found = _text("The empty table."), _text("And names with umlauts.")
    agent.answer("a6", HAIKU, (2000, 400, 0, 0), *found, partial=9)
    inner: dict[str, Any] = {
        "type": "assistant",
        "timestamp": _stamp(log.at),
        "requestId": "req-a6",
    }
    inner["message"] = {"id": "msg-a6", "model": HAIKU, "usage": _usage((2000, 400, 0, 0), 9)}
    log.add("progress", "progress-1", data={"type": "agent_progress", "message": inner,
                                            "agentId": "a1b2"})  # fmt: skip

    log.result("t4", "Two cases are missing.")
    log.answer("a5", OPUS, (100, 100, 13_500, 0), _text("All tests pass."))
    path = _claude_file(folder, "harbor-api", "sample-s2")
    yield _save(path, log.lines)
    yield _save(path.with_suffix("") / "subagents" / "agent-a1b2.jsonl", agent.lines)


def _failures(folder: Path, at: datetime) -> Iterator[Path]:
    log = _Claude(at + timedelta(hours=14), "s3", "harbor-web")
    log.prompt("3", "Why is the map empty?")
    log.answer("a7", HAIKU, (300, 50, 0, 0), _call("t5", "Read", file_path="src/map.ts"))
    log.result("t5", "export const map = null")
    log.api_error("a10")
    yield _save(_claude_file(folder, "harbor-web", "sample-s3"), log.lines)
    log = _Claude(at + timedelta(days=1, hours=11), "s4", "harbor-web")
    log.prompt("4", "Build the site.")
    log.answer("a8", OPUS, (400, 100, 5000, 0), _call("t6", "Bash", command="npm run build"))
    log.result("t6", "npm error Missing script: build", error=True)
    yield _save(_claude_file(folder, "harbor-web", "sample-s4"), log.lines)


def _resumed(folder: Path, monday: datetime) -> Iterator[Path]:
    """Thursday goes on with Monday's session: its lines are copied into the new file."""
    log = _first_session(monday, "s5")
    log.at = monday + timedelta(days=3, hours=16)
    log.prompt("5", "Write that down.")
    page = "\n".join(f"line {number}" for number in range(10))
    write = _call("t7", "Write", file_path="/home/sam/harbor-api/docs/ports.md", content=page)
    log.answer("a9", OPUS, (300, 500, 11_000, 0), write)
    log.result("t7", "The file was created.")
    yield _save(_claude_file(folder, "harbor-api", "sample-s5"), log.lines)


def _unanswered(folder: Path, at: datetime) -> Iterator[Path]:
    log = _Claude(at + timedelta(hours=9, minutes=30), "s6", "harbor-web")
    log.prompt("6", "Deploy it.")
    log.lines.append('{"type":"assistant","message":{"id":"msg-cut","usa')
    log.add("file-history-snapshot", "snapshot-1", snapshot={})
    yield _save(_claude_file(folder, "harbor-web", "sample-s6"), log.lines)


class _Codex:
    """Writes a Codex rollout line by line, 20 seconds apart."""

    def __init__(self, at: datetime, session: str, model: str) -> None:
        self.at, self.lines = at, list[str]()
        self.started = at + STEP
        meta = {"id": session, "timestamp": _stamp(self.started), "cwd": "/home/sam/tide-cli"}
        self.add("session_meta", {**meta, "originator": "codex_cli_rs", "cli_version": "0.99.0"})
        self.add("turn_context", {"cwd": "/home/sam/tide-cli", "model": model})

    def add(self, kind: str, payload: dict[str, Any]) -> None:
        self.at += STEP
        record = {"timestamp": _stamp(self.at), "type": kind, "payload": payload}
        self.lines.append(json.dumps(record, separators=(",", ":")))

    def event(self, kind: str, **fields: Any) -> None:
        self.add("event_msg", {"type": kind, **fields})

    def item(self, kind: str, **fields: Any) -> None:
        self.add("response_item", {"type": kind, **fields})

    def totals(self, read: int, cached: int, written: int) -> None:
        usage = {"input_tokens": read, "cached_input_tokens": cached, "output_tokens": written}
        self.event("token_count", info={"total_token_usage": usage, "last_token_usage": usage})

    @contextmanager
    def turn(self, prompt: str, answer: str) -> Iterator[None]:
        self.event("user_message", message=prompt)
        yield
        self.event("agent_message", message=answer)
        content = [{"type": "output_text", "text": answer}]
        self.item("message", role="assistant", content=content)

    def save(self, folder: Path, session: str) -> Path:
        day = folder / "codex" / "sessions" / f"{self.started:%Y/%m/%d}"
        return _save(day / f"rollout-{self.started:%Y-%m-%dT%H-%M-%S}-{session}.jsonl", self.lines)


def _codex(folder: Path, at: datetime) -> Iterator[Path]:
    session = "5a3f0000-0000-4000-8000-000000000007"
    log = _Codex(at + timedelta(hours=20), session, CODEX)
    with log.turn("Show the tide as a table.", "The tide is a table now."):
        log.item("function_call", name="exec_command", arguments="{}", call_id="c1")
        log.item("function_call_output", call_id="c1", output="Exit code: 0\nOutput:\nsrc")
        log.totals(4000, 1000, 300)
        log.totals(4000, 1000, 300)
        patch = "*** Begin Patch\n*** Update File: src/tide.rs\n@@\n-a\n+b\n+c\n+d\n*** End Patch"
        log.item("custom_tool_call", name="apply_patch", input=patch, call_id="c2")
        log.item("custom_tool_call_output", call_id="c2", output="Exit code: 0\nOutput:\nDone!")
    log.totals(9000, 5000, 800)
    yield log.save(folder, session)

    session = "5a3f0000-0000-4000-8000-000000000008"
    log = _Codex(at + timedelta(days=1, hours=12), session, LOCAL)
    with log.turn("Run the linter.", "The linter is not installed."):
        log.item("function_call", name="exec_command", arguments="{}", call_id="c3")
        output = "Exit code: 127\nOutput:\ncargo: no such command: clippy"
        log.item("function_call_output", call_id="c3", output=output)
    log.totals(2000, 0, 100)
    yield log.save(folder, session)
