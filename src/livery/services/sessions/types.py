"""Values of session facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livery.manifest.segment_frame import FrameSegment


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """A batch whose every segment and cursor was checked; only `check_batch` makes one."""

    batch_id: str
    segments: tuple[FrameSegment, ...]
    cursors: tuple[Mapping[str, Any], ...]

    @property
    def rows(self) -> int:
        """Facts in all segments."""
        return sum(segment.rows for segment in self.segments)


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment as it is kept; `seq` is its place in the order of ingestion."""

    seq: int
    entity: str
    sha256: str
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Ingested:
    """What storing a batch changed; nothing where the same batch was stored before."""

    batch_id: str
    new_segments: int
    rows: int
    changed_cursors: int

    def to_dict(self) -> dict[str, Any]:
        """Return the ingestion as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}
