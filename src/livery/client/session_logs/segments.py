"""Packs facts into immutable Parquet segments, one for each entity of a batch."""

from __future__ import annotations

from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from livery.client.session_logs.rows import Rows
from livery.manifest.segment_frame import FrameSegment, pack_segment
from livery.manifest.session_facts import ENTITIES, ColumnType
from livery.manifest.session_texts import clean_column

# Columns of few values; identifiers are their own dictionary.
_REPEATED = frozenset(
    {"file", "session", "parent", "source", "project", "end", "role", "model", "tool", "path"}
    | {"error", "label", "reason"}
)
_TYPES = {
    ColumnType.TEXT: pa.string(),
    ColumnType.COUNT: pa.int64(),
    ColumnType.FLAG: pa.bool_(),
    ColumnType.TIME: pa.timestamp("us", tz="UTC"),
}


@cache
def arrow_schema(entity: str) -> Any:
    """Return the Arrow schema of an entity."""
    return pa.schema(
        [
            pa.field(column.name, _TYPES[column.type], nullable=column.nullable)
            for column in ENTITIES[entity].columns
        ]
    )


def pack_rows(rows: Rows) -> list[FrameSegment]:
    """Return the segments of all entities that have rows."""
    segments = []
    for entity, facts in rows.by_entity.items():
        if not facts:
            continue
        schema = arrow_schema(entity)
        known = ENTITIES[entity].columns
        # Readers clean what they know to be a name; a format of somebody else's may not.
        columns = [
            clean_column(about, column) if about.type is ColumnType.TEXT else column
            for about, column in zip(known, zip(*facts, strict=True), strict=True)
        ]
        arrays = [
            pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)
        ]
        sink = pa.BufferOutputStream()
        pq.write_table(
            pa.Table.from_arrays(arrays, schema=schema),
            sink,
            compression="zstd",
            use_dictionary=[name for name in schema.names if name in _REPEATED],
            write_statistics=False,
        )
        segments.append(pack_segment(entity, len(facts), sink.getvalue().to_pybytes()))
    return segments
