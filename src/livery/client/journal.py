r"""Verify an exported journal (`GET /v1/audit/export`, NDJSON) offline, line by line.

Each line is an object with `type`:

- `entry`: `{chain_id, seq, at_us, kind, workspace_id, subject_id, code, correlation_id, body}`;
  `body` is the exact stored text.
- `link`: `{chain_id, first_seq, last_seq, hash}`, `hash` in hex, behind the entries it covers.
- `checkpoint`: `{statement}`, a signed statement of `{at_us, chains: [{chain_id, seq, head}], number, previous}`;
  `number` counts them from 1, `previous` is the sha256 of the payload of the one before it.

No line has other members, or one twice: what no hash covers is refused. What comes after the last signed head anybody
may have added: it is named, and not verified.

The formula (`kernel.chain` states it; this is an independent second reading of it):
entry digest = sha256 of its fields, the absent ones empty, joined by `\n`, body last; genesis =
sha256("livery:chain:" + chain_id); link = sha256(hash before || entry digests in order).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from livery.client.checkpoints import Checkpoint, read_checkpoint
from livery.client.verdicts import Report
from livery.manifest.errors import StatementInvalid
from livery.manifest.strict_json import read_json

MAX_FAULTS = 20
_FIELDS = ("kind", "workspace_id", "subject_id", "code", "correlation_id")
_MEMBERS = {
    "entry": frozenset({"type", "chain_id", "seq", "at_us", "body", *_FIELDS}),
    "link": frozenset({"type", "chain_id", "first_seq", "last_seq", "hash"}),
    "checkpoint": frozenset({"type", "statement"}),
}
_NUMBERS = frozenset({"seq", "at_us", "first_seq", "last_seq"})
_OPTIONAL = frozenset(_FIELDS)


@dataclass(slots=True)
class _Chain:
    head: bytes
    seq: int = 0
    linked: int = 0
    pending: list[bytes] = field(default_factory=list)
    fault: str | None = None
    heads: dict[int, str] = field(default_factory=dict)
    signed: set[int] = field(default_factory=set)


def verify_journal(
    lines: Iterable[bytes],
    keys: Mapping[str, bytes],
    *,
    checkpoints: Mapping[str, Mapping[str, Any]] | None = None,
    allow_unsigned: bool = False,
) -> Report:
    """Recompute every chain and compare it with the signed checkpoints. Reads the lines once.

    `checkpoints` are statements that were kept elsewhere, by the name under which to speak of them: what they vouch for
    must be in the file. With `allow_unsigned`, entries after the last signed head are warned of only.
    """
    report = Report("journal", "journal")
    chains: dict[str, _Chain] = {}
    found: list[Mapping[str, Any]] = []
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        before = len(report.verdicts)
        with report.reading(f"line {number}"):
            _take(read_json(raw), chains, found)
        if len(report.verdicts) > before and len(report.verdicts) >= MAX_FAULTS:
            break
    for chain_id, chain in sorted(chains.items()):
        _judge(report, chain_id, chain)
    own = _read(report, [("checkpoint", statement) for statement in found], keys)
    kept = _read(report, list((checkpoints or {}).items()), keys)
    for _, checkpoint in own + kept:
        for chain_id, (seq, head) in checkpoint.pins.items():
            if chain_id in chains and chains[chain_id].heads.get(seq) == head:
                chains[chain_id].signed.add(seq)
    newest = max((item for _, item in own), key=lambda item: item.at_us, default=None)
    for name, checkpoint in own:
        _pinned(report, name, checkpoint, chains, newest)
    for name, checkpoint in kept:
        _in_order(report, name, checkpoint, newest)
        _pinned(report, name, checkpoint, chains, newest)
    if own or kept:
        _unsigned(report, chains, None if allow_unsigned else False)
    elif chains and not found:
        report.add(
            "checkpoint", False, "none in the file: nobody signed this, anybody may have made it"
        )
    return report


def _take(row: Any, chains: dict[str, _Chain], checkpoints: list[Mapping[str, Any]]) -> None:
    kind = row["type"]
    if not isinstance(kind, str) or kind not in _MEMBERS:
        raise ValueError(f"{kind!r} is no type of line")
    strange = sorted(row.keys() - _MEMBERS[kind])
    if strange:
        raise StatementInvalid(message=f"no hash covers the member {strange[0][:100]!r}")
    if kind == "checkpoint":
        checkpoints.append(row["statement"])
        return
    _typed(row)
    chain_id = row["chain_id"]
    chain = chains.get(chain_id)
    if chain is None:
        chain = chains[chain_id] = _Chain(sha256(f"livery:chain:{chain_id}".encode()).digest())
    if chain.fault is not None:
        return
    if kind == "entry":
        _entry(chain, row)
    else:
        _link(chain, row)


def _typed(row: Mapping[str, Any]) -> None:
    """Two values that are shown differently and hash alike (1, 1.0 and true; null and 0) are not both right."""
    for name, value in row.items():
        if name in _NUMBERS:
            right = type(value) is int
        else:
            right = isinstance(value, str) or (value is None and name in _OPTIONAL)
        if not right:
            raise StatementInvalid(message=f"{name} is {json.dumps(value)[:100]}")


def _entry(chain: _Chain, row: Mapping[str, Any]) -> None:
    if row["seq"] != chain.seq + 1:
        chain.fault = f"entry {chain.seq + 1} is missing or out of order: found {row['seq']}"
        return
    chain.seq += 1
    values = [str(row[name] or "") for name in _FIELDS]
    head = [str(row["chain_id"]), str(int(row["seq"])), str(int(row["at_us"])), *values]
    if any("\n" in value for value in head):
        chain.fault = f"entry {chain.seq} holds a newline where none may be"
        return
    chain.pending.append(sha256("\n".join([*head, row["body"]]).encode()).digest())


def _link(chain: _Chain, row: Mapping[str, Any]) -> None:
    first, last = chain.linked + 1, chain.seq
    if (row["first_seq"], row["last_seq"]) != (first, last) or last < first:
        chain.fault = f"a link over {row['first_seq']}-{row['last_seq']}, expected {first}-{last}"
        return
    found = sha256(b"".join([chain.head, *chain.pending])).digest()
    if found.hex() != row["hash"]:
        chain.fault = f"entries {first} to {last} were changed: they do not match their link"
        return
    chain.head, chain.linked, chain.pending = found, last, []
    chain.heads[last] = found.hex()


def _judge(report: Report, chain_id: str, chain: _Chain) -> None:
    name = f"chain {chain_id}"
    if chain.fault is None and chain.pending:
        chain.fault = f"entries {chain.linked + 1} to {chain.seq} are covered by no link"
    if chain.fault is not None:
        report.add(name, False, chain.fault)
    else:
        report.add(name, True, f"{chain.seq:,} entries, head {chain.head.hex()[:16]}")


def _read(
    report: Report, statements: list[tuple[str, Mapping[str, Any]]], keys: Mapping[str, bytes]
) -> list[tuple[str, Checkpoint]]:
    found = []
    for name, statement in statements:
        with report.reading(name):
            checkpoint = read_checkpoint(report, name, statement, keys)
            if checkpoint is not None:
                found.append((name, checkpoint))
    return found


def _pinned(
    report: Report,
    name: str,
    checkpoint: Checkpoint,
    chains: Mapping[str, _Chain],
    newest: Checkpoint | None,
) -> None:
    """What one checkpoint vouches for is there, as it was; where it is not, exactly what is missing or other."""
    for chain_id, (seq, head) in checkpoint.pins.items():
        chain = chains.get(chain_id)
        if chain is not None and chain.heads.get(seq) == head:
            report.add(f"{name} of {chain_id}", True, head)
            continue
        report.add(f"{name} of {chain_id}", False, _lost(chain, seq))
    if newest is not None and checkpoint.at_us > newest.at_us:
        report.add(name, False, "it is newer than the file: compare it with a later export")


def _lost(chain: _Chain | None, seq: int) -> str:
    if chain is None:
        return f"removed: the chain, with the {seq:,} entries that were signed for"
    last = max((at for at in chain.signed if at < seq), default=0)
    if chain.linked < seq and chain.fault is None:
        return f"removed: entries {chain.linked + 1} to {seq}, which were signed for"
    if seq in chain.heads:
        return f"changed: entries {last + 1} to {seq} are not those that were signed for"
    if chain.linked < seq:
        return f"entry {seq} was signed for, and the chain is broken before it"
    return f"changed: no link ends at entry {seq}, where a signed head was (after entry {last})"


def _in_order(report: Report, name: str, checkpoint: Checkpoint, newest: Checkpoint | None) -> None:
    """The file's own checkpoint counts on from the one that was kept."""
    if newest is None or newest.number is None or checkpoint.number is None:
        return
    step = newest.number - checkpoint.number
    if step < 0 and checkpoint.at_us <= newest.at_us:
        said = f"after number {checkpoint.number} the platform counted {newest.number}: checkpoints were removed"
        report.add(name, False, said)
    elif step == 0 and newest.digest != checkpoint.digest:
        report.add(name, False, f"there is another checkpoint of number {newest.number}")
    elif step == 1 and newest.previous != checkpoint.digest:
        report.add(name, False, f"number {newest.number} does not follow on it")


def _unsigned(report: Report, chains: Mapping[str, _Chain], verdict: bool | None) -> None:
    for chain_id, chain in sorted(chains.items()):
        signed = max(chain.signed, default=0)
        if chain.fault is None and signed < chain.seq:
            said = f"entries {signed + 1} to {chain.seq} come after the last signed head: anybody may have added them"
            report.add(f"unsigned in {chain_id}", verdict, said)
