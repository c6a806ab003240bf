"""README's way to verify without our code works as it is written: openssl and coreutils only."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.docs.generated import ROOT
from tests.support.platform import Running

_BLOCK = re.compile(r"<!-- openssl -->\n```sh\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
async def home(platform: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with a digest, its proof and the public key, where README looks for them."""
    home = tmp_path_factory.mktemp("home")
    signing, digest = home / ".livery/keys/signing", home / ".livery/digests/a"
    signing.mkdir(parents=True)
    digest.mkdir(parents=True)
    async with platform.client() as client:
        envelope = await client.run("weekly-digest", {"from": "2026-11-09", "to": "2026-11-16"})
        made = next(item for item in envelope["artifacts"] if item["name"] == "digest.json")
        proof = await client.artifact_provenance(str(made["artifact_id"]))
        content = await client.artifact_content(str(made["artifact_id"]))
        ((keyid, pem),) = (await client.keys()).items()
    (signing / f"{keyid}.pub.pem").write_text(pem)
    (digest / "digest.json").write_bytes(content)
    (digest / "digest.json.provenance.json").write_text(json.dumps(proof, indent=2))
    return home


@pytest.fixture(scope="module")
async def certificate(platform: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with its public key, and a certificate as `livery skills certify --json` prints it."""
    home = tmp_path_factory.mktemp("auditor")
    signing = home / ".livery/keys/signing"
    signing.mkdir(parents=True)
    async with platform.client() as client:
        done = await client.certify_skill("add")
        for keyid, pem in (await client.keys()).items():
            (signing / f"{keyid}.pub.pem").write_text(pem)
    (home / "certificate.json").write_text(json.dumps(done, indent=2))
    return home


def _audit(home: Path) -> subprocess.CompletedProcess[str]:
    text = (ROOT / "docs/certification.md").read_text(encoding="utf-8")
    (commands,) = _BLOCK.findall(text)
    return subprocess.run(
        ["/bin/sh", "-ec", commands],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
def test_an_auditor_verifies_a_certificate_as_it_is_written(certificate: Path) -> None:
    done = _audit(certificate)
    named, signed, expires = done.stdout.splitlines()
    assert (named, signed) == ("Key is the named one", "Signature Verified Successfully")
    assert expires.startswith('"expires_at":"')
    assert done.returncode == 0, done.stderr
    file = certificate / "certificate.json"
    whole = json.loads(file.read_text())
    envelope = whole["certificate"]["statement"]
    payload = base64.b64decode(envelope["payload"]).replace(b"PASSED", b"PASSES")
    envelope["payload"] = base64.b64encode(payload).decode()
    file.write_text(json.dumps(whole, indent=2))
    assert _audit(certificate).returncode != 0


def _verify(home: Path) -> subprocess.CompletedProcess[str]:
    (commands,) = _BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    return subprocess.run(
        ["/bin/sh", "-c", commands],
        cwd=home / ".livery/digests/a",
        env={"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
def test_readme_verifies_and_a_changed_byte_does_not(home: Path) -> None:
    done = _verify(home)
    assert done.stdout.splitlines() == [
        "Signature Verified Successfully",
        "Digest is the signed one",
    ]
    assert done.returncode == 0, done.stderr

    digest = home / ".livery/digests/a/digest.json"
    digest.write_bytes(digest.read_bytes() + b" ")
    changed = _verify(home)
    assert changed.stdout.splitlines() == ["Signature Verified Successfully"]
    assert changed.returncode != 0

    proof = digest.with_name("digest.json.provenance.json")
    document = json.loads(proof.read_text())
    signature = document["statement"]["signatures"][0]
    first = "B" if signature["sig"][0] == "A" else "A"
    signature["sig"] = first + signature["sig"][1:]
    proof.write_text(json.dumps(document, indent=2))
    assert "Verified Successfully" not in _verify(home).stdout
