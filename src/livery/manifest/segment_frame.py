"""The frame in which session facts travel: a JSON header, then the segments' bytes.

`LVF1`, the header's length (4 bytes, big-endian), the header (canonical JSON), the segments in
the header's order. The header names each segment's entity, rows, size and SHA-256 and the cursors
of the files that were read, so that a batch is complete or refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livery.manifest.canonical import canonical_json
from livery.manifest.session_facts import FACTS_VERSION

MAGIC = b"LVF1"
MAX_HEADER = 8 * 1024 * 1024
MAX_FRAME = 64 * 1024 * 1024
"""Largest frame in bytes; a reader makes smaller batches."""


class FrameInvalid(ValueError):
    """The bytes are not a frame of session facts; the message says why."""


@dataclass(frozen=True, slots=True)
class FrameSegment:
    """Facts of one entity, packed (Parquet); `sha256` is of `data`, in hex."""

    entity: str
    rows: int
    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """A batch: segments and the cursors after them. `batch_id` is the hash of the header."""

    segments: tuple[FrameSegment, ...]
    cursors: tuple[Mapping[str, Any], ...]
    batch_id: str


def pack_segment(entity: str, rows: int, data: bytes) -> FrameSegment:
    """Return a segment with its hash."""
    return FrameSegment(entity, rows, hashlib.sha256(data).hexdigest(), data)


def pack_frame(segments: Sequence[FrameSegment], cursors: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the frame's bytes."""
    header = canonical_json(
        {
            "version": FACTS_VERSION,
            "segments": [
                {"entity": s.entity, "rows": s.rows, "sha256": s.sha256, "size": len(s.data)}
                for s in segments
            ],
            "cursors": [dict(cursor) for cursor in cursors],
        }
    )
    return b"".join(
        [MAGIC, len(header).to_bytes(4, "big"), header, *(segment.data for segment in segments)]
    )


def unpack_frame(body: bytes) -> Frame:
    """Return the frame in `body`, every segment's size and hash checked.

    Raises FrameInvalid for anything else; what the segments hold is the caller's to check.
    """
    if len(body) > MAX_FRAME:
        raise FrameInvalid("the frame is too large")
    if len(body) < 8 or body[:4] != MAGIC:
        raise FrameInvalid("not a frame of session facts")
    stop = 8 + int.from_bytes(body[4:8], "big")
    if stop - 8 > MAX_HEADER or stop > len(body):
        raise FrameInvalid("the header is cut or too large")
    header = _header(body[8:stop])
    segments, at = [], stop
    for entry in header["segments"]:
        size, rows = entry.get("size"), entry.get("rows")
        if type(size) is not int or type(rows) is not int or size < 0 or rows < 0:
            raise FrameInvalid("a segment's size or rows is not a count")
        data = body[at : at + size]
        at += size
        if hashlib.sha256(data).hexdigest() != entry.get("sha256"):
            raise FrameInvalid("a segment does not match its hash")
        segments.append(FrameSegment(str(entry.get("entity")), rows, entry["sha256"], data))
    if at != len(body):
        raise FrameInvalid("the frame's length does not match its header")
    batch_id = hashlib.sha256(body[8:stop]).hexdigest()
    return Frame(tuple(segments), tuple(header["cursors"]), batch_id)


def _header(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data)
    except (ValueError, RecursionError):
        raise FrameInvalid("the header is not JSON") from None
    if not isinstance(header, dict) or header.get("version") != FACTS_VERSION:
        raise FrameInvalid("the facts are of another version")
    for name in ("segments", "cursors"):
        entries = header.get(name)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise FrameInvalid(f"{name} is not a list of objects")
    return header
