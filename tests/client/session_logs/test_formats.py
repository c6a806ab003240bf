"""Rules of the two formats that the design names, each on lines written for it."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.facts import open_logs, read_all

from livery.execution.data.views import DataViews

T = "2026-11-10T10:00:{:02d}.000Z"


def claude(folder: Path, name: str, *records: dict[str, Any]) -> Path:
    path = folder / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        {"sessionId": name, "cwd": "/p/app", "uuid": f"{name}-{n}", "timestamp": T.format(n)}
        | record
        for n, record in enumerate(records)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def prompt(text: str = "please") -> dict[str, Any]:
    return {"type": "user", "message": {"role": "user", "content": text}}


def said(name: str, *blocks: dict[str, Any], output: int = 1, **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 10, "output_tokens": output}
    message = {"id": name, "model": "m", "content": list(blocks), "usage": usage}
    return {"type": "assistant", "requestId": "r" + name, "message": message} | more


def text() -> dict[str, Any]:
    return {"type": "text", "text": "done"}


def use(call: str, tool: str = "Bash", **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": tool, "input": given}


def result(call: str, *, error: bool | None = None) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": call, "content": "out", "is_error": error}
    return {"type": "user", "message": {"role": "user", "content": [block]}}


API_ERROR = said("e", text(), isApiErrorMessage=True)
INTERRUPTED = prompt("[Request interrupted by user]")

OUTCOMES = {
    "final answer": ([prompt(), said("a", text())], "success"),
    "clean result": ([prompt(), said("a", use("t")), result("t")], "success"),
    "result without is_error": ([prompt(), said("a", use("t")), result("t", error=False)], "success"),
    "api error": ([prompt(), said("a", text()), API_ERROR], "failed"),
    "api error, then answered": ([prompt(), API_ERROR, prompt(), said("b", text())], "success"),
    "retry logged": (
        [prompt(), {"type": "system", "subtype": "api_error"}], "failed"),
    "retry that worked": (
        [prompt(), {"type": "system", "subtype": "api_error"}, said("a", text())], "success"),
    "unanswered tool error": ([prompt(), said("a", use("t")), result("t", error=True)], "failed"),
    "error left open": (
        [prompt(), said("a", use("t")), result("t", error=True), said("b", text())], "unknown"),
    "error repaired": (
        [prompt(), said("a", use("t")), result("t", error=True), said("b", use("u")), result("u"),
         said("c", text())], "success"),
    "error beside a clean result": (
        [prompt(), said("a", use("t"), use("u")), result("t", error=True), result("u")], "failed"),
    "error in an earlier turn": (
        [prompt(), said("a", use("t")), result("t", error=True), said("b", text()), prompt(),
         said("c", text())], "success"),
    "nobody answered": ([prompt(), said("a", text()), prompt()], "unknown"),
    "call without result": ([prompt(), said("a", use("t"))], "unknown"),
    "interrupted": ([prompt(), said("a", text()), INTERRUPTED], "unknown"),
    "only a prompt": ([prompt()], "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(tmp_path: Path, name: str) -> None:
    records, outcome = OUTCOMES[name]
    claude(tmp_path / "logs", "s", *records)
    views = open_logs(tmp_path, tmp_path / "logs")
    assert [r["outcome"] for r in views.query("sessions", ["outcome"], ["total"])] == [outcome]


def one(views: DataViews, view: str, *measures: str, **where: Any) -> dict[str, Any]:
    [row] = views.query(view, [], list(measures), where=where)
    return row


def test_the_last_line_of_an_answer_counts_and_its_lines_are_one_message(tmp_path: Path) -> None:
    claude(
        tmp_path / "logs", "s", prompt(), said("a", text(), output=3), said("a", text(), output=9),
        said("a", use("t"), output=250), said("b", text(), output=1),
    )  # fmt: skip
    views = open_logs(tmp_path, tmp_path / "logs")
    assert one(views, "usage", "input", "output") == {"input": 20, "output": 251}
    assert one(views, "messages", "messages", "answers") == {"messages": 3, "answers": 2}


def test_equal_times_are_ordered_by_line(tmp_path: Path) -> None:
    lines = [said("a", text(), output=n, timestamp=T.format(5)) for n in (90, 7, 40)]
    claude(tmp_path / "logs", "s", *lines)
    views = open_logs(tmp_path, tmp_path / "logs")
    assert one(views, "usage", "output") == {"output": 40}


def test_one_message_id_with_two_requests_counts_twice_as_usage(tmp_path: Path) -> None:
    again = said("a", text(), output=5) | {"requestId": "other"}
    claude(tmp_path / "logs", "s", said("a", text(), output=3), again)
    views = open_logs(tmp_path, tmp_path / "logs")
    assert one(views, "usage", "output") == {"output": 8}
    assert one(views, "messages", "answers") == {"answers": 1}


def test_what_is_no_prompt(tmp_path: Path) -> None:
    blocks = {"type": "user", "message": {"role": "user", "content": [text()]}}
    claude(
        tmp_path / "logs", "s", prompt(), blocks, prompt() | {"isMeta": True},
        prompt("<local-command-stdout>x</local-command-stdout>"),
        prompt() | {"isCompactSummary": True}, INTERRUPTED,
        {"type": "summary", "summary": "x"}, {"type": "queue-operation"},
    )  # fmt: skip
    views = open_logs(tmp_path, tmp_path / "logs")
    assert one(views, "messages", "prompts") == {"prompts": 2}


def test_a_call_meets_its_result_across_files(tmp_path: Path) -> None:
    claude(tmp_path / "logs", "a", prompt(), said("a", use("t", "Grep")))
    claude(tmp_path / "logs", "b", result("t", error=True))
    views = open_logs(tmp_path, tmp_path / "logs")
    rows = views.query("tool_calls", ["tool", "result"], ["calls", "errors"])
    assert rows == [{"tool": "Grep", "result": "error", "calls": 1, "errors": 1}]


@pytest.mark.parametrize(("tool", "given", "lines"), [
    ("Edit", {"file_path": "/p/app/x.py", "old_string": "a\nb", "new_string": "c"}, (1, 2)),
    ("MultiEdit", {"file_path": "/p/app/x.py",
                   "edits": [{"old_string": "", "new_string": "a\nb\n"}]}, (2, 0)),
    ("Write", {"file_path": "/p/app/x.py", "content": "a"}, (1, 0)),
    ("NotebookEdit", {"notebook_path": "/p/app/x.py", "new_source": "a\n\n"}, (2, 0)),
])  # fmt: skip
def test_edits(tmp_path: Path, tool: str, given: dict[str, Any], lines: tuple[int, int]) -> None:
    claude(tmp_path / "logs", "s", said("a", use("t", tool, **given), use("u", "Read", **given)))
    views = open_logs(tmp_path, tmp_path / "logs")
    assert views.query("files", ["path"], ["edits", "lines_added", "lines_removed"]) == [
        {"path": "x.py", "edits": 1, "lines_added": lines[0], "lines_removed": lines[1]}
    ]


def test_sub_agents_belong_to_their_parent(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    claude(logs, "main", prompt(), said("a", text()))
    side = {"isSidechain": True, "sessionId": "main"}
    claude(logs / "main" / "subagents", "agent-x1", prompt() | side, said("b", text()) | side)
    claude(logs, "agent-x2", prompt() | side, said("c", text()) | side)
    views = open_logs(tmp_path, logs)
    assert one(views, "sessions", "total", "sub_agents") == {"total": 1, "sub_agents": 2}
    assert one(views, "messages", "sessions") == {"sessions": 1}
    assert one(views, "usage", "input") == {"input": 30}
    rows = views.query("sessions", ["main_session"], ["sub_agents"])
    assert rows == [{"main_session": "main", "sub_agents": 2}]


def test_facts_hold_no_text(tmp_path: Path) -> None:
    secret = "the moon is made of cheese"
    claude(
        tmp_path / "logs", "s", prompt(secret),
        said("a", {"type": "text", "text": secret},
             use("t", "Edit", file_path="/home/me/f", new_string=secret)),
        {"type": "user", "message": {"content": [
            {"type": "tool_result", "tool_use_id": "t", "is_error": True,
             "content": f"Error: cannot open '{secret}' token=abc123secret\n{secret}"}]}},
    )  # fmt: skip
    rows, _ = read_all(tmp_path / "logs")
    everything = json.dumps(rows.by_entity)
    assert "cheese" not in everything
    assert "abc123secret" not in everything
    assert "/home/me" not in everything


# -- Codex -------------------------------------------------------------------------------------------


def codex(folder: Path, session: str, *records: tuple[str, dict[str, Any]], start: int = 0) -> None:
    path = folder / f"rollout-2026-11-10T10-00-00-{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        {"timestamp": T.format(start + n), "type": kind, "payload": payload}
        for n, (kind, payload) in enumerate(records)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def meta(session: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "session_meta", {"id": session, "cwd": "/p/app"} | more


def model(name: str) -> tuple[str, dict[str, Any]]:
    return "turn_context", {"model": name, "cwd": "/p/app"}


def totals(read: int, cached: int, written: int) -> tuple[str, dict[str, Any]]:
    usage = {"input_tokens": read, "cached_input_tokens": cached, "output_tokens": written}
    return "event_msg", {"type": "token_count", "info": {"total_token_usage": usage}}


def test_the_last_running_total_counts(tmp_path: Path) -> None:
    codex(
        tmp_path / "logs", "c", meta("c"), model("gpt-5"), totals(100, 20, 5), totals(100, 20, 5),
        ("event_msg", {"type": "token_count", "info": None}), totals(300, 120, 15),
        model("gpt-5-mini"), totals(1000, 500, 40),
    )  # fmt: skip
    views = open_logs(tmp_path, tmp_path / "logs")
    rows = views.query("usage", ["model"], ["input", "cache_read", "output"])
    assert rows == [
        {"model": "gpt-5", "input": 180, "cache_read": 120, "output": 15},
        {"model": "gpt-5-mini", "input": 320, "cache_read": 380, "output": 25},
    ]


def test_a_total_that_falls_leaves_the_last_one(tmp_path: Path) -> None:
    codex(tmp_path / "logs", "c", meta("c"), model("gpt-5"), totals(900, 0, 90), totals(300, 0, 30))
    views = open_logs(tmp_path, tmp_path / "logs")
    assert one(views, "usage", "input", "output") == {"input": 300, "output": 30}


def test_a_fork_does_not_count_its_parent_again(tmp_path: Path) -> None:
    codex(tmp_path / "logs", "p", meta("p"), model("gpt-5"), totals(100, 0, 10), totals(400, 0, 40))
    # The copied history bears the time of the fork; the fork's own work comes later.
    path = tmp_path / "logs" / "rollout-2026-11-10T11-00-00-f.jsonl"
    history = [meta("f", forked_from_id="p"), meta("p"), model("gpt-5"), totals(100, 0, 10),
               totals(400, 0, 40)]  # fmt: skip
    own = [("event_msg", {"type": "user_message", "message": "go on"}), totals(650, 0, 70)]
    lines = [{"timestamp": "2026-11-10T11:00:00.500Z", "type": k, "payload": p} for k, p in history]
    lines += [{"timestamp": "2026-11-10T11:05:00.000Z", "type": k, "payload": p} for k, p in own]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    views = open_logs(tmp_path, tmp_path / "logs")
    assert one(views, "usage", "input", "output") == {"input": 650, "output": 70}
    assert one(views, "messages", "prompts") == {"prompts": 1}


def test_a_codex_sub_agent(tmp_path: Path) -> None:
    codex(
        tmp_path / "logs", "p", meta("p"), ("event_msg", {"type": "user_message", "message": "x"})
    )
    spawn = {"subagent": {"thread_spawn": {"parent_thread_id": "p", "depth": 1}}}
    codex(
        tmp_path / "logs", "q", meta("q", source=spawn), model("gpt-5"),
        ("event_msg", {"type": "agent_message", "message": "done"}), totals(5, 0, 5),
    )  # fmt: skip
    views = open_logs(tmp_path, tmp_path / "logs")
    assert one(views, "sessions", "total", "sub_agents") == {"total": 1, "sub_agents": 1}


@pytest.mark.parametrize(("output", "failed"), [
    ("Exit code: 0\nWall time: 1s", False),
    ("Exit code: 2\nOutput:\nnope", True),
    ('{"output":"no","metadata":{"exit_code":1,"duration_seconds":0.1}}', True),
    ('{"output":"yes","metadata":{"exit_code":0}}', False),
    ({"content": "x", "success": False}, True),
    ([{"type": "input_text", "text": "Process exited with code 3"}], True),
    (None, False),
    (7, False),
])  # fmt: skip
def test_codex_tool_errors(tmp_path: Path, output: Any, failed: bool) -> None:
    codex(
        tmp_path / "logs", "c", meta("c"),
        ("event_msg", {"type": "user_message", "message": "x"}),
        ("response_item", {"type": "function_call", "name": "shell", "call_id": "1"}),
        ("response_item", {"type": "function_call_output", "call_id": "1", "output": output}),
    )  # fmt: skip
    views = open_logs(tmp_path, tmp_path / "logs")
    assert one(views, "tool_calls", "errors") == {"errors": int(failed)}
    assert one(views, "sessions", "failed") == {"failed": int(failed)}


PUBLIC = Path("/work/shared/data/agent-logs")


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public logs are not on this machine")
def test_public_logs(tmp_path: Path) -> None:
    """Counted by hand in the files, as their authors published them."""
    views = open_logs(tmp_path, PUBLIC / "simonw", PUBLIC / "codex_daaain", PUBLIC / "daaain")
    assert one(views, "sessions", "total") == {"total": 6}
    assert one(views, "messages", "answers", source="codex") == {"answers": 1}
    assert one(views, "tool_calls", "calls", source="codex") == {"calls": 3}
    # ccusage 20.0.24 counts the same for this model.
    row = one(views, "usage", "input", "output", "cost_usd", model="claude-sonnet-4")
    assert row == {"input": 883, "output": 328, "cost_usd": 0.007569}
