import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from livery.manifest.errors import StatementInvalid
from livery.manifest.statement import (
    PAYLOAD_TYPE,
    RUN_PREDICATE_TYPE,
    STATEMENT_TYPE,
    TEST_RESULT_TYPE,
    build_envelope,
    dsse_pae,
    key_id,
    make_statement,
    make_test_result,
    subject,
    verify_dsse,
)

DIGEST = "sha256:" + "ab" * 32
# RFC 8032, section 7.1, TEST 1: a well-known key pair.
PRIVATE = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)
PUBLIC_RAW = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


KEYID, OTHER_ID = key_id(pem(PRIVATE)), key_id(pem(OTHER))
KEYS = {KEYID: pem(PRIVATE)}


def payload(predicate: dict[str, Any] | None = None) -> bytes:
    return make_statement([subject("add@1.0.0", DIGEST)], RUN_PREDICATE_TYPE, predicate or {"a": 1})


def signed(body: bytes, *keys: Ed25519PrivateKey) -> dict[str, Any]:
    return build_envelope(body, {key_id(pem(key)): key.sign(dsse_pae(body)) for key in keys})


def test_the_key_id_is_the_hash_of_the_subject_public_key_info() -> None:
    # RFC 8410: the DER of an Ed25519 SubjectPublicKeyInfo is this prefix and the 32 bytes.
    der = bytes.fromhex("302a300506032b6570032100") + PUBLIC_RAW
    assert hashlib.sha256(der).hexdigest() == KEYID


def test_the_encoding_of_the_dsse_specification() -> None:
    assert dsse_pae(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert dsse_pae("é".encode(), "ü") == b"DSSEv1 2 \xc3\xbc 2 \xc3\xa9"


def test_the_payload_is_canonical() -> None:
    assert make_statement([subject("x", DIGEST)], "urn:t", {"b": 1, "a": 2}) == (
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":2,"b":1},'
        b'"predicateType":"urn:t","subject":[{"digest":{"sha256":"' + b"ab" * 32 + b'"},'
        b'"name":"x"}]}'
    )


def test_a_signed_statement_verifies() -> None:
    verified = verify_dsse(signed(payload({"run_id": "r"}), PRIVATE), KEYS)
    assert verified.keyids == (KEYID,)
    assert verified.predicate_type == RUN_PREDICATE_TYPE
    assert verified.predicate == {"run_id": "r"}
    assert verified.covers(DIGEST)
    assert not verified.covers("sha256:" + "cd" * 32)


def test_an_independent_library_reads_the_same() -> None:
    envelope = signed(payload(), PRIVATE)
    body = base64.b64decode(envelope["payload"])
    PRIVATE.public_key().verify(
        base64.b64decode(envelope["signatures"][0]["sig"]),
        b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(body), body),
    )
    statement = Statement.copy_from_pb(json_format.Parse(body, statement_pb2.Statement()))
    statement.validate()
    assert statement.pb.type == STATEMENT_TYPE
    assert statement.pb.subject[0].digest["sha256"] == "ab" * 32


def test_the_certification_predicate_fits_its_standard() -> None:
    predicate = make_test_result(
        [("schema", "pass"), ("scan", "warn"), ("fixtures", "pass")],
        [{"name": "contract.yaml", "digest": {"sha256": "ab" * 32}}],
    )
    assert predicate == {
        "result": "WARNED",
        "configuration": [{"name": "contract.yaml", "digest": {"sha256": "ab" * 32}}],
        "passedTests": ["schema", "fixtures"],
        "warnedTests": ["scan"],
        "failedTests": [],
    }
    parsed = json_format.ParseDict(predicate, test_result_pb2.TestResult())
    assert list(parsed.passed_tests) == ["schema", "fixtures"]
    body = make_statement([subject("add", DIGEST)], TEST_RESULT_TYPE, predicate)
    assert verify_dsse(signed(body, PRIVATE), KEYS).predicate_type == TEST_RESULT_TYPE


@pytest.mark.parametrize(
    ("checks", "result"),
    [
        ([("a", "pass")], "PASSED"),
        ([("a", "pass"), ("b", "fail"), ("c", "warn")], "FAILED"),
        ([], "FAILED"),  # no evidence is no pass
    ],
)
def test_the_result_is_the_worst_verdict(checks: list[tuple[str, str]], result: str) -> None:
    assert make_test_result(checks)["result"] == result
    assert make_test_result(checks, expires_at="2026-11-21")["expires_at"] == "2026-11-21"


def test_an_unknown_verdict_is_refused() -> None:
    with pytest.raises(ValueError, match="maybe"):
        make_test_result([("a", "maybe")])


def test_several_signatures_name_all_trusted_signers() -> None:
    envelope = signed(payload(), PRIVATE, OTHER)
    assert verify_dsse(envelope, KEYS).keyids == (KEYID,)
    both = {**KEYS, OTHER_ID: pem(OTHER)}
    assert verify_dsse(envelope, both).keyids == tuple(sorted([KEYID, OTHER_ID]))


def test_the_envelope_is_not_changed_by_reading_it() -> None:
    envelope = signed(payload(), PRIVATE)
    before = json.dumps(envelope)
    verify_dsse(envelope, KEYS)
    assert json.dumps(envelope) == before


@pytest.mark.parametrize("position", range(0, 60, 7))
def test_any_changed_byte_of_the_payload_is_noticed(position: int) -> None:
    body = bytearray(payload())
    envelope = signed(bytes(body), PRIVATE)
    body[position] ^= 1
    envelope["payload"] = base64.b64encode(body).decode()
    with pytest.raises(StatementInvalid, match="no valid signature"):
        verify_dsse(envelope, KEYS)


def test_another_key_does_not_count() -> None:
    with pytest.raises(StatementInvalid, match="no valid signature by a trusted key"):
        verify_dsse(signed(payload(), OTHER), KEYS)
    with pytest.raises(StatementInvalid, match="no valid signature"):
        verify_dsse(signed(payload(), PRIVATE), {})
    forged = build_envelope(payload(), {KEYID: OTHER.sign(dsse_pae(payload()))})
    with pytest.raises(StatementInvalid, match="no valid signature"):
        verify_dsse(forged, KEYS)
    short = build_envelope(payload(), {KEYID: b"x"})
    with pytest.raises(StatementInvalid, match="no valid signature"):
        verify_dsse(short, KEYS)


def test_a_key_under_a_false_name_is_refused() -> None:
    envelope = build_envelope(payload(), {KEYID: OTHER.sign(dsse_pae(payload()))})
    with pytest.raises(StatementInvalid, match="is another key"):
        verify_dsse(envelope, {KEYID: pem(OTHER)})


def test_only_ed25519_keys_are_keys() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    text = other.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(StatementInvalid, match="not an Ed25519"):
        key_id(text)
    with pytest.raises(StatementInvalid, match="not a PEM"):
        verify_dsse(signed(payload(), PRIVATE), {KEYID: b"nonsense"})


@pytest.mark.parametrize(
    "change",
    [
        {"payload": None},
        {"payload": "***"},
        {"payload": 5},
        {"payload": "é"},
        {"payloadType": "text/plain"},
        {"signatures": []},
        {"signatures": None},
        {"signatures": "x"},
        {"signatures": [{}]},
        {"signatures": [{"keyid": KEYID, "sig": "***"}]},
        {"signatures": [{"keyid": KEYID, "sig": ""}] * 2},
        {"signatures": [{"keyid": KEYID, "sig": ""}] * 17},
        {"payload": "A" * (23 * 1024 * 1024)},
    ],
)
def test_what_is_no_envelope(change: dict[str, Any]) -> None:
    with pytest.raises(StatementInvalid):
        verify_dsse({**signed(payload(), PRIVATE), **change}, KEYS)


@pytest.mark.parametrize("envelope", [{}, [], None, "x", 5])
def test_what_is_not_even_an_object(envelope: Any) -> None:
    with pytest.raises(StatementInvalid, match="not a DSSE envelope"):
        verify_dsse(envelope, KEYS)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"_type": "x", "_type": "y"}', "a member appears twice"),
        (b"{}", "_type"),
        (b'{"_type": "https://in-toto.io/Statement/v1"}', "no subject"),
        (b'{"_type": "https://in-toto.io/Statement/v1", "subject": [5]}', "no sha256"),
        (b'{"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": "A"}}]}',
         "no sha256"),
    ],
)  # fmt: skip
def test_a_good_signature_does_not_make_a_good_statement(body: bytes, message: str) -> None:
    with pytest.raises(StatementInvalid, match=message):
        verify_dsse(signed(body, PRIVATE), KEYS)


def test_the_predicate_and_its_type_are_needed() -> None:
    good = json.loads(payload())
    for member, value in (("predicateType", ""), ("predicateType", 5), ("predicate", [])):
        body = json.dumps({**good, member: value}).encode()
        with pytest.raises(StatementInvalid, match="predicate"):
            verify_dsse(signed(body, PRIVATE), KEYS)


@pytest.mark.parametrize("digest", ["", "ab" * 32, "sha256:", "sha256:AB", "md5:" + "ab" * 32])
def test_subjects_need_a_sha256(digest: str) -> None:
    with pytest.raises(StatementInvalid):
        subject("x", digest)


def test_a_statement_needs_a_subject_and_i_json() -> None:
    with pytest.raises(StatementInvalid, match="no subject"):
        make_statement([], "urn:t", {})
    with pytest.raises(StatementInvalid, match="not I-JSON"):
        make_statement([subject("x", DIGEST)], "urn:t", {"a": float("nan")})
