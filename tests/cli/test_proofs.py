"""`livery verify` and `livery artifacts`: proofs as files, and what lies beside them."""

import hashlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from livery.cli.artifacts import safe_name
from livery.integrations.signing import Signer
from livery.manifest.statement import (
    CHECKPOINT_PREDICATE_TYPE,
    RUN_PREDICATE_TYPE,
    TEST_RESULT_TYPE,
    make_statement,
)

CONTENT = b"# Digest\n"
SHA = hashlib.sha256(CONTENT).hexdigest()
DIGEST = "sha256:" + "ab" * 32
NOW = datetime.now(UTC)


@pytest.fixture
def signer(home):
    return Signer.load_or_create(home / "keys" / "signing")


@pytest.fixture
def proof(signer):
    about = {
        "skill_key": "weekly-digest",
        "version": "1.0.0",
        "digest": DIGEST,
        "certified_at": (NOW - timedelta(days=1)).isoformat(),
        "expires_at": (NOW + timedelta(days=1)).isoformat(),
    }
    package = [{"name": "x", "digest": {"sha256": DIGEST[7:]}}]
    certificate = signer.sign(
        make_statement(package, TEST_RESULT_TYPE, {"result": "PASSED", "livery": about})
    )
    predicate = {
        "badge": "weekly-digest@1.0.0",
        "digest": DIGEST,
        "run_id": "r",
        "finished_at": NOW.isoformat(),
    }
    subject = [{"name": "digest.md", "digest": {"sha256": SHA}}]
    return {
        "badge": "weekly-digest@1.0.0",
        "state": "verified",
        "artifact": {
            "artifact_id": "a1",
            "run_id": "r",
            "name": "digest.md",
            "sha256": SHA,
            "size": len(CONTENT),
            "badge": "weekly-digest@1.0.0",
            "created_at": NOW.isoformat(),
        },
        "statement": signer.sign(make_statement(subject, RUN_PREDICATE_TYPE, predicate)),
        "predicate": predicate,
        "certificate": certificate,
        "keys": {},
        "checks": [{"name": "signature", "ok": True, "detail": "by a key of this platform"}],
        "journal": {"chain_id": "c", "seq": 7},
    }


@pytest.fixture
def saved(livery, platform, proof, tmp_path):
    platform.artifacts["a1"] = (proof["artifact"], CONTENT, proof)
    found = livery("artifacts", "get", "a1", "--out", tmp_path / "digest.md")
    assert found.exit_code == 0
    assert "livery verify" in found.stderr
    return tmp_path / "digest.md"


def test_an_artifact_verifies_by_its_own_name_and_by_its_proof(livery, saved):
    for path in (saved, saved.with_name("digest.md.provenance.json")):
        found = livery("verify", path)
        assert found.exit_code == 0
        assert "✓ weekly-digest@1.0.0 · verified" in found.stdout
        document = json.loads(livery("verify", path, "--json").stdout)
        assert document["ok"] is True
        assert {check["name"] for check in document["checks"]} >= {"artifact", "in force"}


def test_one_byte_more(livery, saved):
    saved.write_bytes(CONTENT + b" ")
    found = livery("verify", saved)
    assert found.exit_code == 1
    assert "✗ weekly-digest@1.0.0 · unverified" in found.stdout
    assert json.loads(livery("verify", saved, "--json").stdout)["ok"] is False


def test_a_member_that_stands_there_twice(livery, saved):
    proof = saved.with_name("digest.md.provenance.json")
    text = proof.read_text()
    for twice in ('{"badge": "other@9.9.9",', '{"state": NaN,'):
        proof.write_text(text.replace("{", twice, 1))
        for path in (saved, proof):
            found = livery("verify", path)
            assert found.exit_code == 1
            assert "✗ document" in " ".join(found.stdout.split())
    assert "a member appears twice: 'badge'" in refused(livery, saved, text, '"badge": "x@1.0.0"')


def refused(livery, saved, text, member):
    saved.with_name("digest.md.provenance.json").write_text(text.replace("{", f"{{{member},", 1))
    (check,) = json.loads(livery("verify", saved, "--json").stdout)["checks"]
    return check["detail"]


def test_what_nobody_signed_is_named(livery, saved):
    said = " ".join(livery("verify", saved).stdout.split())
    assert "Signed by nobody, so not verified:" in said
    assert "checks (what the platform itself says it checked)" in said
    named = json.loads(livery("verify", saved, "--json").stdout)["unsigned"]
    assert [name.partition(" ")[0] for name in named] == [
        "artifact.artifact_id",
        "checks",
        "journal",
    ]


def test_a_proof_without_its_artifact_says_what_was_not_checked(livery, saved, tmp_path):
    alone = tmp_path / "elsewhere" / "proof.json"
    alone.parent.mkdir()
    shutil.copy(saved.with_name("digest.md.provenance.json"), alone)
    found = livery("verify", alone)
    assert found.exit_code == 0
    assert "were not checked" in found.stderr
    assert livery("verify", alone, "--artifact", saved).exit_code == 0
    # The artifact's own name, beside it.
    shutil.copy(saved, alone.with_name("digest.md"))
    assert "were not checked" not in livery("verify", alone).stderr
    alone.with_name("digest.md").write_bytes(b"other")
    assert livery("verify", alone).exit_code == 1


def test_a_key_by_option(livery, saved, signer, home, tmp_path):
    public = tmp_path / "platform.pub.pem"
    public.write_bytes(next(iter(signer.public_keys().values())))
    shutil.rmtree(home)
    assert livery("verify", saved).exit_code == 2
    assert livery("verify", saved, "--key", public).exit_code == 0
    stranger = Signer.load_or_create(tmp_path / "stranger")
    other = tmp_path / "other.pem"
    other.write_bytes(next(iter(stranger.public_keys().values())))
    assert livery("verify", saved, "--key", other).exit_code == 1
    assert livery("verify", saved, "--key", other, "--key", public).exit_code == 0
    for bad in (saved, tmp_path / "none.pem"):
        assert livery("verify", saved, "--key", bad).exit_code == 2


def test_a_certificate_alone(livery, proof, tmp_path):
    for shape in (proof["certificate"], {"certificate_id": "c", "statement": proof["certificate"]}):
        file = tmp_path / "certificate.json"
        file.write_text(json.dumps(shape))
        assert livery("verify", file).exit_code == 0


@pytest.mark.parametrize(
    "content", [b"", b"text", b"[1]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}\n{"b": 2}\n']
)
def test_what_is_no_proof(livery, signer, tmp_path, content):
    file = tmp_path / "file.bin"
    file.write_bytes(content)
    found = livery("verify", file)
    assert found.exit_code == 2
    assert "Way out" in found.stderr


def test_a_journal_of_nothing_proves_nothing(livery, signer, tmp_path):
    file = tmp_path / "journal.ndjson"
    file.write_bytes(b"")
    assert livery("verify", file).exit_code == 1
    assert livery("verify", tmp_path / "none.ndjson").exit_code == 2


def test_a_checkpoint_and_a_journal_against_it(livery, signer, tmp_path):
    digest = sha256(b"livery:chain:c").digest()
    line = "\n".join(["c", "1", "1", "run.denied", "w", "s", "", "", "{}"]).encode()
    head = sha256(digest + sha256(line).digest()).hexdigest()
    entry = {
        "type": "entry", "chain_id": "c", "seq": 1, "at_us": 1, "kind": "run.denied",
        "workspace_id": "w", "subject_id": "s", "code": "", "correlation_id": "", "body": "{}",
    }  # fmt: skip
    link = {"type": "link", "chain_id": "c", "first_seq": 1, "last_seq": 1, "hash": head}

    def signed(name: str, sha: str, **more: object) -> dict[str, object]:
        subject = [{"name": name, "digest": {"sha256": sha}}]
        said = {"at_us": 1, "chains": [{"chain_id": name, "seq": 1, "head": sha}], **more}
        return signer.sign(make_statement(subject, CHECKPOINT_PREDICATE_TYPE, said))

    own = {"type": "checkpoint", "statement": signed("c", head, number=2)}
    journal = tmp_path / "journal.ndjson"
    journal.write_text("".join(json.dumps(row) + "\n" for row in (entry, link, own)))
    assert livery("verify", journal).exit_code == 0
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(signed("c", head, number=2)))
    bad.write_text(json.dumps(signed("gone", head)))
    shown = livery("verify", good)
    assert (shown.exit_code, "✓ checkpoint 2 of 1970-01-01" in shown.stdout) == (0, True)
    assert livery("verify", journal, "--checkpoint", good).exit_code == 0
    found = livery("verify", journal, "--checkpoint", good, "--checkpoint", bad)
    assert found.exit_code == 1
    said = " ".join(found.stdout.split())
    assert "removed: the chain, with the 1 entries that were signed for" in said
    for words in (
        ("verify", journal, "--checkpoint", journal),
        ("verify", journal, "--checkpoint", tmp_path / "none.json"),
        ("verify", good, "--checkpoint", good),
        ("verify", good, "--allow-unsigned"),
    ):
        assert livery(*words).exit_code == 2
    good.write_text(good.read_text().replace("{", '{"payload": "e30=",', 1))
    assert livery("verify", good).exit_code == 1
    assert livery("verify", journal, "--checkpoint", good).exit_code == 2


def test_artifacts(livery, platform, proof, saved, tmp_path):
    assert "weekly-digest@1.0.0" in livery("artifacts", "list").stdout
    assert livery("artifacts", "get", "a1").stdout_bytes == CONTENT
    assert json.loads(livery("artifacts", "get", "a1", "--json").stdout)["sha256"] == SHA
    kept = json.loads(livery("artifacts", "get", "a1", "--json", "-o", tmp_path).stdout)
    assert kept["path"] == str(tmp_path / "digest.md")
    shown = livery("artifacts", "provenance", "a1").stdout
    assert "✓ weekly-digest@1.0.0 · verified" in shown
    assert "c · entry 7" in shown
    assert json.loads(livery("artifacts", "provenance", "a1", "--json").stdout) == proof
    platform.artifacts["a1"] = (proof["artifact"], CONTENT, proof | {"state": "unverified"})
    assert livery("artifacts", "provenance", "a1").exit_code == 1
    assert livery("artifacts", "get", "a2").exit_code == 1


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\x.md", "x.md"),
        ("/", "artifact"),
        ("..", "artifact"),
        (".ssh", "ssh"),
        ("a\x00b\x1b.md", "a_b_.md"),
        ("x" * 500, "x" * 120),
        ("digest.md", "digest.md"),
    ],
)
def test_a_name_stays_in_its_folder(name, safe):
    assert safe_name(name) == safe


def test_a_certificate_beside_a_file_vouches_for_nothing(livery, proof, tmp_path):
    lie = tmp_path / "report.md"
    lie.write_text("a lie")
    beside = tmp_path / "report.md.provenance.json"
    for forged in (proof["certificate"], {"statement": proof["certificate"]}):
        beside.write_text(json.dumps(forged))
        assert livery("verify", lie).exit_code != 0
        assert livery("verify", beside, "--artifact", lie).exit_code != 0


def test_what_carries_no_proof_is_told_what_does(livery, signer, tmp_path):
    picture = tmp_path / "chart.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    found = livery("verify", picture)
    assert found.exit_code == 2
    said = " ".join(found.stderr.replace("┃", " ").split())
    for words in (".provenance.json beside it", "certificate", "checkpoint", "journal (.ndjson)"):
        assert words in said
    assert "chart.png is, carries no proof" in said


def test_what_is_no_regular_file(livery, signer, tmp_path):
    for path, said in (("/dev/null", "no regular file"), (tmp_path / "none", "There is no file")):
        found = livery("verify", path)
        assert (found.exit_code, said in found.stderr) == (2, True)
