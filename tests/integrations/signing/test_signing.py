from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from tests.support.racing import race, signing_key

from livery.integrations.signing import KeyStatus, Signer, SigningKeyError, SigningKeys
from livery.manifest.statement import verify_dsse

IN_TOTO = "application/vnd.in-toto+json"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "signing"


def _pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding, written out from the DSSE v1 protocol text."""
    kind = payload_type.encode()
    parts = [b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload]
    return b" ".join(parts)


def _verify(envelope: Mapping[str, Any], keys: Mapping[str, bytes]) -> None:
    """Independent of securesystemslib: raw Ed25519 over the encoding above."""
    payload = base64.b64decode(envelope["payload"], validate=True)
    (signature,) = envelope["signatures"]
    key = load_pem_public_key(keys[signature["keyid"]])
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.b64decode(signature["sig"]), _pae(envelope["payloadType"], payload))


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_encoding_of_the_protocol_s_own_example() -> None:
    """The test vector of the DSSE protocol: PAE of "hello world"."""
    assert _pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_verifies_by_hand(folder: Path) -> None:
    signer = Signer.load_or_create(folder)
    envelope = signer.sign(PAYLOAD)
    assert envelope.keys() == {"payload", "payloadType", "signatures"}
    assert envelope["payloadType"] == IN_TOTO
    assert base64.b64decode(envelope["payload"]) == PAYLOAD
    assert [s["keyid"] for s in envelope["signatures"]] == [signer.keyid]
    _verify(json.loads(json.dumps(envelope)), signer.public_keys())


def test_the_offline_verifier_accepts_it(folder: Path) -> None:
    signer = Signer.load_or_create(folder)
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a", "digest": {"sha256": "0" * 64}}],
        "predicateType": "https://example.com/p",
        "predicate": {},
    }
    verified = verify_dsse(signer.sign(json.dumps(statement).encode()), signer.public_keys())
    assert (verified.payload, tuple(verified.keyids)) == (statement, (signer.keyid,))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(payload=st.binary(max_size=300), kind=st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_payload_and_type(folder: Path, payload: bytes, kind: str) -> None:
    signer = Signer.load_or_create(folder)
    _verify(signer.sign(payload, kind), signer.public_keys())


def test_signatures_are_deterministic(folder: Path) -> None:
    """Ed25519 (RFC 8032) has no randomness: the same statement has one envelope."""
    signer = Signer.load_or_create(folder)
    assert (
        signer.sign(PAYLOAD) == signer.sign(PAYLOAD) == Signer.load_or_create(folder).sign(PAYLOAD)
    )


@pytest.mark.parametrize("part", ["payload", "payloadType", "sig"])
def test_a_changed_envelope_does_not_verify(folder: Path, part: str) -> None:
    signer = Signer.load_or_create(folder)
    envelope = signer.sign(PAYLOAD)
    if part == "payloadType":
        envelope[part] += "x"
    else:
        holder = envelope if part == "payload" else envelope["signatures"][0]
        changed = bytearray(base64.b64decode(holder[part]))
        changed[3] ^= 1
        holder[part] = base64.b64encode(changed).decode()
    with pytest.raises(InvalidSignature):
        _verify(envelope, signer.public_keys())


def test_openssl_agrees(folder: Path, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this machine")
    signer = Signer.load_or_create(folder)
    envelope = signer.sign(PAYLOAD)
    (tmp_path / "pae").write_bytes(_pae(IN_TOTO, PAYLOAD))
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    public = folder / f"{signer.keyid}.pub.pem"
    command = [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin",
               "-in", tmp_path / "pae", "-sigfile", tmp_path / "sig"]  # fmt: skip
    assert subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0
    (tmp_path / "pae").write_bytes(_pae(IN_TOTO, PAYLOAD + b" "))
    assert subprocess.run(command, check=False, capture_output=True, timeout=30).returncode != 0
    # openssl's own idea of the keyid and of the private half
    der = subprocess.run(
        [openssl, "pkey", "-in", folder / f"{signer.keyid}.pem", "-pubout", "-outform", "DER"],
        capture_output=True, check=True, timeout=30,
    ).stdout  # fmt: skip
    assert hashlib.sha256(der).hexdigest() == signer.keyid


def test_files_and_modes_whatever_the_umask(folder: Path) -> None:
    old = os.umask(0)
    try:
        signer = Signer.load_or_create(folder)
    finally:
        os.umask(old)
    keyid = signer.keyid
    assert _mode(folder) == _mode(folder.parent) == 0o700
    assert {p.name: _mode(p) for p in folder.iterdir()} == {
        ".lock": 0o600,
        "active": 0o600,
        f"{keyid}.pem": 0o600,
        f"{keyid}.pub.pem": 0o600,
    }
    assert (folder / f"{keyid}.pem").read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert (folder / "active").read_text().strip() == keyid


def test_rotation_keeps_old_signatures_good(folder: Path) -> None:
    signer = Signer.load_or_create(folder)
    old = signer.sign(PAYLOAD)
    first = signer.keyid
    second = SigningKeys(folder).rotate()  # by another process
    assert signer.keyid == second != first
    new = signer.sign(PAYLOAD)
    assert new["signatures"][0]["keyid"] == second
    assert signer.statuses() == {first: KeyStatus.FORMER, second: KeyStatus.ACTIVE}
    for envelope in (old, new):
        _verify(envelope, signer.public_keys())
    assert not (folder / f"{first}.pem").exists()
    assert Signer.load_or_create(folder).keyid == second


def test_racing_processes_make_one_key(folder: Path) -> None:
    found = set(race(signing_key, folder))
    assert len(found) == 1
    assert SigningKeys(folder).public_keys().keys() == found


def test_a_crash_before_the_key_is_named_leaves_a_usable_folder(folder: Path) -> None:
    """The last step of making a key is to name it: undo that step, and start again."""
    first = Signer.load_or_create(folder).keyid
    (folder / "active").unlink()
    signer = Signer.load_or_create(folder)
    assert signer.keyid != first
    _verify(signer.sign(PAYLOAD), signer.public_keys())
    assert signer.statuses()[first] is KeyStatus.FORMER


def test_a_private_key_open_to_others_is_refused(folder: Path) -> None:
    keyid = Signer.load_or_create(folder).keyid
    (folder / f"{keyid}.pem").chmod(0o640)
    with pytest.raises(SigningKeyError, match="open to others"):
        Signer.load_or_create(folder)


def _pem(key: Any) -> bytes:
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text


def _damage(folder: Path, name: str, content: bytes | None) -> None:
    path = folder / name
    if name == "private":
        path = folder / f"{(folder / 'active').read_text().strip()}.pem"
    path.unlink() if content is None else path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("active", b""),
        ("active", b"../../etc/passwd"),
        ("active", b"\xff"),
        ("active", b"0" * 64),
        ("private", None),
        ("private", b"garbage"),
        ("private", _pem(Ed25519PrivateKey.generate())),
    ],
)
def test_a_damaged_folder_is_refused_and_not_replaced(
    folder: Path, name: str, content: bytes | None
) -> None:
    Signer.load_or_create(folder)
    _damage(folder, name, content)
    before = sorted(p.name for p in folder.iterdir())
    with pytest.raises(SigningKeyError) as caught:
        Signer.load_or_create(folder)
    assert caught.value.code == "configuration_error"
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_key_of_another_kind_is_refused(folder: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    keyid = Signer.load_or_create(folder).keyid
    (folder / f"{keyid}.pem").write_bytes(_pem(generate_private_key(SECP256R1())))
    with pytest.raises(SigningKeyError, match="not an Ed25519"):
        Signer.load_or_create(folder)


@pytest.mark.parametrize("content", [b"garbage", None])
def test_a_public_key_under_a_false_name_is_refused(folder: Path, content: bytes | None) -> None:
    signer = Signer.load_or_create(folder)
    genuine = (folder / f"{signer.keyid}.pub.pem").read_bytes()
    (folder / f"{'0' * 64}.pub.pem").write_bytes(content or genuine)
    with pytest.raises(SigningKeyError, match="of its name"):
        signer.public_keys()


def test_the_library_reads_what_we_write(folder: Path) -> None:
    envelope = Envelope.from_dict(Signer.load_or_create(folder).sign(PAYLOAD))
    assert (envelope.payload, envelope.payload_type) == (PAYLOAD, IN_TOTO)


def test_a_retired_key_verifies_and_is_named_with_its_reason(folder: Path) -> None:
    signer = Signer.load_or_create(folder)
    first = signer.keyid
    keys = SigningKeys(folder)
    with pytest.raises(SigningKeyError, match="active key") as refused:
        keys.retire(first, "It leaked.", "local:me", NOW)
    assert refused.value.remedy == "livery keys rotate"
    with pytest.raises(SigningKeyError, match="no key"):
        keys.retire("0" * 64, "It leaked.", "local:me", NOW)
    old = signer.sign(PAYLOAD)
    second = keys.rotate()
    assert keys.retire(first, "It leaked.", "local:me", NOW)
    assert not keys.retire(first, "Another reason.", "local:me", NOW)
    _verify(old, signer.public_keys())
    assert signer.retired() == {first: "It leaked."}
    assert signer.key_states() == {
        first: {"state": "retired", "reason": "It leaked."},
        second: {"state": "active"},
    }
    (folder / f"{first}.retired.json").write_text("{")
    assert signer.statuses()[first] is KeyStatus.RETIRED
