"""Writes session logs of any size in both formats, and counts them while it writes.

The totals are kept beside the writing, from what is decided and not from what is read, so that a
reader can be checked against them. Sizes of lines follow real logs: answers of one to two
kilobytes, tool output of some kilobytes with a long tail, each of it written twice (Claude Code
repeats it in `toolUseResult`).
"""

from __future__ import annotations

import argparse
import json
import random
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

MODELS = ("claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5")
CODEX_MODEL = "gpt-5.2-codex"
TOOLS = ("Bash", "Read", "Edit", "Grep", "Write")
START = datetime(2026, 11, 9, tzinfo=UTC)
SPAN_S = 6 * 24 * 3600
COUNTED = ("input", "output", "cache_read", "cache_creation")


@dataclass
class Totals:
    """What the written logs hold."""

    bytes: int = 0
    lines: int = 0
    main_sessions: int = 0
    sub_agents: int = 0
    prompts: int = 0
    answers: int = 0
    errors: int = 0
    outcomes: dict[str, int] = field(
        default_factory=lambda: {"success": 0, "failed": 0, "unknown": 0}
    )
    tools: dict[str, int] = field(default_factory=dict)
    models: dict[str, dict[str, int]] = field(default_factory=dict)
    bad_lines: list[tuple[str, int]] = field(default_factory=list)

    @property
    def messages(self) -> int:
        return self.prompts + self.answers

    def tokens(self, name: str) -> int:
        return sum(model[name] for model in self.models.values())

    def use(self, model: str, *tokens: int) -> None:
        used = self.models.setdefault(model, dict.fromkeys(COUNTED, 0))
        for name, count in zip(COUNTED, tokens, strict=True):
            used[name] += count

    def call(self, tool: str) -> None:
        self.tools[tool] = self.tools.get(tool, 0) + 1


def generate(folder: Path, size: int, seed: int = 1, file_size: int = 4_000_000) -> Totals:
    """Write about `size` bytes below `folder`/claude/projects and `folder`/codex/sessions."""
    return _Generator(folder, random.Random(seed), file_size).run(size)


class _File:
    """A log file under construction."""

    def __init__(self, path: Path, totals: Totals, root: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._out = path.open("w", encoding="utf-8")
        self._totals = totals
        self.label = str(path.relative_to(root))
        self.size = self.lines = 0

    def line(self, text: str) -> None:
        self._out.write(text + "\n")
        # All characters are ASCII: a character is a byte.
        self.size += len(text) + 1
        self.lines += 1
        self._totals.bytes += len(text) + 1
        self._totals.lines += 1

    def bad(self, text: str) -> None:
        self.line(text)
        self._totals.bad_lines.append((self.label, self.lines))

    def close(self) -> None:
        self._out.close()


class _Generator:
    def __init__(self, folder: Path, rng: random.Random, file_size: int) -> None:
        self.folder, self.rng, self.file_size = folder, rng, file_size
        self.totals = Totals()
        self.number = 0
        letters = string.ascii_letters + string.digits + '     .,;:()[]{}\n"\\/_-'
        # Drawn from once: slices of it are the texts.
        self._filler = json.dumps("".join(rng.choices(letters, k=400_000)))[1:-1]

    def run(self, size: int) -> Totals:
        while self.totals.bytes < size:
            if self.rng.random() < 0.85:
                self._claude_file()
            else:
                self._codex_file()
        return self.totals

    def id(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}_{self.number:08d}{self.rng.getrandbits(40):010x}"

    def text(self, mean: int) -> str:
        """Some JSON-escaped text, with a long tail; never cut within an escape."""
        length = min(int(self.rng.lognormvariate(0, 0.8) * mean) + 8, 200_000)
        start = self.rng.randrange(len(self._filler) - length)
        cut = self._filler[start : start + length]
        return cut.replace("\\", "/").replace('"', "'")

    # -- Claude Code -----------------------------------------------------------------------------

    def _claude_file(self) -> None:
        session = self.id("session")
        project = f"project-{self.rng.randrange(12)}"
        path = self.folder / "claude" / "projects" / f"-home-dev-{project}" / f"{session}.jsonl"
        file = _File(path, self.totals, self.folder)
        state = _Claude(self, file, session, project, self._begin())
        self.totals.main_sessions += 1
        goal = self.rng.randrange(self.file_size // 4, self.file_size)
        outcome = "unknown"
        turns = 0
        while file.size < goal:
            outcome = state.turn()
            turns += 1
            if turns == 2 and self.rng.random() < 0.2:
                state.sub_agent(path)
            if self.rng.random() < 0.02:
                file.bad('{"type":"assistant","message":{"usage":{"input_tokens":12')
        self.totals.outcomes[outcome] += 1
        if self.rng.random() < 0.15:
            state.resume(path)
        file.close()

    def _begin(self) -> datetime:
        return START + timedelta(seconds=self.rng.randrange(SPAN_S))

    # -- Codex -----------------------------------------------------------------------------------

    def _codex_file(self) -> None:
        begun = self._begin()
        self.number += 1
        session = f"{self.rng.getrandbits(32):08x}-0000-4000-8000-{self.number:012d}"
        name = f"rollout-{begun:%Y-%m-%dT%H-%M-%S}-{session}.jsonl"
        path = self.folder / "codex" / "sessions" / f"{begun:%Y/%m/%d}" / name
        file = _File(path, self.totals, self.folder)
        _Codex(self, file, session, begun).run(
            self.rng.randrange(self.file_size // 4, self.file_size)
        )
        file.close()


class _Claude:
    def __init__(
        self, make: _Generator, file: _File, session: str, project: str, at: datetime
    ) -> None:
        self.make, self.file, self.session, self.project, self.at = make, file, session, project, at
        self.kept: list[str] = []
        self.agent = ""

    def head(self, kind: str) -> str:
        self.at += timedelta(milliseconds=self.make.rng.randrange(200, 900))
        side = "true" if self.agent else "false"
        agent = f'"agentId":"{self.agent}",' if self.agent else ""
        stamp = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return (
            f'{{"parentUuid":null,"isSidechain":{side},{agent}"userType":"external",'
            f'"cwd":"/home/dev/{self.project}","sessionId":"{self.session}","version":"2.1.0",'
            f'"gitBranch":"main","type":"{kind}","uuid":"{self.make.id("u")}",'
            f'"timestamp":"{stamp}",'
        )

    def write(self, text: str) -> None:
        self.file.line(text)
        if len(self.kept) < 40:
            self.kept.append(text)

    def prompt(self) -> None:
        text = self.make.text(300)
        self.write(f'{self.head("user")}"message":{{"role":"user","content":"ask: {text}"}}}}')
        self.make.totals.prompts += 1

    def answer(self, blocks: list[str]) -> None:
        """One answer, one line a block; usage grows, the last line is right."""
        rng, totals = self.make.rng, self.make.totals
        model = rng.choice(MODELS)
        message, request = self.make.id("msg"), self.make.id("req")
        tokens = (rng.randrange(1, 400), rng.randrange(20, 3000), rng.randrange(0, 90_000),
                  rng.randrange(0, 4000))  # fmt: skip
        for number, block in enumerate(blocks):
            output = tokens[1] if number == len(blocks) - 1 else rng.randrange(1, 20)
            self.write(
                f'{self.head("assistant")}"requestId":"{request}","message":{{"id":"{message}",'
                f'"type":"message","role":"assistant","model":"{model}","content":[{block}],'
                f'"stop_reason":null,"usage":{{"input_tokens":{tokens[0]},'
                f'"cache_creation_input_tokens":{tokens[3]},"cache_read_input_tokens":{tokens[2]},'
                f'"output_tokens":{output},"service_tier":"standard"}}}}}}'
            )
        totals.answers += 1
        totals.use(model, *tokens)

    def said(self, mean: int = 900) -> str:
        return f'{{"type":"text","text":"so: {self.make.text(mean)}"}}'

    def turn(self) -> str:
        """A prompt, some calls with results, mostly an answer; returns the outcome so far."""
        rng, totals = self.make.rng, self.make.totals
        self.prompt()
        failed = False
        for _ in range(rng.randrange(1, 9)):
            tool, call = rng.choice(TOOLS), self.make.id("toolu")
            if tool in ("Edit", "Write"):
                field = "new_string" if tool == "Edit" else "content"
                given = f'"file_path":"/home/dev/{self.project}/f{rng.randrange(40)}.py",'
                given += f'"{field}":"{self.make.text(900)}"'
            else:
                given = f'"command":"{self.make.text(80)}"'
            use = f'{{"type":"tool_use","id":"{call}","name":"{tool}","input":{{{given}}}}}'
            self.answer([self.said(300), use] if rng.random() < 0.6 else [use])
            totals.call(tool)
            failed = rng.random() < 0.08
            self.result(call, failed)
        if failed and rng.random() < 0.5:
            return "failed"  # nobody answers the error
        self.answer([self.said()])
        return "unknown" if failed else "success"

    def result(self, call: str, failed: bool) -> None:
        text = self.make.text(2500)
        error = "true" if failed else "false"
        self.write(
            f'{self.head("user")}"message":{{"role":"user","content":[{{"tool_use_id":"{call}",'
            f'"type":"tool_result","content":"{text}","is_error":{error}}}]}},'
            f'"toolUseResult":{{"stdout":"{text}","stderr":"","interrupted":false}}}}'
        )
        self.make.totals.errors += failed

    def sub_agent(self, path: Path) -> None:
        """A sub-agent's file; the parent repeats part of its usage in a progress record."""
        agent = f"{self.make.rng.getrandbits(32):08x}"
        where = path.with_suffix("") / "subagents" / f"agent-{agent}.jsonl"
        file = _File(where, self.make.totals, self.make.folder)
        own = _Claude(self.make, file, self.session, self.project, self.at)
        own.agent = agent
        self.make.totals.sub_agents += 1
        own.prompt()
        own.answer([own.said(), own.said()])
        repeated = json.loads(own.kept[-2])
        inner = {k: repeated[k] for k in ("type", "timestamp", "requestId", "message")}
        data = json.dumps({"type": "agent_progress", "agentId": agent, "message": inner})
        self.file.line(f'{self.head("progress")}"data":{data}}}')
        file.close()

    def resume(self, path: Path) -> None:
        """A new session that begins with a copy of this one's first lines."""
        session = self.make.id("session")
        file = _File(path.with_name(f"{session}.jsonl"), self.make.totals, self.make.folder)
        for line in self.kept:
            file.line(line.replace(self.session, session))
        own = _Claude(self.make, file, session, self.project, self.at)
        self.make.totals.main_sessions += 1
        self.make.totals.outcomes[own.turn()] += 1
        file.close()


class _Codex:
    def __init__(self, make: _Generator, file: _File, session: str, at: datetime) -> None:
        self.make, self.file, self.session, self.at = make, file, session, at
        self.total = [0, 0, 0]

    def line(self, kind: str, payload: str) -> None:
        self.at += timedelta(milliseconds=self.make.rng.randrange(100, 900))
        stamp = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.file.line(f'{{"timestamp":"{stamp}","type":"{kind}","payload":{{{payload}}}}}')

    def run(self, goal: int) -> None:
        rng, totals = self.make.rng, self.make.totals
        cwd = f"/home/dev/codex-{rng.randrange(5)}"
        self.line("session_meta", f'"id":"{self.session}","cwd":"{cwd}","source":"cli"')
        self.line("turn_context", f'"cwd":"{cwd}","model":"{CODEX_MODEL}"')
        totals.main_sessions += 1
        outcome = "unknown"
        while self.file.size < goal:
            outcome = self.turn()
        totals.outcomes[outcome] += 1
        read, cached, written = self.total
        totals.use(CODEX_MODEL, read - cached, written, cached, 0)

    def turn(self) -> str:
        rng, totals = self.make.rng, self.make.totals
        self.line("event_msg", f'"type":"user_message","message":"ask: {self.make.text(200)}"')
        totals.prompts += 1
        failed = False
        for _ in range(rng.randrange(1, 8)):
            call = self.make.id("call")
            command = self.make.text(60).replace("\n", " ")
            self.line("response_item", f'"type":"function_call","name":"exec_command",'
                      f'"arguments":"{command}","call_id":"{call}"')  # fmt: skip
            totals.call("exec_command")
            failed = rng.random() < 0.06
            output = f"Exit code: {int(failed)}/nOutput: {self.make.text(2500)}"
            self.line("response_item", f'"type":"function_call_output","call_id":"{call}",'
                      f'"output":"{output}"')  # fmt: skip
            totals.errors += failed
            self.count()
        text = f"so: {self.make.id('t')} {self.make.text(600)}"
        self.line("event_msg", f'"type":"agent_message","message":"{text}"')
        self.line("response_item", '"type":"message","role":"assistant","content":'
                  f'[{{"type":"output_text","text":"{text}"}}]')  # fmt: skip
        totals.answers += 1
        self.count()
        return "unknown" if failed else "success"

    def count(self) -> None:
        """The running totals, often repeated unchanged."""
        rng = self.make.rng
        read = rng.randrange(500, 20_000)
        step = (read, rng.randrange(read), rng.randrange(10, 900))
        self.total = [old + new for old, new in zip(self.total, step, strict=True)]
        total, last = _usage(self.total), _usage(step)
        for _ in range(rng.choice((1, 1, 2, 3))):
            self.line(
                "event_msg",
                f'"type":"token_count","info":{{"total_token_usage":{total},'
                f'"last_token_usage":{last}}}',
            )


def _usage(counts: Sequence[int]) -> str:
    fields = ("input_tokens", "cached_input_tokens", "output_tokens")
    parts = [f'"{name}":{count}' for name, count in zip(fields, counts, strict=True)]
    return f'{{{",".join(parts)},"total_tokens":{counts[0] + counts[2]}}}'


def main() -> None:
    """Write logs from the command line and print their totals."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bytes", type=float, default=10e6)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    totals = generate(given.folder, int(given.bytes), given.seed)
    print(json.dumps({**vars(totals), "bad_lines": len(totals.bad_lines)}, indent=2))


if __name__ == "__main__":
    main()
