"""What a certificate rests on: it lapses when that changes, and policy says whether it may run all the same."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.governed import do, owner, told
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package

from livery.entrypoints import certificates
from livery.entrypoints import seed as seeding
from livery.entrypoints.seed import Seeded, built_in, seed
from livery.kernel.policy import DEFAULT_POLICIES, PolicySet
from livery.services.certification.certify import LIFETIME
from livery.services.certification.drift import Basis, Standing

OK = {"code": "result = 1"}
STALE_RUNS = DEFAULT_POLICIES + (
    '@id("stale-runs") permit (principal in Role::"operator", action == Action::"run_stale", resource)'
    ' when { ["dependencies"].containsAll(context.drifted) };'
)


@pytest.fixture(autouse=True)
def as_it_is(platform: Running) -> Iterator[None]:
    basis = _basis(platform)
    before = (basis._scanners, basis._dependencies)
    yield
    basis._scanners, basis._dependencies = before
    platform.platform.runner._resolver.forget()


def _basis(running: Running) -> Basis:
    """The basis that the decisions, the certifier and the sweep of this platform share."""
    resolver, certifier = running.platform.runner._resolver, running.platform.services.certifier
    standing: Standing = certifier._standing
    assert resolver._basis is standing.basis
    return standing.basis


def changed(running: Running, **what: str) -> None:
    """As if this process had been started on other dependencies, or with other scanners."""
    basis = _basis(running)
    for name, value in what.items():
        setattr(basis, f"_{name}", lambda value=value: value)
    running.platform.runner._resolver.forget()


async def entries(running: Running, kind: str, subject: str) -> list[dict[str, Any]]:
    async with running.http() as http:
        page = (await http.get("/v1/audit", params={"kind": kind, "run_id": subject})).json()
    found: list[dict[str, Any]] = page["items"]
    return found


async def shown(running: Running, key: str) -> dict[str, Any]:
    async with running.http() as http:
        detail = (await http.get(f"/v1/skills/{key}")).json()
    found: dict[str, Any] = detail["versions"][0]["certificate"]
    return found


async def run(running: Running, key: str, args: Any = OK, **more: str) -> dict[str, Any]:
    async with running.http() as http:
        answer = await http.post("/v1/runs", json={"skill_key": key, "input": args, **more})
    found: dict[str, Any] = answer.json()
    return found


async def certify(running: Running, key: str) -> dict[str, Any]:
    async with running.http() as http:
        found: dict[str, Any] = (await http.post(f"/v1/skills/{key}/certify")).json()
    return found


@pytest.mark.parametrize(
    ("what", "named"),
    [("dependencies", "the installed dependencies"), ("scanners", "the scanner policy")],
)
async def test_it_fails_for_drift_alone(platform: Running, what: str, named: str) -> None:
    key = f"drifts-{what}"
    first = await certified(platform, package(key))
    assert (await run(platform, key))["ok"]
    changed(platform, **{what: "sha256:" + "1" * 64})
    refused = await run(platform, key)
    assert (refused["code"], refused["status"]) == ("skill_not_certified", 403)
    assert refused["detail"] == (
        f"The certificate of {key}@1.0.0 is stale: {named} changed since it was signed."
        f" Certify it again: livery skills certify {key}@1.0.0"
    )
    held = await shown(platform, key)
    assert (held["state"], held["drifted"]) == ("stale", [what])
    again = await certify(platform, key)
    assert again["certificate"]["state"] == "valid"
    assert first.certificate is not None
    assert again["certificate"]["certificate_id"] != str(first.certificate.certificate_id)
    assert (await run(platform, key))["ok"]
    # Back to what it was: now the second one rests on what is not here.
    changed(platform, **{what: "sha256:" + "2" * 64})
    assert (await run(platform, key))["code"] == "skill_not_certified"


async def test_a_deprecated_version_is_renewed_and_stays_deprecated(platform: Running) -> None:
    await certified(platform, package("retired"))
    async with platform.http() as http:
        body = {"reason": "use the other"}
        assert (await http.post("/v1/skills/retired/deprecate", json=body)).status_code == 200
    assert (await run(platform, "retired"))["ok"]
    held = await certify(platform, "retired")  # still valid: answered as it is
    changed(platform, dependencies="sha256:" + "7" * 64)
    assert (await run(platform, "retired"))["code"] == "skill_not_certified"
    again = await certify(platform, "retired")
    assert (again["status"], again["certificate"]["state"]) == ("deprecated", "valid")
    assert again["certificate"]["certificate_id"] != held["certificate"]["certificate_id"]
    assert (await run(platform, "retired"))["ok"]
    async with platform.http() as http:
        (version,) = (await http.get("/v1/skills/retired")).json()["versions"]
        assert (version["status"], version["reason"]) == ("deprecated", "use the other")
        promoted = await http.post(
            "/v1/skills/retired/versions/1.0.0/promote", json={"channel": "production"}
        )
        assert promoted.json()["code"] == "invalid_transition"


async def test_a_release_proves_what_earlier_ones_shipped_once_more(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that was hired before goes on, on the version that it is entitled to."""
    newer = [
        (name, [replace(f, data=f.data.replace(b"1.0.0", b"1.1.0")) for f in files])
        for name, files in built_in()
        if name == "add"
    ]
    async with new_platform() as running:
        monkeypatch.setattr(seeding, "built_in", lambda: iter(newer))
        changed(running, dependencies="sha256:" + "5" * 64)
        args = {"a": 2, "b": 3}
        assert (await run(running, "add", args, version="1.0.0"))["code"] == "skill_not_certified"
        told: list[Seeded] = []
        await seed(running.platform, running.settings, told.append)
        [shipped] = told
        assert shipped.certification is not None
        assert shipped.certification.status == "certified"
        for version in ("1.0.0", "1.1.0"):
            done = await run(running, "add", args, version=version)
            assert (done["code"], done["result"], done["skill_version"]) == ("tool_ok", 5, version)
        # Nothing but what a release shipped is proven by it.
        assert (await run(running, "subtract", args))["code"] == "skill_not_certified"


async def test_instructions_rest_on_no_dependency(platform: Running) -> None:
    async with platform.http() as http:
        new = {"name": "Words only", "description": "Say hello.", "category": "manners"}
        await http.post("/v1/skills", json=new)
    await certify(platform, "words-only")
    changed(platform, dependencies="sha256:" + "1" * 64)
    assert (await shown(platform, "words-only"))["state"] == "valid"


async def test_a_certificate_without_a_basis_is_stale(platform: Running) -> None:
    """One that was issued before the basis was recorded; what counts is what was signed, not the column."""
    await certified(platform, package("column"))
    async with owner(platform) as rows:
        await rows.execute(
            "update livery.certificate c set basis = '{}' from livery.skill s"
            " where s.skill_id = c.skill_id and s.skill_key = 'column'"
        )
    held = await shown(platform, "column")
    assert held["state"] == "stale"
    assert held["drifted"] == ["checks", "dependencies", "engine", "scanners"]
    assert (await run(platform, "column"))["ok"]


async def test_policy_may_let_stale_run(new_platform: NewPlatform) -> None:
    policies = PolicySet.parse(STALE_RUNS)
    async with new_platform() as running:
        await certified(running, package("tolerated"))
        changed(running, dependencies="sha256:" + "1" * 64)
        assert (await run(running, "tolerated"))["code"] == "skill_not_certified"
        async with owner(running) as rows, rows.transaction():
            await rows.execute("update livery.policy_set set active = false")
            await rows.execute(
                "insert into livery.policy_set (policy_hash, text, active, created_by) values ($1, $2, true, 'me')",
                policies.hash, policies.text,
            )  # fmt: skip
            await rows.execute("update livery.epoch set value = value + 1")
        assert (await run(running, "tolerated"))["ok"]
        assert (await shown(running, "tolerated"))["state"] == "stale"
        changed(running, scanners="sha256:" + "1" * 64)
        assert (await run(running, "tolerated"))["code"] == "skill_not_certified"


async def test_the_sweep_records_it_once(platform: Running) -> None:
    await certified(platform, package("swept"))
    sweep = platform.platform.certificates.sweep
    everywhere = await platform.platform.identity.workspace_ids()
    await sweep(everywhere)
    assert await entries(platform, "certificate.stale", "swept@1.0.0") == []
    changed(platform, dependencies="sha256:" + "3" * 64)
    found = await asyncio.gather(*(sweep(everywhere) for _ in range(3)))
    assert sum(len([item for item in part if item.version]) for part in found) >= 1
    (entry,) = await entries(platform, "certificate.stale", "swept@1.0.0")
    assert entry["body"]["drifted"] == ["dependencies"]
    assert (await run(platform, "swept"))["code"] == "skill_not_certified"
    assert (await certify(platform, "swept"))["certificate"]["state"] == "valid"
    assert (await run(platform, "swept"))["ok"]


async def test_the_sweep_records_an_expiry_once(
    platform: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await certified(platform, package("lapses"))
    assert done.certificate is not None
    expires = done.certificate.expires_at
    assert expires - done.certificate.signed_at == LIFETIME == timedelta(days=90)
    held = await shown(platform, "lapses")
    assert (held["state"], held["days_left"]) == ("valid", 89)
    monkeypatch.setattr(platform.platform.runner, "_clock", lambda: expires)
    refused = await run(platform, "lapses")
    assert refused["code"] == "skill_not_certified"
    assert f"expired at {expires.isoformat()}" in refused["detail"]
    later = Standing(
        _basis(platform), platform.platform.certificates._standing.keys, lambda: expires
    )
    monkeypatch.setattr(platform.platform.certificates, "_standing", later)
    everywhere = await platform.platform.identity.workspace_ids()
    for _ in range(2):
        await platform.platform.certificates.sweep(everywhere)
    (entry,) = await entries(platform, "certificate.expired", "lapses@1.0.0")
    assert entry["body"]["certificate_id"] == str(done.certificate.certificate_id)
    monkeypatch.undo()
    # Marked as expired it counts no more, whatever a clock says; certified again it runs.
    assert (await shown(platform, "lapses"))["state"] == "expired"
    assert (await run(platform, "lapses"))["code"] == "skill_not_certified"
    assert (await certify(platform, "lapses"))["certificate"]["state"] == "valid"
    assert (await run(platform, "lapses"))["ok"]


async def test_the_worker_sweeps(platform: Running) -> None:
    await certified(platform, package("worker-swept"))
    changed(platform, dependencies="sha256:" + "4" * 64)
    stop = asyncio.Event()
    task = asyncio.create_task(certificates.keep_certificates(platform.platform, stop))
    for _ in range(200):
        if await entries(platform, "certificate.stale", "worker-swept@1.0.0"):
            break
        await asyncio.sleep(0.05)
    stop.set()
    await task
    assert len(await entries(platform, "certificate.stale", "worker-swept@1.0.0")) == 1


async def test_a_new_release_certifies_what_it_ships_again(new_platform: NewPlatform) -> None:
    async with new_platform() as running:
        changed(running, dependencies="sha256:" + "5" * 64)
        refused = await told(do(running, "add", {"a": 1, "b": 2}))
        assert refused == "skill_not_certified"
        told_: list[Seeded] = []
        await seed(running.platform, running.settings, told_.append)
        assert {item.folder for item in told_} == {name for name, _ in built_in()}
        assert all(item.certification and item.certification.certificate for item in told_)
        assert (await do(running, "add", {"a": 1, "b": 2})).result == 3


async def test_what_was_revoked_meanwhile_is_not_certified(platform: Running) -> None:
    """A revocation that comes while the checks run wins."""
    services = platform.platform.services
    skill = await services.catalog.register(package("raced"), by="test")
    found = await services.catalog.version(skill, None)

    async def revoke(current: str | None, done: Any, total: int) -> None:
        del done, total
        if current is None:  # all checks are done, the certificate is not signed
            await services.catalog.revoke(platform.operator, "raced", None, "A hole.")

    refused = await told(services.certifier.run(skill, found, by="test", progress=revoke))
    assert refused == "invalid_transition"
    assert (await services.catalog.version(skill, None)).status == "revoked"
    assert await services.certifier.newest(skill, "1.0.0") is None


def test_days_left_are_whole_days() -> None:
    from livery.services.certification.drift import days_left

    now = datetime(2026, 11, 21, tzinfo=UTC)
    held: Any = type("Held", (), {})()
    for left, days in (
        (timedelta(days=1), 1),
        (timedelta(hours=47), 1),
        (timedelta(0), 0),
        (-LIFETIME, 0),
    ):
        held.expires_at = now + left
        assert days_left(held, now) == days
