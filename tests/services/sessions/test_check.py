"""A batch is untrusted: whatever is not as the facts say is refused, with its place."""

import contextlib
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livery.client.session_logs.segments import arrow_schema
from livery.manifest.segment_frame import (
    FrameInvalid,
    FrameSegment,
    pack_frame,
    pack_segment,
    unpack_frame,
)
from livery.services.sessions.check import MAX_ROWS, check_batch
from livery.services.sessions.errors import BatchInvalid

CURSOR = {
    "file": "0" * 32, "label": "a.jsonl", "format": "codex", "offset": 1, "line": 1,
    "skipping": False, "proof": "1" * 32, "state": {},
}  # fmt: skip
RESULT = {
    "file": "0" * 32, "offset": 5, "session": "s", "call_id": "t", "at": 1_780_000_000_000_000,
    "is_error": True, "error": "boom",
}  # fmt: skip


def segment(entity: str, *rows: dict[str, Any], schema: Any = None) -> FrameSegment:
    table = pa.Table.from_pylist(list(rows), schema=schema or arrow_schema(entity))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return pack_segment(entity, len(rows), sink.getvalue().to_pybytes())


def refused(frame: bytes) -> BatchInvalid:
    with pytest.raises(BatchInvalid) as caught:
        check_batch(frame)
    return caught.value


def test_a_good_batch_passes() -> None:
    batch = check_batch(pack_frame([segment("tool_results", RESULT)], [CURSOR]))
    assert (batch.rows, len(batch.cursors)) == (1, 1)


@pytest.mark.parametrize(("column", "value"), [
    ("offset", -1), ("offset", 2**53 + 1), ("at", 0), ("at", 2**61), ("error", "x" * 161),
    ("error", "two\nlines"), ("error", "nul\0"), ("session", "esc\x1b[31m"),
])  # fmt: skip
def test_values_out_of_bounds(column: str, value: Any) -> None:
    error = refused(pack_frame([segment("tool_results", {**RESULT, column: value})], []))
    assert error.violations[0].pointer == f"/segments/0/{column}"


def test_choices_and_schema() -> None:
    session = {
        "file": "0" * 32, "offset": 0, "session": "s", "parent": None, "source": "codex",
        "project": None, "last_at": RESULT["at"], "end": "victory", "open_error": False,
    }  # fmt: skip
    assert "/end" in refused(pack_frame([segment("sessions", session)], [])).violations[0].pointer
    fewer = pa.schema([field for field in arrow_schema("tool_results") if field.name != "error"])
    row = {name: value for name, value in RESULT.items() if name != "error"}
    refused(pack_frame([segment("tool_results", row, schema=fewer)], []))
    large = arrow_schema("tool_results").set(4, pa.field("at", pa.int64(), nullable=False))
    refused(pack_frame([segment("tool_results", RESULT, schema=large)], []))
    refused(pack_frame([pack_segment("passwords", 1, b"x")], []))


def test_rows_are_counted_and_bounded() -> None:
    good = segment("tool_results", RESULT)
    refused(pack_frame([FrameSegment(good.entity, 2, good.sha256, good.data)], []))
    refused(pack_frame([segment("tool_results")], []))
    column = pa.chunked_array([pa.nulls(MAX_ROWS + 1, pa.string())])
    assert len(column) > MAX_ROWS


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no file": lambda c: c.pop("file"),
    "a path for a file": lambda c: c.update(file="../../etc/passwd"),
    "negative offset": lambda c: c.update(offset=-1),
    "flag for offset": lambda c: c.update(offset=True),
    "text for line": lambda c: c.update(line="1"),
    "control character": lambda c: c.update(label="a\nb"),
    "long label": lambda c: c.update(label="x" * 513),
    "state is a list": lambda c: c.update(state=[]),
    "large state": lambda c: c.update(state={"x": "y" * 20_000}),
    "unknown member": lambda c: c.update(more=1),
    "odd format": lambda c: c.update(format="Codex; drop table"),
    "proof is no hash": lambda c: c.update(proof="x"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_cursors_are_checked(name: str) -> None:
    cursor = dict(CURSOR)
    CHANGES[name](cursor)
    assert refused(pack_frame([], [cursor])).violations[0].pointer.startswith("/cursors/0")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2000), st.integers(0, 255))
def test_any_bytes_are_a_batch_or_refused(junk: bytes, place: int, byte: int) -> None:
    frame = pack_frame([segment("tool_results", RESULT)], [CURSOR])
    changed = bytearray(frame)
    changed[place % len(frame)] = byte
    for body in (junk, frame[:place], frame + junk, bytes(changed), b"LVF1" + junk):
        with contextlib.suppress(BatchInvalid):
            assert check_batch(body).rows == 1


def test_frames() -> None:
    good = pack_frame([segment("tool_results", RESULT)], [CURSOR])
    frame = unpack_frame(good)
    assert frame.cursors == (CURSOR,)
    assert frame.batch_id == unpack_frame(good).batch_id
    for broken in (b"", b"LVF1", good[:-1], good + b"x", b"LVF2" + good[4:],
                   b"LVF1" + (2**31).to_bytes(4, "big") + good[8:]):  # fmt: skip
        with pytest.raises(FrameInvalid):
            unpack_frame(broken)


SECRET = "ghp_" + "A1b2" * 9


@pytest.mark.parametrize("column", ["session", "call_id", "error"])
def test_a_secret_that_a_client_still_sends_is_refused(column: str) -> None:
    frame = pack_frame([segment("tool_results", {**RESULT, column: f"a {SECRET}"})], [])
    error = refused(frame)
    assert error.violations[0].pointer == f"/segments/0/{column}"
    assert SECRET not in str(error.problem(None))


@pytest.mark.parametrize(
    "change",
    [{"label": f"{SECRET}.jsonl"}, {"state": {"end": [None, SECRET]}}, {"state": {SECRET: 1}}],
)
def test_a_secret_in_a_cursor_is_refused(change: dict[str, Any]) -> None:
    assert "secret" in str(refused(pack_frame([], [{**CURSOR, **change}])))
