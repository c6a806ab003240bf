"""A secret in a log, wherever it stands, never leaves the reader; what it names is still counted."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.facts import open_rows, read_all, run_digest

from livery.client.session_logs import values
from livery.client.session_logs.batches import plan_reads
from livery.client.session_logs.discovery import find_logs
from livery.client.session_logs.reader import FileCursor, file_id, read_file
from livery.client.session_logs.rows import Rows
from livery.client.session_logs.segments import pack_rows
from livery.client.session_logs.slices import read_batch
from livery.manifest.denylist import redact_text
from livery.manifest.session_texts import (
    HARMLESS,
    SUSPICIOUS,
    clean_identifier,
    clean_name,
    unclean,
)
from livery.services.sessions.check import check_batch

SECRET = "ghp_" + "A1b2" * 9
KEY = "sk-ant-api03-" + "Zx9" * 10
DAY = "2026-11-10T10:00:0{}.000Z"
ERRORS = [
    "bash: line 1: GITHUB_TOKEN: unbound variable",
    "password=hunter2pw failed to login",
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "Unexpected token: punc",
    "invalid token: unexpected",
    "Invalid token:",
    "x" * 100 + " token: 'a9b8 c7' and more of it",
]


def lines(error: str = "boom", session: str | None = None, cwd: str | None = None) -> list[str]:
    base = {"sessionId": session or f"s-{SECRET}", "cwd": cwd or f"/work/app-{SECRET}"}
    call = {"type": "tool_use", "id": f"t-{KEY}", "name": f"x.{KEY}", "input": {}}
    edit = {
        "type": "tool_use", "id": "t2", "name": "Edit",
        "input": {"file_path": f"/work/{SECRET}/a.py", "new_string": "x"},
    }  # fmt: skip
    usage = {"input_tokens": 1, "output_tokens": 2}
    answer = {"id": f"m-{KEY}", "model": f"model-{SECRET}", "usage": usage, "content": [call, edit]}
    result = {"type": "tool_result", "tool_use_id": f"t-{KEY}", "is_error": True, "content": error}
    return [
        json.dumps({"type": "user", "uuid": "u1", "timestamp": DAY.format(0), **base,
                    "message": {"content": "go"}}),
        json.dumps({"type": "assistant", "requestId": SECRET, "timestamp": DAY.format(1), **base,
                    "message": answer}),
        json.dumps({"type": "user", "uuid": "u2", "timestamp": DAY.format(2), **base,
                    "message": {"content": [result]}}),
        "no json",
    ]  # fmt: skip


def stored(rows: Rows) -> str:
    """All texts that a server would keep."""
    return json.dumps(
        [pq.read_table(pa.BufferReader(s.data)).to_pylist() for s in pack_rows(rows)], default=str
    )


def test_nothing_secret_is_sent_and_everything_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / f"logs-{SECRET}"
    folder.mkdir()
    (folder / f"{KEY}.jsonl").write_text("\n".join(lines()) + "\n")
    logs = find_logs([tmp_path])
    batch = read_batch(plan_reads(logs, {})[0])
    assert batch.frame is not None
    assert SECRET.encode() not in batch.frame
    check_batch(batch.frame)
    rows, pending = read_all(tmp_path)
    assert pending == []
    text = stored(rows) + json.dumps([log.label for log in logs])
    assert SECRET not in text
    assert KEY not in text
    output, artifacts = run_digest(
        open_rows(tmp_path, rows), **{"from": "2026-11-09", "to": "2026-11-16"}
    )
    assert output["overview"]["sessions"]["total"] == 1
    assert output["overview"]["answered_calls"] == 1
    assert output["overview"]["errors"] == 1
    assert output["projects"][0]["project"] == "app-[redacted]"
    assert output["by_model"][0]["model"] == "model-[redacted]"
    markdown = artifacts["digest.md"].decode()
    assert redact_text(markdown) == markdown


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_line_is_quoted_and_ends_no_digest(tmp_path: Path, error: str) -> None:
    (tmp_path / "s.jsonl").write_text("\n".join(lines(error, "s", "/work/app")) + "\n")
    output, artifacts = run_digest(
        open_rows(tmp_path, read_all(tmp_path)[0]), **{"from": "2026-11-09", "to": "2026-11-16"}
    )
    assert len(output["blockers"]) == 1
    markdown = artifacts["digest.md"].decode()
    assert redact_text(markdown) == markdown
    for secret in ("hunter2pw", "eyJ", "a9b8", "c7"):
        assert secret not in markdown


def test_reading_in_pieces_gives_the_same_and_cursors_hold_no_secret(tmp_path: Path) -> None:
    path = tmp_path / f"{SECRET}.jsonl"
    whole = lines()
    cursor = FileCursor(file_id(path), find_logs([_written(path, whole[:1])])[0].label)
    pieces = Rows()
    for upto in range(1, len(whole) + 1):
        _written(path, whole[:upto])
        cursor = read_file(path, cursor, pieces, 1 << 30).cursor
        assert SECRET not in json.dumps(cursor.to_dict())
        assert KEY not in json.dumps(cursor.to_dict())
    once = Rows()
    read_file(path, FileCursor(file_id(path), cursor.label), once, 1 << 30)
    assert once.by_entity["sessions"][-1] == pieces.by_entity["sessions"][-1]
    assert len({row[2] for row in pieces.by_entity["sessions"]}) == 1


def test_a_plugin_that_cleans_nothing_sends_nothing_secret() -> None:
    rows = Rows()
    rows.open_file("0" * 32, f"{SECRET}.jsonl")
    rows.bad_line(1, f"cannot read {KEY}")
    rows.message((0, SECRET, SECRET), "user", SECRET, 1_780_000_000_000_000, model=SECRET)
    rows.by_entity["sessions"].append(
        ("0" * 32, 0, SECRET, None, "x", SECRET, 1_780_000_000_000_000, "none", False)
    )
    text = stored(rows)
    assert SECRET not in text
    assert KEY not in text
    assert len(set(re.findall(r"redacted-[0-9a-f]{32}", text))) == 1


TEXTS = st.lists(
    st.sampled_from(["token", "password", ": ", "=", " ", SECRET, KEY, "abc1", "/", "[", "\\", "x" * 50])
    | st.text(max_size=5)
).map("".join)  # fmt: skip


@given(TEXTS, st.integers(5, 90), st.booleans())
def test_what_is_clean_stays_clean(text: str, limit: int, tail: bool) -> None:
    name = clean_name(text, limit, tail=tail)
    assert unclean([name]) == []
    assert len(name) <= max(limit, len("[redacted]"))
    assert clean_name(name, max(limit, len(name)), tail=tail) == name
    assert unclean([clean_identifier(text)]) == []
    assert clean_identifier(clean_identifier(text)) == clean_identifier(text)


@given(TEXTS)
def test_every_name_that_the_reader_gives_is_one_that_the_server_takes(text: str) -> None:
    given: list[Any] = [
        values.name(text, "x"), values.identifier(text, "x"), values.folder_name(text),
        values.edited_path(text, None), values.error_signature(text),
    ]  # fmt: skip
    assert unclean([shown for shown in given if shown]) == []


IDENTIFIERS = st.from_regex(HARMLESS, fullmatch=True) | st.lists(
    st.sampled_from(["msg_", "AKIA", "ASIA", "gh", "p_", "sk", "-", "eyJ", "xox", "A1B2C3D4E5F6G7", "token", "_"])
).map("".join)  # fmt: skip


@given(IDENTIFIERS)
@settings(max_examples=2_000)
@example("AKIA" + "A1B2" * 4)
@example("msg_AKIA" + "A1B2" * 4)
@example("ghp_" + "A1b2" * 9)
@example("whsec_" + "A1b2" * 9)
def test_an_identifier_that_passes_at_once_holds_no_secret(text: str) -> None:
    if HARMLESS.fullmatch(text):
        assert redact_text(text) == text


@given(st.lists(TEXTS | IDENTIFIERS | st.text(max_size=9), max_size=20))
def test_arrow_overlooks_no_text_that_the_service_refuses(texts: list[str]) -> None:
    column = pa.array(texts, pa.string())
    suspects = column.filter(pc.match_substring_regex(column, SUSPICIOUS)).to_pylist()
    assert unclean(suspects) == unclean(texts)
    assert all(re.search(SUSPICIOUS, text) for text in suspects)
    control = re.compile(r"[\x00-\x1f\x7f-\x9f]")
    assert [t for t in texts if control.search(t)] == [t for t in suspects if control.search(t)]


def _written(path: Path, some: list[str]) -> Path:
    path.write_text("\n".join(some) + "\n")
    return path
