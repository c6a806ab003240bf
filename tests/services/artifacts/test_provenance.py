"""Provenance: every link of the chain is checked, and a broken one is named."""

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, evaluate, package

from livery.client.verify import trusted_keys, verify_provenance


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        await certified(made, package("writer"))
        yield made


async def written(running: Running) -> str:
    envelope = await evaluate(running, "writer", "ctx.artifact('a.txt', 'text/plain', 'hello')")
    artifact: str = envelope["artifacts"][0]["artifact_id"]
    return artifact


async def provenance(running: Running, artifact_id: str) -> dict[str, Any]:
    async with running.http() as http:
        found: dict[str, Any] = (await http.get(f"/v1/artifacts/{artifact_id}/provenance")).json()
    return found


async def test_verified_by_the_platform_and_offline(running: Running) -> None:
    found = await provenance(running, await written(running))
    assert found["state"] == "verified"
    assert found["badge"] == "writer@1.0.0"
    names = [check["name"] for check in found["checks"]]
    assert names == ["content", "signature", "subject", "run", "certificate", "record"]
    keys = trusted_keys(pem.encode() for pem in found["keys"].values())
    assert verify_provenance(found, keys, b"hello").ok
    assert not verify_provenance(found, keys, b"hallo").ok


FORGED: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "state": (("state",), "certified"),
    "badge": (("badge",), "writer@2.0.0"),
    "approved_by": (("approved_by",), "eve"),
    "artifact.name": (("artifact", "name"), "b.txt"),
    "artifact.media_type": (("artifact", "media_type"), "text/html"),
    "artifact.artifact_id": (("artifact", "artifact_id"), "0197f3a2-0000-7000-8000-000000000001"),
    "artifact.run_id": (("artifact", "run_id"), "0197f3a2-0000-7000-8000-000000000001"),
    "artifact.skill_key": (("artifact", "skill_key"), "other"),
    "artifact.skill_version": (("artifact", "skill_version"), "9.9.9"),
    "artifact.badge": (("artifact", "badge"), "other@1.0.0"),
    "artifact.size": (("artifact", "size"), 6),
    "artifact.created_at": (("artifact", "created_at"), "2020-01-01T00:00:00Z"),
    "artifact.approved_by": (("artifact", "approved_by"), "eve"),
    "checks[0].ok": (("checks", 0, "ok"), False),
    "checks[0].by": (("checks", 0, "by"), "eve"),
    "journal.by": (("journal", "by"), "eve"),
    "statement.by": (("statement", "by"), "eve"),
    "statement.signatures[0].by": (("statement", "signatures", 0, "by"), "eve"),
    "certificate.by": (("certificate", "by"), "eve"),
    "keys.00000000": (("keys", "00000000"), "the key of another id"),
}
UNSIGNED: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "checks ": (("checks", 0, "detail"), "signed by the president"),
    "journal ": (("journal", "seq"), 1),
}


def edited(document: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    forged = json.loads(json.dumps(document))
    inner: Any = forged
    for part in path[:-1]:
        inner = inner[part]
    assert inner.get(path[-1]) != value
    inner[path[-1]] = next(iter(forged["keys"].values())) if path[0] == "keys" else value
    return dict(forged)


async def test_what_stands_around_the_statement_is_bound_by_it_or_named_as_unsigned(
    running: Running,
) -> None:
    found = await provenance(running, await written(running))
    keys = trusted_keys(pem.encode() for pem in found["keys"].values())
    whole = verify_provenance(found, keys, b"hello")
    assert whole.ok
    assert [name.partition(" ")[0] for name in whole.unsigned] == ["checks", "journal"]
    for name, (path, value) in FORGED.items():
        report = verify_provenance(edited(found, path, value), keys, b"hello")
        assert [item.name for item in report.refuted()] == [name], report
    for name, (path, value) in UNSIGNED.items():
        report = verify_provenance(edited(found, path, value), keys, b"hello")
        assert any(item.startswith(name) for item in report.unsigned), report
    # A key that the document brings along is no key to trust, and it says so.
    ours = dict(found, keys={})
    assert "keys" not in json.dumps(verify_provenance(ours, keys, b"hello").unsigned)
    assert not verify_provenance(found, {}, b"hello").ok
    for odd in ([], "x", 3, {"a": 1}, None):
        for member in ("checks", "journal", "keys", "artifact"):
            if odd not in ([], {}):
                report = verify_provenance({**found, member: odd}, keys, b"hello")
                assert not report.ok, (member, odd)


DAMAGE = {
    "content": "update livery.artifact set content = '\\x78' where artifact_id = $1",
    "subject": "update livery.artifact set name = 'b.txt' where artifact_id = $1",
    "run": "update livery.artifact set run_id = gen_random_uuid() where artifact_id = $1",
    "signature": "update livery.artifact set statement = jsonb_set(statement, '{payload}',"
    " to_jsonb(replace(statement->>'payload', 'A', 'B'))) where artifact_id = $1",
    "certificate": "update livery.certificate c set statement = jsonb_set(c.statement, '{signatures,0,sig}',"
    " '\"AAAA\"') from livery.artifact a where a.artifact_id = $1",
}


@pytest.mark.parametrize("name", DAMAGE)
async def test_a_broken_link_is_named(running: Running, name: str) -> None:
    artifact_id = await written(running)
    owner = await asyncpg.connect(running.urls.owner)
    kept = await owner.fetch("select certificate_id, statement::text from livery.certificate")
    await owner.execute(DAMAGE[name], artifact_id)
    found = await provenance(running, artifact_id)
    for row in kept:
        await owner.execute(
            "update livery.certificate set statement = $2::jsonb where certificate_id = $1", *row
        )
    await owner.close()
    assert found["state"] == "unverified"
    broken = [check["name"] for check in found["checks"] if not check["ok"]]
    assert name in broken, json.dumps(found["checks"])
