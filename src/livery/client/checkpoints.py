"""A signed checkpoint over the heads of all chains: what was there when it was signed."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from livery.client.verdicts import Report
from livery.client.verify import only_envelope, signed
from livery.manifest.statement import CHECKPOINT_PREDICATE_TYPE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was signed. `pins` is chain -> (last entry, head in hex), `digest` the sha256 of the payload, in hex."""

    at_us: int
    number: int | None
    previous: str | None
    pins: Mapping[str, tuple[int, str]]
    digest: str

    @property
    def label(self) -> str:
        """How to speak of it: its number, or its time where it was signed before they had numbers."""
        at = _EPOCH + timedelta(microseconds=self.at_us)
        named = f" {self.number}" if self.number is not None else ""
        return f"checkpoint{named} of {at:%Y-%m-%d %H:%M:%S} UTC"


def read_checkpoint(
    report: Report, name: str, envelope: Mapping[str, Any], keys: Mapping[str, bytes]
) -> Checkpoint | None:
    """The checkpoint in an envelope that a trusted key signed; None, and a verdict, where it is none."""
    statement = signed(report, name, envelope, keys)
    if statement is None:
        return None
    only_envelope(report, f"{name}.", envelope)
    kind = statement.get("predicateType")
    if not report.same(f"{name} kind", kind, CHECKPOINT_PREDICATE_TYPE, name):
        return None
    said = statement["predicate"]
    pins = {str(pin["chain_id"]): (int(pin["seq"]), str(pin["head"])) for pin in said["chains"]}
    subjects = {item["name"]: item["digest"]["sha256"] for item in statement["subject"]}
    if len(pins) < len(said["chains"]) or subjects != {c: pin[1] for c, pin in pins.items()}:
        report.add(name, False, "its subjects are not the heads of its chains")
        return None
    digest = hashlib.sha256(base64.b64decode(envelope["payload"])).hexdigest()
    return Checkpoint(int(said["at_us"]), said.get("number"), said.get("previous"), pins, digest)


def verify_checkpoint(envelope: Mapping[str, Any], keys: Mapping[str, bytes]) -> Report:
    """Verify the answer of `GET /v1/audit/checkpoint` by itself: that this platform signed it, and over what."""
    report = Report("checkpoint", "")
    with report.reading("checkpoint"):
        found = read_checkpoint(report, "checkpoint", envelope, keys)
        if found is not None:
            report.about = found.label
            entries = sum(seq for seq, _ in found.pins.values())
            said = f"{len(found.pins)} chains, {entries:,} entries, sha256:{found.digest[:16]}"
            report.add("heads", True, said)
            if found.previous is not None:
                report.add("follows on", True, f"sha256:{found.previous[:16]}")
    return report
