"""A data window: the exact set of segments that a query sees, built into one DuckDB file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from livery.execution.data.definitions import Definitions, Price
from livery.execution.data.errors import WindowUnreadable
from livery.manifest.canonical import canonical_json
from livery.manifest.session_facts import ENTITIES, ColumnType, FactEntity
from livery.private import private_folder

MEMORY_LIMIT = "400MB"
KEPT_WINDOWS = 4
_BASE = ("session_base", "message_base", "tool_base", "file_base", "usage_base", "bad_line_base")
_TYPES = {
    ColumnType.TEXT: "varchar",
    ColumnType.COUNT: "bigint",
    ColumnType.FLAG: "boolean",
    ColumnType.TIME: "timestamptz",
}


@dataclass(frozen=True, slots=True)
class WindowSegment:
    """A segment on disk: `seq` is its place in the order of ingestion."""

    seq: int
    entity: str
    sha256: str
    path: Path


def window_hash(segments: Sequence[WindowSegment]) -> str:
    """Return `sha256:…` over the segments in their order: the identity of the data window."""
    order = [[s.entity, s.sha256] for s in sorted(segments, key=lambda s: s.seq)]
    return "sha256:" + hashlib.sha256(canonical_json(order)).hexdigest()


def build_window(segments: Sequence[WindowSegment], definitions: Definitions, cache: Path) -> Path:
    """Return a DuckDB file with the base tables of this window; an existing one is reused.

    The file is complete or absent: it is built under another name and moved into place, so that
    processes may share `cache`. Raises WindowUnreadable where a segment cannot be read.
    """
    private_folder(cache)
    name = hashlib.sha256(f"{window_hash(segments)}{definitions.digest}".encode()).hexdigest()[:32]
    ready = cache / f"window-{name}.duckdb"
    if ready.exists():
        os.utime(ready)
        return ready
    with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as folder:
        draft = Path(folder) / "window.duckdb"
        try:
            _build(draft, segments, definitions)
        except duckdb.Error as error:
            raise WindowUnreadable(message=f"The data window cannot be built: {error}") from error
        draft.chmod(0o600)
        draft.replace(ready)
    _forget_old(cache, ready)
    return ready


def _build(draft: Path, segments: Sequence[WindowSegment], definitions: Definitions) -> None:
    with duckdb.connect(str(draft)) as db:
        db.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        db.execute("set TimeZone = 'UTC'")
        db.execute("set preserve_insertion_order = false")
        for entity in ENTITIES.values():
            _raw_view(db, entity, [s for s in segments if s.entity == entity.name])
        _price_table(db, definitions.prices)
        for name, sql in definitions.base_sql:
            kind = "table" if name in _BASE else "temp table"
            db.execute(f"create {kind} {name} as {sql}")
        for name in ENTITIES:
            db.execute(f"drop table raw_{name}")


def _raw_view(db: Any, entity: FactEntity, segments: Sequence[WindowSegment]) -> None:
    table = f"raw_{entity.name}"
    columns = ", ".join(f'"{c.name}" {_TYPES[c.type]}' for c in entity.columns)
    if not segments:
        db.execute(f"create temp table {table} ({columns}, seq bigint)")
        return
    order = {str(segment.path): segment.seq for segment in segments}
    names = ", ".join(f'f."{c.name}"' for c in entity.columns)
    db.execute("create or replace temp table segment_order (path varchar, seq bigint)")
    db.executemany("insert into segment_order values (?, ?)", list(order.items()))
    db.execute(
        f"create temp table {table} as select {names}, o.seq "  # noqa: S608 - our own names
        "from read_parquet(?, filename = 'segment_path') f "
        "join segment_order o on o.path = f.segment_path",
        [list(order)],
    )


def _price_table(db: Any, prices: Sequence[Price]) -> None:
    db.execute(
        "create temp table prices (model varchar, valid_from timestamptz, valid_to timestamptz, "
        "above bigint, is_above boolean, input bigint, output bigint, cache_read bigint, "
        "cache_write bigint, cache_write_1h bigint)"
    )
    db.executemany(
        "insert into prices values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [[getattr(price, name) for name in Price.__slots__] for price in prices],
    )


def _forget_old(cache: Path, ready: Path) -> None:
    """Keep the windows that were used last; another process may have deleted one meanwhile."""
    with contextlib.suppress(OSError):
        windows = sorted(cache.glob("window-*.duckdb"), key=lambda p: p.stat().st_mtime)
        for old in windows[:-KEPT_WINDOWS]:
            if old != ready:
                old.unlink(missing_ok=True)
