"""`livery verify CERTIFICATE.json --key PUBLIC.pem`, on files alone, with keys made by openssl."""

import base64
import copy
import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.platform import Running
from tests.support.skills import package
from typer.testing import CliRunner

from livery.cli import build_cli
from livery.integrations.signing import SigningKeys

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")


def no_client() -> Any:
    raise AssertionError("verification asked a server")


@pytest.fixture
def verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command in a home without keys; `(exit code, report)`."""
    monkeypatch.setenv("LIVERY_HOME", str(tmp_path / "nothing-here"))

    def run(document: Any, *keys: Path, home: Path | None = None) -> tuple[int, dict[str, Any]]:
        if home is not None:
            monkeypatch.setenv("LIVERY_HOME", str(home))
        file = tmp_path / "certificate.json"
        file.write_text(json.dumps(document))
        options = [part for key in keys for part in ("--key", str(key))]
        found = CliRunner().invoke(build_cli(no_client), ["verify", str(file), *options, "--json"])
        report = json.loads(found.stdout) if found.exit_code < 2 else {}
        return found.exit_code, report

    return run


@pytest.fixture
async def certified(platform: Running) -> dict[str, Any]:
    """What `livery skills certify multiply --json` prints."""
    async with platform.http() as http:
        found: dict[str, Any] = (await http.post("/v1/skills/multiply/certify")).json()
    return found


@pytest.fixture
async def public(platform: Running, tmp_path: Path) -> Path:
    async with platform.http() as http:
        keys = (await http.get("/v1/keys")).json()["keys"]
    file = tmp_path / "public.pem"
    file.write_text("".join(keys.values()))
    return file


def foreign(folder: Path) -> Path:
    private, public = folder / "foreign.pem", folder / "foreign.pub.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return public


def refuted(report: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["detail"] for item in report["checks"] if item["ok"] is False}


def test_every_shape_verifies(verify: Any, certified: dict[str, Any], public: Path) -> None:
    for document in (
        certified,
        certified["certificate"],
        {"certificate": certified["certificate"]},
        certified["certificate"]["statement"],
    ):
        code, report = verify(document, public)
        assert (code, report["ok"], report["about"]) == (0, True, "multiply@1.0.0"), report


def test_a_foreign_key(
    verify: Any, certified: dict[str, Any], public: Path, tmp_path: Path
) -> None:
    other = foreign(tmp_path)
    code, report = verify(certified["certificate"], other)
    assert (code, report["ok"]) == (1, False)
    assert "no valid signature by a trusted key" in refuted(report)["certificate signature"]
    assert verify(certified["certificate"], other, public)[0] == 0
    assert verify(certified["certificate"])[0] == 2  # no key at all


def test_one_changed_byte_anywhere(verify: Any, certified: dict[str, Any], public: Path) -> None:
    envelope = certified["certificate"]["statement"]
    payload = base64.b64decode(envelope["payload"])
    for at in (0, len(payload) // 3, len(payload) // 2, len(payload) - 2):
        changed = bytes([*payload[:at], payload[at] ^ 1, *payload[at + 1 :]])
        forged = {**envelope, "payload": base64.b64encode(changed).decode()}
        assert verify(forged, public)[0] == 1, at
    signature = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    signature[17] ^= 1
    forged = copy.deepcopy(envelope)
    forged["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    assert verify(forged, public)[0] == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", "add"),
        ("version", "9.9.9"),
        ("digest", "sha256:" + "0" * 64),
    ],
)
def test_what_stands_around_it_must_be_what_was_signed(
    verify: Any, certified: dict[str, Any], public: Path, name: str, value: str
) -> None:
    code, report = verify({**certified, name: value}, public)
    assert code == 1
    assert refuted(report).keys() == {name}


def test_any_member_around_it_that_was_edited_is_named(
    verify: Any, certified: dict[str, Any], public: Path
) -> None:
    edits: list[tuple[str, tuple[str | int, ...], Any]] = [
        ("checks[0].verdict", ("checks", 0, "verdict"), "fail"),
        ("checks", ("checks",), []),
        ("certificate.checks[2].verdict", ("certificate", "checks", 2, "verdict"), "fail"),
        ("certificate.checks[2].summary", ("certificate", "checks", 2, "summary"), "9 of 9"),
        ("certificate.checks[1].name", ("certificate", "checks", 1, "name"), "static"),
        ("certificate.checks", ("certificate", "checks"), []),
        ("checks[4].evidence", ("checks", 4, "evidence", "p95_ms"), 0.0001),
        ("checks[1].findings", ("checks", 1, "findings"), [{"severity": "low"}]),
        ("status", ("status",), "draft"),
        ("status", ("status",), "revoked"),
        ("certificate.state", ("certificate", "state"), "revoked"),
        ("certificate.key_id", ("certificate", "key_id"), "0" * 64),
        ("certificate.signed_at", ("certificate", "signed_at"), "2020-01-01T00:00:00Z"),
        ("expires_at", ("expires_at",), "2099-01-01T00:00:00Z"),  # not hidden by the inner one
        ("certificate.statement.state", ("certificate", "statement", "state"), "revoked"),
    ]
    for name, path, value in edits:
        document = copy.deepcopy(certified)
        inner: Any = document
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value
        code, report = verify(document, public)
        assert (code, refuted(report).keys()) == (1, {name}), report
        if not name.endswith(("status", "state")):
            assert refuted(report)[name].startswith(
                "what stands around the signed statement is not what was signed: "
            )
    for odd in ("x", None, [None] * 6, 3):
        assert verify({**certified, "checks": odd}, public)[0] == 1, odd


def test_what_nobody_signed_is_not_spoken_of(
    verify: Any, certified: dict[str, Any], public: Path
) -> None:
    document = copy.deepcopy(certified)
    document["certificate"]["days_left"] = 9999
    code, report = verify(document, public)
    assert code == 0
    assert "days_left" not in json.dumps(report)
    assert "9999" not in json.dumps(report)


def test_a_later_expiry_beside_the_signed_one(
    verify: Any, certified: dict[str, Any], public: Path
) -> None:
    document = {**certified["certificate"], "expires_at": "2099-01-01T00:00:00Z"}
    code, report = verify(document, public)
    assert (code, refuted(report).keys()) == (1, {"expires_at"})


def test_one_that_was_revoked_when_it_was_given(
    verify: Any, certified: dict[str, Any], public: Path
) -> None:
    code, report = verify({**certified["certificate"], "state": "revoked"}, public)
    assert code == 1
    assert "revoked" in refuted(report)["state"]


async def test_an_expired_one_says_so(
    platform: Running, verify: Any, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = platform.platform.services
    await services.catalog.register(package("long-ago"), by="test")
    past = datetime.now(UTC) - timedelta(days=91)
    monkeypatch.setattr(services.certifier, "_clock", lambda: past)
    done = await services.certifier.certify(platform.operator, "long-ago")
    assert done.certificate is not None
    code, report = verify(dict(done.certificate.statement), public)
    assert code == 1
    assert refuted(report).keys() == {"in force"}
    assert refuted(report)["in force"].startswith("expired: ")


async def test_a_retired_key_of_this_home(
    platform: Running, verify: Any, certified: dict[str, Any], public: Path, tmp_path: Path
) -> None:
    home = tmp_path / "copy"
    shutil.copytree(platform.settings.keys_dir, home / "keys")
    assert verify(certified["certificate"], home=home)[0] == 0
    keys = SigningKeys(home / "keys" / "signing")
    former = keys.active()[0]
    keys.rotate()
    assert verify(certified["certificate"], home=home)[0] == 0
    keys.retire(former, "It leaked.", "local:test", datetime.now(UTC))
    code, report = verify(certified["certificate"], home=home)
    assert code == 1
    assert refuted(report) == {"signing key": f"{former[:16]} was retired: It leaked."}
    assert verify(certified["certificate"], public)[0] == 0  # whoever names a key trusts it


def test_openssl_verifies_the_signature_itself(
    certified: dict[str, Any], public: Path, tmp_path: Path
) -> None:
    envelope = certified["certificate"]["statement"]
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    (tmp_path / "signed").write_bytes(signed)
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = [
        "openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin",
        "-in", str(tmp_path / "signed"), "-sigfile", str(tmp_path / "sig"),
    ]  # fmt: skip
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    (tmp_path / "signed").write_bytes(signed[:-1] + b" ")
    assert subprocess.run(command, check=False, capture_output=True).returncode != 0
