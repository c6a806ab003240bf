"""Batches: reading processes, order, what happens when one cannot be had."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.support.log_generator import generate

from livery.client.session_logs import batches, slices, worker
from livery.client.session_logs.batches import plan_reads, read_batches
from livery.client.session_logs.discovery import find_logs
from livery.client.session_logs.reader import FileCursor, file_id
from livery.manifest.segment_frame import unpack_frame


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Logs that need several batches and processes, without being large."""
    monkeypatch.setattr(batches, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(batches, "BATCH_BYTES", 400_000)
    monkeypatch.setattr(slices, "BATCH_BYTES", 400_000)
    generate(tmp_path, 3_000_000, 7, file_size=900_000)
    return tmp_path


async def offsets(folder: Path) -> tuple[dict[str, list[int]], int]:
    """Every file's offsets in the order in which its batches came, and the rows."""
    found: dict[str, list[int]] = {}
    rows = 0
    async for batch in read_batches(plan_reads(find_logs([folder]), {})[0]):
        rows += batch.rows
        for cursor in unpack_frame(batch.frame or b"").cursors:
            found.setdefault(cursor["file"], []).append(cursor["offset"])
    return found, rows


async def test_batches_of_a_file_come_in_order_and_reach_its_end(many: Path) -> None:
    found, rows = await offsets(many)
    assert rows
    assert all(stops == sorted(stops) for stops in found.values())
    assert sum(stops[-1] for stops in found.values()) == sum(log.size for log in find_logs([many]))


async def test_without_reading_processes_the_same_is_read(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rows = await offsets(many)
    monkeypatch.setattr(worker.sys, "executable", "/nonexistent/python")
    assert (await offsets(many))[1] == rows


async def test_closing_early_leaves_no_process(many: Path) -> None:
    reading = read_batches(plan_reads(find_logs([many]), {})[0])
    await anext(reading)
    await reading.aclose()
    assert [task for task in asyncio.all_tasks() if "_reader" in repr(task)] == []


def test_places_of_the_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = json.dumps({"type": "summary"}) + "\n"
    for place in (
        ".claude/projects/-a/s.jsonl",
        ".claude/projects/-a/s/subagents/agent-1.jsonl",
        ".codex/sessions/2026/11/09/rollout-2026-11-09T10-00-00-x.jsonl",
        ".codex/sessions/2026/11/09/other.jsonl",
        ".claude/todos/t.jsonl",
    ):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(record)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "LIVERY_SESSION_LOGS"):
        monkeypatch.delenv(name, raising=False)
    assert {log.path.name for log in find_logs()} == {
        "s.jsonl", "agent-1.jsonl", "rollout-2026-11-09T10-00-00-x.jsonl",
    }  # fmt: skip
    monkeypatch.setenv("LIVERY_SESSION_LOGS", str(tmp_path / ".claude/todos"))
    assert [log.label for log in find_logs()] == ["t.jsonl"]
    with pytest.raises(FileNotFoundError):
        find_logs([tmp_path / "nowhere"])


def test_a_file_that_vanished_is_said(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps({"type": "summary"}) + "\n")
    [log] = find_logs([path])
    path.unlink()
    known = {file_id(path): FileCursor(file_id(path), "s.jsonl", offset=5)}
    plans, unreadable = plan_reads([log], known)
    assert plans == []
    assert [(p.file, p.line) for p in unreadable] == [("s.jsonl", 0)]
