"""Half-written, binary, huge and hostile files: reported, nothing lost, bounded memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.facts import read_all

from livery.client.session_logs.batches import plan_reads
from livery.client.session_logs.discovery import find_logs
from livery.client.session_logs.lines import MAX_LINE
from livery.client.session_logs.reader import HALF_WRITTEN, FileCursor, read_file
from livery.client.session_logs.rows import MAX_REPORTED_LINES, Rows
from livery.client.session_logs.segments import pack_rows
from livery.client.session_logs.slices import read_batch
from livery.manifest.segment_frame import pack_frame
from livery.services.sessions.check import check_batch


def answer(name: str, output: object = 5, **changes: object) -> dict:
    """A good answer line; `changes` replace members of the record."""
    return {
        "type": "assistant",
        "sessionId": "s",
        "timestamp": "2026-11-10T10:00:00.000Z",
        "requestId": f"r-{name}",
        "message": {
            "id": name,
            "model": "claude-opus-4-6",
            "content": [{"type": "text", "text": "x"}],
            "usage": {"input_tokens": 1, "output_tokens": output},
        },
    } | changes


def line(record: object) -> bytes:
    return json.dumps(record).encode() + b"\n"


def facts(path: Path) -> tuple[list[str], list[tuple[int, str]]]:
    """Keys of the messages read, and the bad lines."""
    rows, _ = read_all(path)
    bad = [(row[1], row[3]) for row in rows.by_entity["bad_lines"]]
    return [row[3] for row in rows.by_entity["messages"]], bad


GOOD = line(answer("good"))
AFTER = line(answer("after"))
MESSAGE = answer("x")["message"]

BAD = {
    "broken": (b'{"type":"assistant","mess\n', "not JSON"),
    "not an object": (b"[1,2,3]\n", "not a JSON object"),
    "a number": (b"12\n", "not a JSON object"),
    "no type": (b'{"foo":1}\n', "not a session record"),
    "invalid UTF-8": (b'{"type":"user","x":"\xff\xfe"}\n', "not JSON"),
    "deep": (b'{"type":"user","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "not JSON"),
    "NaN": (b'{"type":"assistant","x":NaN}\n', "not JSON"),
    "NULs": (b"\0" * 500 + b"\n", "NUL bytes"),
    "message is a list": (line(answer("x", message=[1])), "message is not an object"),
    "no timestamp": (line(answer("x", timestamp=None)), "timestamp is missing"),
    "time is a list": (line(answer("x", timestamp=["2026"])), "timestamp is not a text"),
    "no time": (line(answer("x", timestamp="yesterday")), "timestamp is not ISO 8601"),
    "year 1": (line(answer("x", timestamp="0001-01-01T00:00:00+14:00")), "timestamp"),
    "year 9999": (line(answer("x", timestamp="9999-12-31T23:59:59Z")), "timestamp lies outside"),
    "session is a list": (line(answer("x", sessionId=["s"])), "sessionId is not a text"),
    "negative": (line(answer("x", -1)), "output_tokens is negative"),
    "beyond 2^53": (line(answer("x", 2**53 + 1)), "output_tokens is beyond 2^53"),
    "a float": (line(answer("x", 1.5)), "output_tokens is not a whole number"),
    "a flag": (line(answer("x", True)), "output_tokens is not a whole number"),
    "usage is a list": (line(answer("x", message={**MESSAGE, "usage": [1]})), "usage is not"),
    "id is a number": (line(answer("x", message={**MESSAGE, "id": 7})), "message.id is not"),
    "content is a number": (line(answer("x", message={**MESSAGE, "content": 7})), "content is"),
    "block is a text": (line(answer("x", message={**MESSAGE, "content": ["a"]})), "a content"),
    "nameless tool": (
        line(answer("x", message={**MESSAGE, "content": [{"type": "tool_use", "id": "t"}]})),
        "a tool call names no tool",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_reported_and_hides_no_good_one(tmp_path: Path, name: str) -> None:
    bad, reason = BAD[name]
    path = tmp_path / "log.jsonl"
    path.write_bytes(GOOD + bad + AFTER)
    keys, reported = facts(path)
    assert keys == ["good|r-good", "after|r-after"]
    assert len(reported) == 1
    assert reported[0][0] == 2
    assert reported[0][1].startswith(reason)


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        (b"\0\0\0" + AFTER, "NUL bytes around the record"),
        (AFTER.replace(b'"x"', rb'"cut \ud83d"'), "lone surrogate"),
    ],
)
def test_what_can_be_repaired_is_counted_and_reported(
    tmp_path: Path, spoiled: bytes, reason: str
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(GOOD + spoiled)
    keys, reported = facts(path)
    assert keys == ["good|r-good", "after|r-after"]
    assert reported[0][0] == 2
    assert reported[0][1].startswith(reason)


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\r\n" + AFTER)
    assert facts(path) == (["good|r-good", "after|r-after"], [])


def test_binary_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(os.urandom(3_000_000))
    keys, reported = facts(path)
    assert keys == []
    assert 0 < len(reported) <= MAX_REPORTED_LINES + 1
    assert reported[-1][1].endswith("more bad lines")


def test_empty_file_and_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "folder.jsonl").mkdir()
    logs = find_logs([tmp_path])
    assert [log.label for log in logs] == ["empty.jsonl"]
    gone = logs[0].path
    gone.write_bytes(GOOD)
    plans, _ = plan_reads(find_logs([tmp_path]), {})
    gone.unlink()
    batch = read_batch(plans)
    assert (batch.frame, batch.pending[0].line) == (None, 0)
    assert batch.pending[0].reason.startswith("cannot be read")


def test_half_written_last_line_is_left_and_then_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    cursor = FileCursor("0" * 32, "log.jsonl")
    keys: list[str] = []
    whole = GOOD + AFTER + line(answer("last"))
    # The file grows by a byte at a time around every line end, by more elsewhere.
    stops = sorted({*range(0, len(whole), 37), len(GOOD) - 1, len(GOOD), len(GOOD) + 1, len(whole)})
    for stop in stops:
        path.write_bytes(whole[:stop])
        rows = Rows()
        done = read_file(path, cursor, rows, 1 << 30)
        cursor = done.cursor
        keys += [row[3] for row in rows.by_entity["messages"]]
        assert rows.by_entity["bad_lines"] == []
        if done.pending:
            assert done.pending.reason == HALF_WRITTEN
    assert keys == ["good|r-good", "after|r-after", "last|r-last"]
    assert (cursor.offset, cursor.line) == (len(whole), 3)


def test_line_numbers_go_on_after_a_last_line_without_newline(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(GOOD[:-1])
    cursor = read_file(path, FileCursor("0" * 32, "l"), Rows(), 1 << 30).cursor
    path.write_bytes(GOOD + b"broken\n")
    rows = Rows()
    read_file(path, cursor, rows, 1 << 30)
    assert [row[1] for row in rows.by_entity["bad_lines"]] == [2]


def test_too_long_line_is_skipped_across_reads(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with path.open("wb") as file:
        file.write(GOOD)
        file.write(b"x" * (MAX_LINE + 3_000_000))
    cursor = FileCursor("0" * 32, "l")
    rows = Rows()
    cursor = read_file(path, cursor, rows, 1 << 40).cursor
    assert cursor.skipping
    with path.open("ab") as file:
        file.write(b"y" * 3_000_000 + b"\n" + AFTER)
    cursor = read_file(path, cursor, rows, 1 << 40).cursor
    assert [row[3] for row in rows.by_entity["messages"]] == ["good|r-good", "after|r-after"]
    assert [row[1] for row in rows.by_entity["bad_lines"]] == [2]
    assert (cursor.line, cursor.offset) == (3, path.stat().st_size)


def test_a_line_of_many_parts_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(GOOD + b'{"type":"user","x":[' + b"{}," * 4_000_000 + b"{}]}\n" + AFTER)
    keys, reported = facts(path)
    assert keys == ["good|r-good", "after|r-after"]
    assert reported == [(2, "line holds too many parts; not read")]


_MEMORY = """
import re, sys
from pathlib import Path
from livery.client.session_logs.batches import plan_reads
from livery.client.session_logs.slices import read_batch
from livery.client.session_logs.discovery import find_logs
plans, rows, bad = plan_reads(find_logs([Path(sys.argv[1])]), {})[0], 0, 0
while plans:
    batch = read_batch(plans)
    rows, plans = rows + batch.rows, list(batch.rest)
# Not ru_maxrss: that keeps what the forking parent held before the exec.
print(rows, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def test_memory_stays_below_500_mb(tmp_path: Path) -> None:
    """A line of 1 GB (a sparse file: NULs), a 15 MB line of parts, dense lines."""
    huge = tmp_path / "huge.jsonl"
    with huge.open("wb") as file:
        file.write(GOOD)
        file.truncate(1_000_000_000)
        file.seek(0, 2)
        file.write(b"\n" + AFTER)
    (tmp_path / "parts.jsonl").write_bytes(b'{"type":"user","x":[' + b"1," * 7_000_000 + b"1]}\n")
    (tmp_path / "text.jsonl").write_bytes(
        b'{"type":"user","x":"' + "é".encode() * 7_000_000 + b'"}\n'
    )
    with (tmp_path / "dense.jsonl").open("wb") as file:
        for number in range(150_000):
            file.write(line(answer(f"m{number}")))
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(tmp_path)],
        capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    rows, megabytes = map(int, done.stdout.split())
    assert rows >= 150_000 + 2
    assert megabytes < 500


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)
_FIELDS = ("type", "message", "payload", "timestamp", "sessionId", "uuid", "requestId", "cwd",
           "isSidechain", "agentId", "data", "isMeta", "subtype", "isApiErrorMessage")  # fmt: skip
_INNER = ("type", "role", "id", "model", "content", "usage", "info", "name", "call_id", "output",
          "input", "source", "cwd", "message", "text", "is_error", "tool_use_id")  # fmt: skip
_KINDS = st.sampled_from(
    ["assistant", "user", "progress", "system", "session_meta", "turn_context", "event_msg",
     "response_item"]
)  # fmt: skip
_KIND2 = st.sampled_from(
    ["message", "function_call", "custom_tool_call", "function_call_output", "token_count",
     "user_message", "agent_message", "error", "text", "tool_use", "tool_result"]
)  # fmt: skip
_BLOCK = st.dictionaries(st.sampled_from(_INNER), _JSON | _KIND2, max_size=6)
_NESTED = st.dictionaries(
    st.sampled_from(_INNER), _JSON | _KIND2 | _BLOCK | st.lists(_BLOCK, max_size=3), max_size=8
)
_TIME = st.just("2026-11-10T10:00:00Z")
_RECORD = st.dictionaries(st.sampled_from(_FIELDS), _JSON | _NESTED, max_size=8).flatmap(
    lambda record: st.tuples(_KINDS, _TIME | _JSON, _NESTED).map(
        lambda more: {**record, "type": more[0], "timestamp": more[1],
                      "message": more[2], "payload": more[2]}
    )
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(_RECORD, min_size=1, max_size=4))
def test_any_record_is_counted_or_reported_and_passes_the_server(records: list[dict]) -> None:
    """Whatever a log holds, the facts made of it are facts that the server takes."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        path.write_bytes(b"".join(line(record) for record in records) + GOOD)
        rows = Rows()
        done = read_file(path, FileCursor("0" * 32, "log.jsonl"), rows, 1 << 30)
        assert done.cursor.offset == path.stat().st_size
        first = records[0]
        if first["type"] in ("assistant", "user", "progress", "system") and done.cursor.format:
            assert "good" in {row[5] for row in rows.by_entity["messages"]} or (
                done.cursor.format == "codex"
            )
        if len(rows):
            check_batch(pack_frame(pack_rows(rows), [done.cursor.to_dict()]))
        for row in rows.by_entity["bad_lines"]:
            assert not row[3].startswith("cannot be read ("), row
