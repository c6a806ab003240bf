"""Signed statements: in-toto Statement v1 in DSSE envelopes, Ed25519. Verification is offline.

Sources: DSSE v1.0.2 (github.com/secure-systems-lab/dsse), in-toto Attestation Framework v1.
Signing is elsewhere; this module holds no private key.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from securesystemslib.dsse import Envelope as DsseEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

from livery.manifest.canonical import NotIJson, canonical_json
from livery.manifest.errors import StatementInvalid
from livery.manifest.strict_json import read_json

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
TEST_RESULT_TYPE: Final = "https://in-toto.io/attestation/test-result/v0.1"
RUN_PREDICATE_TYPE: Final = "https://livery.dev/attestation/run/v1"
CHECKPOINT_PREDICATE_TYPE: Final = "https://livery.dev/attestation/audit-checkpoint/v1"

MAX_PAYLOAD: Final = 16 * 1024 * 1024
MAX_SIGNATURES: Final = 16
_VERDICTS: Final = {"pass": "PASSED", "warn": "WARNED", "fail": "FAILED"}


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A statement whose signature was checked; only ``verify_dsse`` makes one.

    ``payload`` is the whole Statement, ``keyids`` are the trusted keys that signed it.
    """

    payload: dict[str, Any]
    keyids: tuple[str, ...]

    @property
    def predicate_type(self) -> str:
        """The URI that says what the predicate means."""
        return str(self.payload["predicateType"])

    @property
    def predicate(self) -> dict[str, Any]:
        """What is stated about the subjects."""
        return dict(self.payload["predicate"])

    def covers(self, digest: str) -> bool:
        """Say whether a subject has this digest (``sha256:<hex>``)."""
        return any(
            f"sha256:{item['digest'].get('sha256')}" == digest for item in self.payload["subject"]
        )


def key_id(public_key_pem: bytes) -> str:
    """Return the key id: hex SHA-256 of the DER SubjectPublicKeyInfo of an Ed25519 key.

    Raises StatementInvalid when the PEM is not an Ed25519 public key.
    """
    der = _ed25519(public_key_pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def subject(name: str, digest: str) -> dict[str, Any]:
    """Return a Statement subject of a ``sha256:<hex>`` digest; StatementInvalid otherwise."""
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or not _is_sha256(value):
        raise StatementInvalid(message="a subject needs a digest of the form sha256:<hex>")
    return {"name": name, "digest": {"sha256": value}}


def make_test_result(
    checks: Iterable[tuple[str, str]],
    configuration: Iterable[Mapping[str, Any]] = (),
    **extra: Any,
) -> dict[str, Any]:
    """Return an in-toto test-result v0.1 predicate from ``(check name, pass|warn|fail)``.

    The result is FAILED if any check failed or there is none, else WARNED if any warned, else
    PASSED. ``extra`` members are added beside the standard ones. ValueError: unknown verdict.
    """
    names: dict[str, list[str]] = {"PASSED": [], "WARNED": [], "FAILED": []}
    for name, verdict in checks:
        if verdict not in _VERDICTS:
            raise ValueError(f"{verdict!r} is not one of {', '.join(_VERDICTS)}")
        names[_VERDICTS[verdict]].append(name)
    result = next((word for word in ("FAILED", "WARNED", "PASSED") if names[word]), "FAILED")
    return {
        "result": result,
        "configuration": [dict(item) for item in configuration],
        "passedTests": names["PASSED"],
        "warnedTests": names["WARNED"],
        "failedTests": names["FAILED"],
        **extra,
    }


def make_statement(
    subjects: Iterable[Mapping[str, Any]], predicate_type: str, predicate: Mapping[str, Any]
) -> bytes:
    """Return the canonical JSON (RFC 8785) of an in-toto Statement v1: the payload to sign.

    Raises StatementInvalid for no subject, a subject without sha256, or what is not I-JSON.
    """
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [dict(item) for item in subjects],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }
    _check_statement(document)
    try:
        return canonical_json(document)
    except NotIJson as fault:
        raise StatementInvalid(message=f"the statement is not I-JSON: {fault}") from None


def dsse_pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return the pre-authentication encoding (DSSE): the bytes that a signature covers."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def build_envelope(
    payload: bytes, signatures: Mapping[str, bytes], payload_type: str = PAYLOAD_TYPE
) -> dict[str, Any]:
    """Return a DSSE envelope (JSON object) of a payload and ``{key id: raw signature}``."""
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {"keyid": keyid, "sig": base64.b64encode(signature).decode()}
            for keyid, signature in sorted(signatures.items())
        ],
    }


def verify_dsse(envelope: Mapping[str, Any], keys: Mapping[str, bytes]) -> VerifiedStatement:
    """Verify a signed statement with the trusted public keys ``{key id: PEM}``.

    At least one trusted key must have signed. The payload is read only after that. Raises
    StatementInvalid: not a DSSE envelope, no valid signature by a trusted key, a key that is not
    Ed25519 or not the key of its id, or a payload that is no in-toto Statement v1.
    """
    signed = _read(envelope)
    keyids = tuple(keyid for keyid in sorted(signed.signatures) if _signed_by(signed, keyid, keys))
    if not keyids:
        named = ", ".join(sorted(map(str, signed.signatures)))[:200] or "none"
        raise StatementInvalid(message=f"no valid signature by a trusted key (signed by: {named})")
    payload = _parse(signed.payload)
    _check_statement(payload)
    return VerifiedStatement(payload, keyids)


def _ed25519(pem: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise StatementInvalid(message="a key is not a PEM public key") from None
    if not isinstance(key, Ed25519PublicKey):
        raise StatementInvalid(message="a key is not an Ed25519 key")
    return key


def _read(envelope: Mapping[str, Any]) -> DsseEnvelope:
    try:
        signatures = [
            {"keyid": str(item["keyid"]), "sig": str(item["sig"])}
            for item in envelope["signatures"]
        ]
        if not 0 < len(signatures) <= MAX_SIGNATURES:
            raise ValueError(f"needs 1 to {MAX_SIGNATURES} signatures")
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise ValueError(f"payloadType must be {PAYLOAD_TYPE}")
        if len(envelope["payload"]) > MAX_PAYLOAD * 4 // 3 + 4:
            raise ValueError("the payload is too large")
        return DsseEnvelope.from_dict({**envelope, "signatures": signatures})
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise StatementInvalid(message=f"not a DSSE envelope: {fault}") from None


def _signed_by(signed: DsseEnvelope, keyid: str, keys: Mapping[str, bytes]) -> bool:
    pem = keys.get(keyid)
    if pem is None:
        return False
    if key_id(pem) != keyid:
        raise StatementInvalid(message=f"the key given for {keyid[:64]} is another key")
    trusted = SSlibKey.from_crypto(_ed25519(pem), keyid=keyid)
    try:
        signed.verify([trusted], 1)
    except VerificationError:
        return False
    return True


def _parse(payload: bytes) -> dict[str, Any]:
    try:
        document = read_json(payload)
    except (ValueError, RecursionError) as fault:
        raise StatementInvalid(message=f"the payload is not JSON: {fault}") from None
    if not isinstance(document, dict):
        raise StatementInvalid(message="the payload is not a JSON object")
    return document


def _check_statement(document: Mapping[str, Any]) -> None:
    if document.get("_type") != STATEMENT_TYPE:
        raise StatementInvalid(message=f"the statement's _type is not {STATEMENT_TYPE}")
    subjects = document.get("subject")
    if not isinstance(subjects, list) or not subjects:
        raise StatementInvalid(message="the statement has no subject")
    for item in subjects:
        digest = item.get("digest") if isinstance(item, Mapping) else None
        if not isinstance(digest, Mapping) or not _is_sha256(digest.get("sha256")):
            raise StatementInvalid(message="a subject has no sha256 digest")
    kind = document.get("predicateType")
    if not isinstance(kind, str) or not kind:
        raise StatementInvalid(message="the statement has no predicateType")
    if not isinstance(document.get("predicate"), Mapping):
        raise StatementInvalid(message="the statement has no predicate")


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")
