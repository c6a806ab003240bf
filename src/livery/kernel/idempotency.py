"""What a repeated idempotency key means.

A key is scoped by workspace and skill. The first call claims it; while that runs, a repeat is
``in_flight`` (409); when its result is stored, a repeat is ``replayed``; the same key with other
arguments is a ``conflict`` (422) while the key is held. A retryable failure frees the key.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

KEPT = timedelta(hours=24)


class Claim(StrEnum):
    """State of a stored key."""

    RUNNING = "running"
    STORED = "stored"
    FREED = "freed"  # its call failed and may be tried again


class Verdict(StrEnum):
    """What a call with a key is."""

    NEW = "new"
    IN_FLIGHT = "in_flight"
    REPLAYED = "replayed"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Record:
    """A stored key: canonical hash of its arguments, its state, and until when it is kept."""

    args_hash: str
    claim: Claim
    expires_at: datetime


def classify(record: Record | None, args_hash: str, now: datetime) -> Verdict:
    """Say what a call with this key and arguments is.

    A running claim holds its key past ``expires_at``: its lease, not the clock, ends it, or a slow
    call could be doubled.

    Raises:
        ValueError: an empty arguments hash, which would match another empty one.
    """
    if not args_hash:
        raise ValueError("the arguments hash is empty")
    if record is None or record.claim is Claim.FREED:
        return Verdict.NEW
    if record.claim is Claim.STORED and now >= record.expires_at:
        return Verdict.NEW
    if record.args_hash != args_hash:
        return Verdict.CONFLICT
    return Verdict.REPLAYED if record.claim is Claim.STORED else Verdict.IN_FLIGHT


def settled(record: Record, now: datetime, *, ok: bool, retryable: bool) -> Record:
    """The record after its call ended: stored for `KEPT`, or freed by a retryable failure."""
    claim = Claim.FREED if retryable and not ok else Claim.STORED
    return Record(record.args_hash, claim, max(record.expires_at, now + KEPT))
