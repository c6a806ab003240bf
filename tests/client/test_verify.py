"""Offline verification: what was signed verifies, and one changed byte anywhere does not."""

import base64
import copy
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.client.verdicts import Report
from livery.client.verify import trusted_keys, verify_certificate, verify_provenance
from livery.integrations.signing import Signer
from livery.manifest.errors import StatementInvalid
from livery.manifest.statement import (
    RUN_PREDICATE_TYPE,
    TEST_RESULT_TYPE,
    make_statement,
)

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
CONTENT = b"# Digest\n"
SHA = hashlib.sha256(CONTENT).hexdigest()
DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32


def certificate(signer, *, digest=DIGEST, version="1.0.0", result="PASSED", begins=NOW, days=90):
    about = {
        "skill_key": "weekly-digest",
        "version": version,
        "digest": digest,
        "certified_at": begins.isoformat(),
        "expires_at": (begins + timedelta(days=days)).isoformat(),
    }
    subject = [{"name": "x", "digest": {"sha256": digest.removeprefix("sha256:")}}]
    predicate = {"result": result, "livery": about}
    return signer.sign(make_statement(subject, TEST_RESULT_TYPE, predicate))


def provenance(signer, *, sha=SHA, digest=DIGEST, kind=RUN_PREDICATE_TYPE, cert=None, **run):
    predicate = {
        "badge": "weekly-digest@1.0.0",
        "digest": digest,
        "certificate_id": "c",
        "run_id": "r",
        "finished_at": (NOW + timedelta(hours=1)).isoformat(),
    } | run
    subject = [{"name": "digest.md", "digest": {"sha256": sha}}]
    return {
        "badge": "weekly-digest@1.0.0",
        "state": "verified",
        "artifact": {"name": "digest.md", "sha256": sha},
        "statement": signer.sign(make_statement(subject, kind, predicate)),
        "predicate": predicate,
        "certificate": cert or certificate(signer),
    }


@pytest.fixture
def signer(tmp_path):
    return Signer.load_or_create(tmp_path / "signing")


@pytest.fixture
def keys(signer):
    return signer.public_keys()


def refuted(report: Report) -> set[str]:
    assert not report.ok
    return {verdict.name for verdict in report.verdicts if verdict.ok is False}


def test_a_true_record_verifies(signer, keys):
    report = verify_provenance(provenance(signer), keys, CONTENT)
    assert report.ok
    assert [v.name for v in report.verdicts if v.ok] == [
        "artifact",
        "statement signature",
        "kind",
        "subject",
        "predicate",
        "badge",
        "certificate signature",
        "certificate kind",
        "certified digest",
        "certified skill",
        "certified result",
        "in force",
    ]
    assert report.about == "weekly-digest@1.0.0"
    assert report.to_dict()["ok"] is True


def test_without_the_file_only_the_record_is_verified(signer, keys):
    report = verify_provenance(provenance(signer), keys, None)
    assert report.ok
    assert report.verdicts[0].ok is None


def test_one_changed_byte_of_the_artifact(signer, keys):
    assert refuted(verify_provenance(provenance(signer), keys, b"# digest\n")) == {"artifact"}


def test_a_stranger_s_key(signer, tmp_path):
    stranger = Signer.load_or_create(tmp_path / "stranger")
    found = refuted(verify_provenance(provenance(stranger), signer.public_keys(), CONTENT))
    assert found == {"statement signature"}
    # The keys that a document brings along are not trusted.
    document = provenance(stranger) | {
        "keys": {k: v.decode() for k, v in keys_of(stranger).items()}
    }
    assert refuted(verify_provenance(document, signer.public_keys(), CONTENT))
    forged = provenance(signer, cert=certificate(stranger))
    found = refuted(verify_provenance(forged, signer.public_keys(), CONTENT))
    assert found == {"certificate signature"}


def keys_of(signer):
    return signer.public_keys()


def test_no_key_proves_nothing(signer):
    assert refuted(verify_provenance(provenance(signer), {}, CONTENT))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"digest": OTHER}, "certified digest"),
        ({"kind": TEST_RESULT_TYPE}, "kind"),
        ({"badge": "weekly-digest@2.0.0"}, "badge"),
        ({"finished_at": (NOW - timedelta(seconds=1)).isoformat()}, "in force"),
        ({"finished_at": (NOW + timedelta(days=90)).isoformat()}, "in force"),
        ({"finished_at": "2026-11-21T09:00:00"}, "certificate"),
        ({"finished_at": "soon"}, "certificate"),
    ],
)
def test_a_signed_record_that_does_not_fit(signer, keys, changes, name):
    assert name in refuted(verify_provenance(provenance(signer, **changes), keys, CONTENT))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"digest": OTHER}, "certified digest"),
        ({"version": "1.0.1"}, "certified skill"),
        ({"result": "FAILED"}, "certified result"),
        ({"days": 0}, "in force"),
    ],
)
def test_a_signed_certificate_that_does_not_fit(signer, keys, changes, name):
    document = provenance(signer, cert=certificate(signer, **changes))
    assert name in refuted(verify_provenance(document, keys, CONTENT))


def test_another_artifact_s_record(signer, keys):
    document = provenance(signer)
    document["statement"] = provenance(signer, sha="0" * 64)["statement"]
    assert "subject" in refuted(verify_provenance(document, keys, CONTENT))


def test_a_copy_that_says_something_else_than_what_was_signed(signer, keys):
    document = provenance(signer)
    document["predicate"] = document["predicate"] | {"run_id": "another"}
    assert refuted(verify_provenance(document, keys, CONTENT)) == {"predicate"}


def test_a_certificate_alone(signer, keys):
    envelope = certificate(signer)
    assert verify_certificate(envelope, keys, NOW).ok
    assert verify_certificate(envelope, keys, NOW).about == "weekly-digest@1.0.0"
    late = verify_certificate(envelope, keys, NOW + timedelta(days=90))
    assert refuted(late) == {"in force"}
    early = verify_certificate(envelope, keys, NOW - timedelta(seconds=1))
    assert refuted(early) == {"in force"}


@pytest.mark.parametrize("where", ["statement", "certificate"])
def test_any_changed_byte_of_a_payload(signer, keys, where):
    document = provenance(signer)
    payload = base64.b64decode(document[where]["payload"])
    for at in range(0, len(payload), 37):
        forged = copy.deepcopy(document)
        changed = bytearray(payload)
        changed[at] ^= 1
        forged[where]["payload"] = base64.b64encode(bytes(changed)).decode()
        assert refuted(verify_provenance(forged, keys, CONTENT)) == {f"{where} signature"}


def test_a_report_without_proof_is_not_ok():
    assert not Report("x", "y").ok
    report = Report("x", "y")
    report.add("a", None, "nothing to check")
    assert not report.ok
    report.same("b", None, None, "two absent values")
    assert report.verdicts[-1].ok is False


def test_trusted_keys(keys):
    assert trusted_keys(keys.values()) == keys
    for bad in (b"", b"\xff", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(StatementInvalid):
            trusted_keys([bad])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
MEMBERS = st.sampled_from(["badge", "artifact", "statement", "predicate", "certificate"])


@given(document=st.dictionaries(MEMBERS | st.text(max_size=5), JSON, max_size=6))
def test_no_document_raises(document):
    assert not verify_provenance(document, {}, None).ok
    assert not verify_certificate(document, {}, NOW).ok
    json.dumps(verify_provenance(document, {}, None).to_dict())
