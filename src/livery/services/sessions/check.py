"""A client's batch is untrusted input: every segment and cursor is checked before it is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from livery.manifest.canonical import NotIJson, canonical_json
from livery.manifest.errors import Violation
from livery.manifest.segment_frame import FrameInvalid, FrameSegment, unpack_frame
from livery.manifest.session_facts import (
    ENTITIES,
    MAX_COUNT,
    MAX_TIME_US,
    MIN_TIME_US,
    SESSION_ENDS,
    Column,
    ColumnType,
    FactEntity,
)
from livery.manifest.session_texts import SUSPICIOUS, clean_state, unclean
from livery.services.sessions.errors import BatchInvalid
from livery.services.sessions.types import CheckedBatch

MAX_ROWS = 500_000
MAX_UNPACKED = 256 * 1024 * 1024
MAX_CURSORS = 10_000
MAX_STATE = 16 * 1024

_FILE = re.compile(r"[0-9a-f]{32}")
_FORMAT = re.compile(r"[a-z0-9-]{1,40}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CURSOR = {"file", "label", "format", "offset", "line", "skipping", "proof", "state"}
_CHOICES = {
    ("sessions", "end"): frozenset(SESSION_ENDS),
    ("messages", "role"): frozenset({"user", "assistant"}),
}


def check_batch(body: bytes) -> CheckedBatch:
    """Return the batch in a frame. CPU-bound: call it in a thread.

    Raises BatchInvalid where the frame, a segment's schema or a value is not as
    `livery.manifest.session_facts` says.
    """
    try:
        frame = unpack_frame(body)
    except FrameInvalid as error:
        raise BatchInvalid(message=f"The batch cannot be read: {error}.") from None
    if len(frame.cursors) > MAX_CURSORS:
        raise BatchInvalid(message="The batch holds too many files.")
    for number, cursor in enumerate(frame.cursors):
        _check_cursor(cursor, f"/cursors/{number}")
    for number, segment in enumerate(frame.segments):
        _check_segment(segment, f"/segments/{number}")
    return CheckedBatch(frame.batch_id, frame.segments, frame.cursors)


def _refuse(pointer: str, message: str) -> BatchInvalid:
    return BatchInvalid(message=message, violations=[Violation(pointer, message)])


def _check_cursor(cursor: Mapping[str, Any], pointer: str) -> None:
    label, known = cursor.get("label"), cursor.get("format")
    good = (
        set(cursor) == _CURSOR
        and _matches(_FILE, cursor["file"])
        and (cursor["proof"] == "" or _matches(_FILE, cursor["proof"]))
        and isinstance(label, str)
        and len(label) <= 512
        and label.isprintable()
        and (known is None or _matches(_FORMAT, known))
        and type(cursor["skipping"]) is bool
        and all(type(cursor[n]) is int and 0 <= cursor[n] <= MAX_COUNT for n in ("offset", "line"))
        and isinstance(cursor["state"], dict)
    )
    if not good:
        raise _refuse(pointer, "A cursor is not as a reader writes it.")
    try:
        size = len(canonical_json(cursor["state"]))
    except NotIJson as error:
        raise _refuse(pointer + "/state", f"The state is not I-JSON: {error}") from None
    if size > MAX_STATE:
        raise _refuse(pointer + "/state", "The state is too large.")
    if unclean([cursor["label"]]) or clean_state(cursor["state"]) != cursor["state"]:
        raise _refuse(pointer, "A cursor holds a raw secret.")


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _check_segment(segment: FrameSegment, pointer: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    entity = ENTITIES.get(segment.entity)
    if entity is None:
        raise _refuse(pointer, "There is no such entity.")
    try:
        file = pq.ParquetFile(pa.BufferReader(segment.data))
        about = file.metadata
        unpacked = sum(about.row_group(n).total_byte_size for n in range(about.num_row_groups))
        if about.num_rows != segment.rows or not 0 < about.num_rows <= MAX_ROWS:
            raise _refuse(pointer, "The number of rows is not as stated or beyond the bounds.")
        if unpacked > MAX_UNPACKED:
            raise _refuse(pointer, "The segment is too large when unpacked.")
        if not file.schema_arrow.equals(_schema(entity.name)):
            raise _refuse(pointer, f"The columns are not those of {entity.name}.")
        table = file.read(use_threads=False)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _refuse(pointer, f"Not a readable segment ({type(error).__name__}).") from None
    for column in entity.columns:
        _check_column(table.column(column.name), entity, column, pointer)


@cache
def _schema(entity: str) -> Any:
    import pyarrow as pa

    types = {
        ColumnType.TEXT: pa.string(),
        ColumnType.COUNT: pa.int64(),
        ColumnType.FLAG: pa.bool_(),
        ColumnType.TIME: pa.timestamp("us", tz="UTC"),
    }
    return pa.schema(
        [pa.field(c.name, types[c.type], nullable=c.nullable) for c in ENTITIES[entity].columns]
    )


def _check_column(values: Any, entity: FactEntity, column: Column, pointer: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    where = f"{pointer}/{column.name}"
    if values.null_count and not column.nullable:
        raise _refuse(where, "A value is missing.")
    if values.null_count == len(values) or column.type is ColumnType.FLAG:
        return
    if column.type is ColumnType.TEXT:
        distinct = values.unique().drop_null()
        if pc.max(pc.utf8_length(distinct)).as_py() > column.max_length:
            raise _refuse(where, "A text is too long.")
        # Most texts are identifiers, in which Arrow sees no sign of a secret without Python and its lock.
        suspects = distinct.filter(pc.match_substring_regex(distinct, SUSPICIOUS)).to_pylist()
        if unclean(suspects):
            raise _refuse(where, "A text holds a raw secret.")
        if any(map(_CONTROL.search, suspects)):
            raise _refuse(where, "A text holds control characters.")
        choices = _CHOICES.get((entity.name, column.name))
        if choices and not set(distinct.to_pylist()) <= choices:
            raise _refuse(where, "A value is none of the possible ones.")
        return
    low, high = (0, MAX_COUNT) if column.type is ColumnType.COUNT else (MIN_TIME_US, MAX_TIME_US)
    found = pc.min_max(values.cast(pa.int64()))
    if found["min"].as_py() < low or found["max"].as_py() > high:
        raise _refuse(where, "A value is out of bounds.")
