r"""The evidence chain: journal entries that nobody can change, remove or reorder unnoticed.

Each writer process keeps its own chain and extends it once per batch. The formula is plain enough
for SQL to compute it in the statement that writes the batch:

- entry line: ``chain_id \n seq \n at_us \n kind \n workspace_id \n subject_id \n code \n
  correlation_id \n body``; ``at_us`` is integer microseconds since the epoch, an absent field is
  empty, ``body`` is the exact stored text. Only the body, which comes last, may hold a newline, so
  that two different entries never have one line.
- entry digest: ``sha256(entry line as UTF-8)``
- genesis: ``sha256("livery:chain:" + chain_id)``
- link hash: ``sha256(hash of the link before, or genesis || entry digests in order)``

`verify` proves a chain whole from its start to its head. A tail cut off cleanly leaves a shorter
whole chain: only the heads that signed checkpoints pinned can show that.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry; ``seq`` counts from 1 without gaps, ``at_us`` is microseconds UTC."""

    chain_id: str
    seq: int
    at_us: int
    kind: str
    workspace_id: str | None
    subject_id: str | None
    code: str | None
    correlation_id: str | None
    body: str


@dataclass(frozen=True, slots=True)
class Link:
    """One batch of a chain: the entries ``first_seq`` to ``last_seq``, and the two hashes."""

    chain_id: str
    first_seq: int
    last_seq: int
    prev_hash: bytes
    link_hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands: its last entry and the hash of its last link."""

    chain_id: str
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong in a chain, and at which entry (0: before the first)."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """Outcome of `verify`: how many entries are proven, the head they lead to, the first fault."""

    ok: bool
    entries: int
    head: Head
    first_fault: Fault | None


def epoch_us(at: datetime) -> int:
    """Whole microseconds since the epoch of an aware datetime, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def genesis(chain_id: str) -> bytes:
    """What the first link of a chain extends."""
    return sha256(f"livery:chain:{_field('chain_id', chain_id)}".encode()).digest()


def entry_line(entry: Entry) -> str:
    """The text that is hashed.

    Raises:
        ValueError: a field other than the body holds a newline or is empty (an absent one is None).
    """
    return "\n".join(
        (
            _field("chain_id", entry.chain_id),
            str(int(entry.seq)),
            str(int(entry.at_us)),
            _field("kind", entry.kind),
            _optional("workspace_id", entry.workspace_id),
            _optional("subject_id", entry.subject_id),
            _optional("code", entry.code),
            _optional("correlation_id", entry.correlation_id),
            entry.body,
        )
    )


def entry_digest(entry: Entry) -> bytes:
    """sha256 of the entry line, 32 bytes; errors as for `entry_line`."""
    return sha256(entry_line(entry).encode()).digest()


def extend(prev: bytes, digests: Iterable[bytes]) -> bytes:
    """Hash of the link that adds these entry digests, in this order, to ``prev``.

    Raises:
        ValueError: no entries, or a hash that is not 32 bytes long.
    """
    hasher = sha256(_hash32(prev))
    count = 0
    for count, digest in enumerate(digests, 1):  # noqa: B007 - the last count is the length
        hasher.update(_hash32(digest))
    if count == 0:
        raise ValueError("a link needs at least one entry")
    return hasher.digest()


def link(chain_id: str, prev: bytes, entries: Iterable[Entry]) -> Link:
    """The link that adds these entries, in this order, to ``prev``."""
    batch = tuple(entries)
    link_hash = extend(prev, (entry_digest(entry) for entry in batch))
    return Link(chain_id, batch[0].seq, batch[-1].seq, prev, link_hash)


def verify(
    chain_id: str,
    links: Iterable[Link],
    entries: Iterable[Entry],
    *,
    pinned: Mapping[int, bytes] | None = None,
    after: tuple[int, bytes] | None = None,
) -> ChainReport:
    """Walk a chain from its start and report the first fault; never raises on what it reads.

    Args:
        chain_id: the chain that is meant.
        links: its links, in stored order.
        entries: its entries, in stored order; both are read once, batch by batch.
        pinned: heads that signed checkpoints vouch for, by last seq; shows a tail cut off.
        after: ``(seq, head)`` to start behind, from a verified checkpoint; else the genesis.
    """
    seq, head = after or (0, genesis(chain_id))
    proven = 0
    open_pins = {at: pin for at, pin in (pinned or {}).items() if at > seq}
    rows = iter(entries)
    fault: Fault | None = None
    for item in links:
        try:
            head = _check_link(chain_id, seq, head, item, rows)
        except _Broken as broken:
            fault = broken.fault
            break
        proven += item.last_seq - seq
        seq = item.last_seq
        pin = open_pins.pop(seq, head)
        if pin != head:
            fault = Fault(seq, "the head differs from the one that a checkpoint vouches for")
            break
    if fault is None and (extra := next(rows, None)) is not None:
        fault = Fault(extra.seq, "an entry that no link covers")
    if fault is None and open_pins:
        fault = Fault(min(open_pins), "a checkpoint vouches for a head here, the chain has none")
    return ChainReport(fault is None, proven, Head(chain_id, seq, head), fault)


class _Broken(Exception):
    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(reason)
        self.fault = Fault(seq, reason)


def _check_link(chain_id: str, seq: int, head: bytes, item: Link, rows: Iterator[Entry]) -> bytes:
    expected = seq + 1
    if item.chain_id != chain_id:
        raise _Broken(expected, f"a link of another chain, {item.chain_id}")
    if item.first_seq != expected:
        raise _Broken(expected, f"the next link starts at {item.first_seq}, not {expected}")
    if item.last_seq < expected:
        raise _Broken(expected, "a link without entries")
    if item.prev_hash != head:
        raise _Broken(expected, "the link does not extend the one before it")
    found = extend(head, _digests(chain_id, item, rows))
    if found != item.link_hash:
        raise _Broken(expected, f"entries {expected} to {item.last_seq} do not match their link")
    return found


def _digests(chain_id: str, item: Link, rows: Iterator[Entry]) -> Iterator[bytes]:
    for seq in range(item.first_seq, item.last_seq + 1):
        entry = next(rows, None)
        if entry is None:
            raise _Broken(seq, f"entry {seq} is missing")
        if entry.chain_id != chain_id:
            raise _Broken(seq, f"an entry of another chain, {entry.chain_id}")
        if entry.seq != seq:
            raise _Broken(seq, f"entry {seq} is missing or out of order: found {entry.seq}")
        try:
            yield entry_digest(entry)
        except ValueError as error:
            raise _Broken(seq, f"malformed entry: {error}") from error


def checkpoint(
    heads: Iterable[Head], at: datetime, *, number: int | None = None, previous: str | None = None
) -> dict[str, object]:
    """Payload that ties all chains together at one moment, to be signed elsewhere.

    Shape: ``{"at_us": int, "chains": [{"chain_id", "seq", "head" (hex)}]}``, sorted by chain id; with a ``number``
    (from 1, without gaps) also ``"number"`` and ``"previous"``, the sha256 in hex of the payload of the checkpoint
    before it: the checkpoints are a chain themselves.

    Raises:
        ValueError: no chain, one twice, or a head that is not 32 bytes long.
    """
    chains = sorted(heads, key=lambda head: head.chain_id)
    if not chains:
        raise ValueError("a checkpoint needs at least one chain")
    if len({head.chain_id for head in chains}) < len(chains):
        raise ValueError("a chain occurs twice")
    rows = [{"chain_id": c.chain_id, "seq": c.seq, "head": _hash32(c.hash).hex()} for c in chains]
    payload: dict[str, object] = {"at_us": epoch_us(at), "chains": rows}
    return payload if number is None else payload | {"number": number, "previous": previous}


def _field(name: str, value: str) -> str:
    if not value or "\n" in value:
        raise ValueError(f"{name} is empty or holds a newline: {value!r}")
    return value


def _optional(name: str, value: str | None) -> str:
    return "" if value is None else _field(name, value)


def _hash32(value: bytes) -> bytes:
    if len(value) != 32:
        raise ValueError(f"a hash is 32 bytes long, got {len(value)}")
    return value
