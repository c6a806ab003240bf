"""Verify an artifact or a certificate offline: from the documents and trusted public keys alone.

Nothing here asks a server, reads a file or trusts a key that a document brings along. The formats:
DSSE envelopes around in-toto statements (`manifest.statement`).
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from livery.client.documents import Artifact, Provenance
from livery.client.verdicts import Report
from livery.manifest.errors import StatementInvalid
from livery.manifest.statement import (
    RUN_PREDICATE_TYPE,
    TEST_RESULT_TYPE,
    key_id,
    verify_dsse,
)

PASSING_RESULTS = frozenset({"PASSED", "WARNED"})
_ENVELOPE = frozenset({"payload", "payloadType", "signatures"})
_SIGNATURE = frozenset({"keyid", "sig"})
_SIGNED_VALUES = frozenset({"key", "skill_key", "version", "digest", "certified_by"})
_SIGNED_TIMES = frozenset({"certified_at", "signed_at", "expires_at"})
_STANDING = {"status": "certified", "state": "valid"}
_BESIDE = frozenset(
    {"certificate_id", "drifted", "reason", "days_left", "certificate", "statement"}
)
"""What stands around a certificate unsigned: never spoken of."""

_CERTIFICATE = _SIGNED_VALUES | _SIGNED_TIMES | _STANDING.keys() | _BESIDE | {"key_id", "checks"}
_CHECK = frozenset({"name", "verdict", "summary", "findings", "evidence", "duration_ms"})
_SUPPRESSED = ("fingerprint", "rule", "code", "severity", "message", "file", "line")
_UNRATED = "high"
"""What a finding counts as that does not say how severe it is."""

_PROOF = frozenset(Provenance.__annotations__)
_ARTIFACT = frozenset(Artifact.__annotations__)
_OF_ARTIFACT = ("artifact_id", "media_type", "size")
_OTHER = "what stands around the signed statement is not what was signed"


def trusted_keys(pems: Iterable[bytes]) -> dict[str, bytes]:
    """Public keys by key id. Raises `StatementInvalid` for what is no Ed25519 key in PEM."""
    return {key_id(pem): pem for pem in pems}


def verify_provenance(
    document: Mapping[str, Any], keys: Mapping[str, bytes], artifact: bytes | None
) -> Report:
    """Verify `GET /v1/artifacts/{id}/provenance`; `artifact` is the file's bytes, where at hand."""
    report = Report("artifact", str(document.get("badge", "")))
    with report.reading("statement"):
        named = document["artifact"]
        _artifact(report, str(named["sha256"]), artifact)
        statement = signed(report, "statement", document["statement"], keys)
        if statement is None:
            return report
        if not report.same("kind", statement.get("predicateType"), RUN_PREDICATE_TYPE, "statement"):
            return report
        subject = _subject(statement)
        report.same("subject", subject, str(named["sha256"]), "the signed digest")
        run = statement["predicate"]
        report.add(
            "predicate", document.get("predicate") == run, "the copy shown is the one signed"
        )
        report.same("badge", document.get("badge"), run["badge"], "the badge")
        with report.reading("document"):
            _around(report, document, statement, keys, artifact)
        _certificate(report, document["certificate"], keys, run)
    return report


def _around(
    report: Report,
    document: Mapping[str, Any],
    statement: Mapping[str, Any],
    keys: Mapping[str, bytes],
    artifact: bytes | None,
) -> None:
    """What stands around the statement is what was signed, or it is named as signed by nobody."""
    report.only("", document, _PROOF)
    for name in ("statement", "certificate"):
        only_envelope(report, f"{name}.", document[name])
    run, named = statement["predicate"], document["artifact"]
    if report.only("artifact.", named, _ARTIFACT):
        _named(report, named, statement["subject"][0].get("name"), run, artifact)
    if "state" in document and document["state"] != "verified":
        said = f"the platform called it {document['state']!r} when it gave this document"
        report.add("state", False, said)
    _own_words(report, document.get("checks", []), document.get("journal", {}))
    for keyid, pem in document.get("keys", {}).items():
        if key_id(pem.encode()) != keyid:
            report.add(f"keys.{keyid[:16]}", False, "it is not the key of this id")
    if document.get("keys", {}).keys() - keys.keys():
        report.unsigned.append("keys (trusted are only those that you name)")


def _named(
    report: Report,
    named: Mapping[str, Any],
    name: object,
    run: Mapping[str, Any],
    artifact: bytes | None,
) -> None:
    """The artifact's own members: of the statement, of the file, or signed by nobody."""
    skill_key, _, version = str(run["badge"]).rpartition("@")
    signed_as = {"name": name, "run_id": run.get("run_id"), "badge": run["badge"]}
    signed_as |= {"skill_key": skill_key, "skill_version": version, **run.get("artifact", {})}
    if artifact is not None:
        signed_as["size"] = len(artifact)
    for member in sorted(named.keys() & signed_as.keys()):
        if named[member] != signed_as[member]:
            _as_signed(report, f"artifact.{member}", named[member], signed_as[member])
    if "created_at" in named and _time(named["created_at"]) != _time(run["finished_at"]):
        _as_signed(report, "artifact.created_at", named["created_at"], run["finished_at"])
    free = [member for member in _OF_ARTIFACT if member in named and member not in signed_as]
    report.unsigned += [f"artifact.{member}" for member in free]


def _own_words(report: Report, checks: Sequence[Any], journal: Mapping[str, Any]) -> None:
    """What the platform says it found, and where the record has the run: its word, signed by nobody."""
    for at, check in enumerate(checks):
        report.only(f"checks[{at}].", check, {"name", "ok", "detail"})
        if check["ok"] is not True:
            said = f"the platform found {check['name']!r} wrong when it gave this document"
            report.add(f"checks[{at}].ok", False, said)
    report.only("journal.", journal, {"chain_id", "seq"})
    if checks:
        report.unsigned.append("checks (what the platform itself says it checked)")
    if journal:
        report.unsigned.append("journal (compare it with: livery audit export)")


def only_envelope(report: Report, where: str, envelope: Mapping[str, Any]) -> None:
    """An envelope is its payload and signatures: what else is in it, no signature covers."""
    report.only(where, envelope, _ENVELOPE)
    for at, signature in enumerate(envelope["signatures"]):
        report.only(f"{where}signatures[{at}].", signature, _SIGNATURE)


def verify_certificate(
    envelope: Mapping[str, Any],
    keys: Mapping[str, bytes],
    now: datetime,
    *,
    claims: Mapping[str, Mapping[str, Any]] | None = None,
    retired: Mapping[str, str] | None = None,
) -> Report:
    """Verify a certificate's DSSE envelope, and that it is in force at `now` (aware).

    `claims` are the documents around the envelope, by where they stand (`""`, `certificate.`): what they say of it
    must be what was signed. `retired` is key id -> why certificates of that key count no more.
    """
    report = Report("certificate", "")
    statement = _certificate(report, envelope, keys, None, now)
    if statement is not None:
        with report.reading("document"):
            signers = verify_dsse(envelope, keys).keyids
            for where, claimed in (claims or {}).items():
                _claimed(report, statement["predicate"]["livery"], signers, where, claimed)
            _key_counts(report, envelope, retired or {})
    return report


def _claimed(
    report: Report,
    about: Mapping[str, Any],
    signers: Collection[str],
    where: str,
    claimed: Mapping[str, Any],
) -> None:
    if "payload" in claimed:
        strange = {name: value for name, value in claimed.items() if name not in _STANDING}
        only_envelope(report, where, strange)
    else:
        report.only(where, claimed, _CERTIFICATE)
    signed_as = {**about, "key": about["skill_key"], "signed_at": about["certified_at"]}
    for name in sorted(_SIGNED_VALUES & claimed.keys() & signed_as.keys()):
        _as_signed(report, where + name, claimed[name], signed_as[name])
    for name in sorted(_SIGNED_TIMES & claimed.keys()):
        _as_signed(report, where + name, _time(claimed[name]), _time(signed_as[name]))
    if "key_id" in claimed:
        known = claimed["key_id"] in signers
        said = "the key that verified it" if known else f"{_OTHER}: {claimed['key_id']!r}"
        report.add(where + "key_id", known, said)
    if "checks" in claimed and "checks" in about:
        _checks(report, where + "checks", claimed["checks"], about["checks"])
    for name, good in _STANDING.items():
        if name in claimed and claimed[name] != good:
            # Not signed, and still said by whoever exported it: nobody improves on it by signing.
            said = f"the platform called it {claimed[name]} when it gave this document"
            report.add(where + name, False, said)


def _checks(
    report: Report, where: str, shown: Sequence[Mapping[str, Any]], signed_as: Sequence[Any]
) -> None:
    """The checks beside the statement are those in it: as many, in order, with the same outcome."""
    before = len(report.refuted())
    if len(shown) != len(signed_as):
        report.add(where, False, f"{_OTHER}: {len(shown)} checks, {len(signed_as)} were signed")
        return
    for at, (check, expected) in enumerate(zip(shown, signed_as, strict=True)):
        _check(report, f"{where}[{at}].", check, expected)
    if len(report.refuted()) == before:
        report.add(where, True, f"{len(shown)} checks, as signed")


def _check(
    report: Report, where: str, check: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    """One check: its name and verdict, and whatever else is said of it, as signed. Left out is left out."""
    report.only(where, check, _CHECK)
    for name in ("name", "verdict", "summary"):
        optional = name == "summary" and name not in check
        if not optional and check.get(name) != expected.get(name):
            _as_signed(report, f"{where}{name}", check.get(name), expected.get(name))
    if "evidence" in check and check["evidence"] != expected.get("evidence", {}):
        report.add(f"{where}evidence", False, f"{_OTHER}: other measurements")
    if "findings" in check:
        _findings(report, f"{where}findings", check["findings"], expected)


def _findings(
    report: Report, where: str, found: Sequence[Mapping[str, Any]], expected: Mapping[str, Any]
) -> None:
    """As many findings of each severity as were signed, and whoever answers for one as signed, word for word."""
    counts = dict(Counter(item.get("severity") or _UNRATED for item in found))
    hushed = [
        {**{key: item.get(key) for key in _SUPPRESSED}, **item["suppressed"]}
        for item in found
        if item.get("suppressed")
    ]
    if counts != expected.get("findings", {}):
        _as_signed(report, where, counts, expected.get("findings", {}))
    elif hushed != expected.get("suppressed", []):
        report.add(where, False, f"{_OTHER}: other suppressions")
    if len(found) > len(hushed):
        words = "texts of findings (how many there are of each severity is signed)"
        if words not in report.unsigned:
            report.unsigned.append(words)


def _as_signed(report: Report, name: str, found: object, expected: object) -> None:
    same = found == expected
    report.add(name, same, found if same else f"{_OTHER}: {found!r} is not {expected!r}")


def _time(written: str) -> str:
    """The moment in one form, however it was written; ValueError without a timezone."""
    at = datetime.fromisoformat(written)
    if at.tzinfo is None:
        raise ValueError(f"{written} has no timezone")
    return at.astimezone(UTC).isoformat()


def _key_counts(report: Report, envelope: Mapping[str, Any], retired: Mapping[str, str]) -> None:
    named = [str(item["keyid"]) for item in envelope["signatures"]]
    if named and all(keyid in retired for keyid in named):
        report.add("signing key", False, f"{named[0][:16]} was retired: {retired[named[0]]}")


def signed(
    report: Report, name: str, envelope: Mapping[str, Any], keys: Mapping[str, bytes]
) -> Mapping[str, Any] | None:
    """The payload of an envelope that a trusted key signed; None, and a verdict, where none did."""
    try:
        found = verify_dsse(envelope, keys)
    except StatementInvalid as refused:
        report.add(f"{name} signature", False, refused.message)
        return None
    report.add(f"{name} signature", True, f"key {', '.join(k[:16] for k in found.keyids)}")
    if len(envelope["signatures"]) > len(found.keyids):
        report.unsigned.append(f"signatures of the {name} by keys that you did not name")
    return found.payload


def _artifact(report: Report, sha256: str, artifact: bytes | None) -> None:
    if artifact is None:
        report.add("artifact", None, "no file to compare: only the record was verified")
        return
    report.same("artifact", hashlib.sha256(artifact).hexdigest(), sha256, "the file's sha256")


def _certificate(
    report: Report,
    envelope: Mapping[str, Any],
    keys: Mapping[str, bytes],
    run: Mapping[str, Any] | None,
    now: datetime | None = None,
) -> Mapping[str, Any] | None:
    with report.reading("certificate"):
        statement = signed(report, "certificate", envelope, keys)
        if statement is None:
            return None
        if not report.same(
            "certificate kind", statement.get("predicateType"), TEST_RESULT_TYPE, "certificate"
        ):
            return None
        predicate = statement["predicate"]
        about = predicate["livery"]
        badge = f"{about['skill_key']}@{about['version']}"
        report.about = report.about or badge
        certified = f"sha256:{_subject(statement)}"
        expected = run or about
        report.same("certified digest", certified, expected["digest"], "the certified package")
        if run is not None:
            report.same("certified skill", badge, run["badge"], "the certified skill")
        result = predicate.get("result")
        report.add("certified result", result in PASSING_RESULTS, result)
        at = now or _run_time(expected)
        _in_force(report, about, at)
        return statement
    return None


def _in_force(report: Report, about: Mapping[str, Any], at: datetime) -> None:
    begins = datetime.fromisoformat(about["certified_at"])
    ends = datetime.fromisoformat(about["expires_at"])
    said = f"{begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC; asked for {at:%Y-%m-%d %H:%M}"
    if at >= ends:
        said = f"expired: {said}"
    report.add("in force", begins <= at < ends, said)


def _subject(statement: Mapping[str, Any]) -> str:
    subjects = statement["subject"]
    if len(subjects) != 1:
        raise ValueError(f"{len(subjects)} subjects, one expected")
    return str(subjects[0]["digest"]["sha256"])


def _run_time(run: Mapping[str, Any]) -> datetime:
    at = datetime.fromisoformat(str(run.get("started_at") or run["finished_at"]))
    if at.tzinfo is None:
        raise ValueError("the run's time has no timezone")
    return at
