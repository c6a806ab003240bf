"""Certification from registering to a certificate that strangers' tools verify offline."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from tests.support.platform import Running
from tests.support.skills import certified, evaluate, package, run

from livery.client.verify import trusted_keys, verify_certificate
from livery.manifest.errors import LiveryError
from livery.manifest.package import PackageFile
from livery.services.certification.certify import LIFETIME, Certifier

FAILING = {"name": "off", "input": {"code": "result = 1"}, "output": 2}
NEAR = {"name": "near", "input": {"code": "result = 1.25"}, "output": 1, "tolerance": 0.25}


async def register(running: Running, files: list[PackageFile]) -> Any:
    return await running.platform.services.catalog.register(files, by="test")


async def certify(running: Running, key: str, version: str | None = None) -> dict[str, Any]:
    path = (
        f"/v1/skills/{key}/versions/{version}/certify" if version else f"/v1/skills/{key}/certify"
    )
    async with running.http() as http:
        answer = await http.post(path)
    document: dict[str, Any] = answer.json()
    return document


async def entries(running: Running, subject: str) -> list[str]:
    async with running.http() as http:
        page = (await http.get("/v1/audit", params={"run_id": subject, "limit": 500})).json()
    kinds = [item["kind"] for item in reversed(page["items"])]
    return [kind for kind in kinds if not kind.startswith("certification.")]  # of jobs


async def test_from_pending_to_certified(platform: Running) -> None:
    made = await register(platform, package("way", fixtures=(NEAR,)))
    assert made.status == "pending_certification"
    assert (await evaluate(platform, "way", "result = 1"))["code"] == "skill_not_certified"
    done = await certify(platform, "way")
    assert (done["status"], done["version"], done["digest"]) == ("certified", "1.0.0", made.digest)
    checks = {check["name"]: check for check in done["checks"]}
    assert checks.keys() >= {"static", "fixtures", "approval"}
    assert {check["verdict"] for check in done["checks"]} == {"pass"}
    assert checks["fixtures"]["summary"] == "1 of 1 fixtures, largest difference 0.25"
    assert (await evaluate(platform, "way", "result = 1"))["result"] == 1
    assert await entries(platform, "way@1.0.0") == ["skill.registered", "skill.certified"]


async def test_again_is_the_same_certificate(platform: Running) -> None:
    await certified(platform, package("again"))
    first, second = await certify(platform, "again"), await certify(platform, "again", "1.0.0")
    assert first == second
    assert await entries(platform, "again@1.0.0") == ["skill.registered", "skill.certified"]


async def test_a_failing_fixture_certifies_nothing(platform: Running) -> None:
    await register(platform, package("failing", fixtures=(FAILING, NEAR)))
    for _ in range(2):
        done = await certify(platform, "failing")
        assert (done["status"], done["certificate"]) == ("pending_certification", None)
        checks = {check["name"]: check for check in done["checks"]}
        assert (checks["static"]["verdict"], checks["fixtures"]["verdict"]) == ("pass", "fail")
        assert (
            checks["fixtures"]["findings"][0]["message"]
            == "off: the output differs: the output: expected 2, got 1"
        )
    assert (await evaluate(platform, "failing", "result = 1"))["code"] == "skill_not_certified"
    assert await entries(platform, "failing@1.0.0") == ["skill.registered"]


async def test_a_visible_undeclared_use_certifies_nothing(platform: Running) -> None:
    code = (
        package("x")[2].data.decode().replace('"x"', '"evaluate"')
        + "\n\ndef leak():\n    open('/etc/passwd')\n"
    )
    await register(platform, package("undeclared", code))
    done = await certify(platform, "undeclared")
    assert done["status"] == "pending_certification"
    (finding,) = done["checks"][0]["findings"]
    assert (finding["file"], finding["code"]) == ("scripts/skill.py", "underdeclared_capability")
    assert code.splitlines()[finding["line"] - 1].strip() == "open('/etc/passwd')"


async def test_instructions_are_certified_and_run_nothing(platform: Running) -> None:
    body = {"name": "How to greet", "description": "Say hello.", "category": "manners"}
    async with platform.http() as http:
        assert (await http.post("/v1/skills", json=body)).json()[
            "status"
        ] == "pending_certification"
    assert (await certify(platform, "how-to-greet"))["status"] == "certified"
    envelope = await run(platform, "how-to-greet", {})
    assert (envelope["code"], envelope["status"]) == ("executor_unbound", "denied")


async def test_what_is_revoked_is_not_certified(platform: Running) -> None:
    await certified(platform, package("gone"))
    assert (await evaluate(platform, "gone", "result = 1"))["ok"]
    async with platform.http() as http:
        answer = await http.post("/v1/skills/gone/revoke", json={"reason": "A hole."})
        assert answer.json()["status"] == "revoked"
    assert (await evaluate(platform, "gone", "result = 1"))["code"] == "skill_revoked"
    done = await certify(platform, "gone")
    assert (done["status"], done["code"]) == (409, "invalid_transition")
    async with platform.http() as http:
        shown = (await http.get("/v1/skills/gone")).json()
        again = await http.post("/v1/skills/gone/revoke", json={"reason": "Twice."})
    assert shown["versions"][0]["certificate"]["state"] == "revoked"
    assert shown["versions"][0]["reason"] == "A hole."
    assert again.status_code == 409
    kinds = await entries(platform, "gone@1.0.0")
    assert kinds == ["skill.registered", "skill.certified", "skill.revoked"]


async def test_each_version_stands_for_itself(platform: Running) -> None:
    await certified(platform, package("versions"))
    await register(platform, package("versions", version="1.1.0", fixtures=(FAILING,)))
    assert (await certify(platform, "versions"))["status"] == "pending_certification"
    envelope = await evaluate(platform, "versions", "result = 1")
    assert (envelope["ok"], envelope["skill_version"]) == (True, "1.0.0")
    refused = await run(platform, "versions", {"code": "1"}, version="1.1.0")
    assert refused["code"] == "skill_not_certified"
    assert (await certify(platform, "versions", "1.0.0"))["status"] == "certified"
    assert (await certify(platform, "versions", "9.9.9"))["code"] == "not_found"


async def test_an_expired_certificate_is_renewed(platform: Running) -> None:
    import asyncpg

    first = await certified(platform, package("old"))
    owner = await asyncpg.connect(platform.urls.owner)
    await owner.execute(
        "update livery.certificate set expires_at = $2 where skill_id = $1",
        first.certificate.skill_id if first.certificate else None,
        datetime.now(UTC) - timedelta(minutes=1),
    )
    await owner.execute("update livery.epoch set value = value + 1")
    await owner.close()
    assert (await evaluate(platform, "old", "result = 1"))["code"] == "skill_not_certified"
    async with platform.http() as http:
        shown = (await http.get("/v1/skills/old/versions/1.0.0/certificate")).json()
    assert shown["state"] == "expired"
    done = await certify(platform, "old")
    assert done["certificate"]["state"] == "valid"
    assert done["certificate"]["certificate_id"] != shown["certificate_id"]
    assert (await evaluate(platform, "old", "result = 1"))["ok"]


def test_an_empty_pipeline_is_refused() -> None:
    with pytest.raises(ValueError, match="certify anything"):
        Certifier(None, None, (), None, None, None, None, None)  # type: ignore[arg-type]


# The certificate, by other people's tools -----------------------------------------------------------------


async def held(running: Running, key: str) -> tuple[dict[str, Any], dict[str, str]]:
    async with running.http() as http:
        certificate = (await http.get(f"/v1/skills/{key}/versions/1.0.0/certificate")).json()
        keys = (await http.get("/v1/keys")).json()["keys"]
    return certificate, keys


def preauth(kind: str, payload: bytes) -> bytes:
    """DSSE v1: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


async def test_the_certificate_verifies_with_our_client(platform: Running) -> None:
    certificate, keys = await held(platform, "add")
    trusted = trusted_keys(pem.encode() for pem in keys.values())
    now = datetime.now(UTC)
    report = verify_certificate(certificate["statement"], trusted, now)
    assert report.ok, report
    assert not verify_certificate(certificate["statement"], trusted, now + LIFETIME).ok
    assert not verify_certificate(certificate["statement"], {}, now).ok


async def test_the_certificate_is_an_in_toto_statement_in_dsse(platform: Running) -> None:
    certificate, keys = await held(platform, "add")
    envelope = certificate["statement"]
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"], validate=True)
    (signature,) = envelope["signatures"]
    public = load_pem_public_key(keys[signature["keyid"]].encode())
    assert isinstance(public, Ed25519PublicKey)
    signed = base64.b64decode(signature["sig"])
    public.verify(signed, preauth(envelope["payloadType"], payload))
    with pytest.raises(InvalidSignature):
        public.verify(
            signed, preauth(envelope["payloadType"], payload.replace(b"PASSED", b"FAILED"))
        )
    document = json.loads(payload)
    statement = Statement.copy_from_pb(ParseDict(document, statement_pb2.Statement()))
    statement.validate()
    assert statement.pb.predicate_type == "https://in-toto.io/attestation/test-result/v0.1"
    assert dict(statement.pb.predicate)["result"] == "PASSED"
    assert {"static", "fixtures", "approval"} <= set(statement.pb.predicate["passedTests"])
    async with platform.http() as http:
        shown = (await http.get("/v1/skills/add")).json()
    assert statement.pb.subject[0].name == "add@1.0.0"
    assert "sha256:" + statement.pb.subject[0].digest["sha256"] == shown["digest"]


async def test_who_may_certify(platform: Running) -> None:
    from dataclasses import replace

    services = platform.platform.services
    for role in ("author", "auditor", "customer_admin", "customer_member", "agent"):
        caller = replace(platform.operator, role=role)
        with pytest.raises(LiveryError) as refused:
            await services.certifier.certify(caller, "add")
        assert refused.value.code == "forbidden"
