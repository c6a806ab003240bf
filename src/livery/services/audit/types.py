"""Values of the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """What a mutation writes in its own transaction. `body` is JSON without secrets."""

    kind: str
    workspace_id: UUID
    subject_id: str
    body: Mapping[str, Any]
    code: str = ""
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry as it stands in its chain; `body` is the exact stored text."""

    chain_id: str
    seq: int
    at: datetime
    at_us: int
    kind: str
    workspace_id: UUID
    subject_id: str
    code: str
    correlation_id: str
    body: str


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of the record ended. A batch writes many entries at one moment, so time alone does not tell."""

    at_us: int
    chain_id: str
    seq: int

    def __str__(self) -> str:
        return f"{self.at_us}.{self.seq}.{self.chain_id}"

    @classmethod
    def of(cls, entry: Recorded) -> Position:
        """The position of an entry."""
        return cls(entry.at_us, entry.chain_id, entry.seq)

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read a cursor back; raises ValueError."""
        at_us, seq, chain_id = text.split(".", 2)
        if not (at_us.isdecimal() and seq.isdecimal() and chain_id.isprintable()):
            raise ValueError("not a position")
        position = cls(int(at_us), chain_id, int(seq))
        if max(position.at_us, position.seq) >= 2**63:
            raise ValueError("not a position")
        return position


@dataclass(frozen=True, slots=True)
class Link:
    """One batch of a chain: entries first_seq..last_seq end in `hash`."""

    first_seq: int
    last_seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Chain:
    """A writer's chain and its head."""

    chain_id: str
    seq: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Which checkpoint: its number, and the sha256 in hex of its payload."""

    number: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ChainState:
    """The verdict on one chain."""

    chain_id: str
    entries: int
    head: str
    ok: bool
    detail: str
