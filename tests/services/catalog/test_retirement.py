"""Impact, deprecation, revocation and deletion; and the table of a version's life, step by step."""

import asyncio
from typing import Any

import pytest
from tests.services.catalog.test_releases import skill
from tests.support.platform import Running
from tests.support.postgres import session
from tests.support.skills import certified, run

from livery.kernel.lifecycle import SKILL_VERSION
from livery.manifest.errors import LiveryError

CODE = {"code": "result = 'OK'"}
STATUSES = ["draft", "pending_certification", "certified", "deprecated", "revoked", "deleted"]
# By hand from design 3, "States"; what is not here is 409.
LIFE = {
    "certify": {
        "pending_certification": "certified",
        "certified": "certified",
        "deprecated": "deprecated",
    },
    "deprecate": {"certified": "deprecated"},
    "revoke": dict.fromkeys(STATUSES[:4], "revoked"),
    "delete": dict.fromkeys(STATUSES[:5], "deleted"),
}


async def call(
    running: Running, method: str, path: str, token: str | None = None, **body: Any
) -> Any:
    async with running.http(token) as http:
        return await http.request(
            method, f"/v1/skills/{path}", **({"json": body} if method == "POST" else {})
        )


async def made(running: Running, key: str, *versions: str) -> None:
    for version in versions:
        await certified(running, skill(key, version))


async def entry(running: Running, kind: str, subject: str) -> dict[str, Any]:
    async with running.http() as http:
        items = (await http.get("/v1/audit", params={"kind": kind})).json()["items"]
    found: dict[str, Any] = next(item["body"] for item in items if item["subject_id"] == subject)
    return found


async def bind(running: Running, slot: str, **body: Any) -> None:
    async with running.http() as http:
        answer = await http.put(f"/v1/bindings/{slot}", json=body)
    assert answer.status_code in (200, 201), answer.text


def test_the_table_is_the_machine() -> None:
    """What is walked below is all that the machine allows."""
    events = {
        "certify": "certify",
        "deprecate": "deprecate",
        "revoke": "revoke",
        "delete": "delete_unused",
    }
    for word, event in events.items():
        allowed = {state: row[event] for state, row in SKILL_VERSION.table.items() if event in row}
        assert allowed == LIFE[word], word


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("event", LIFE)
async def test_every_step(platform: Running, status: str, event: str) -> None:
    key = f"step-{status.replace('_', '-')}-{event}"
    await platform.platform.services.catalog.register(skill(key, "1.0.0"), by="test")
    async with session(platform.urls.owner) as owner:
        await owner.execute(
            "update livery.skill_version v set status = $2 from livery.skill s"
            " where s.skill_id = v.skill_id and s.skill_key = $1",
            key,
            status,
        )
    if event == "delete":
        answer = await call(platform, "DELETE", f"{key}/versions/1.0.0")
    else:
        body = {"reason": "because"} if event == "revoke" else {}
        answer = await call(platform, "POST", f"{key}/versions/1.0.0/{event}", **body)
    now = (await call(platform, "GET", key)).json()["versions"][0]["status"]
    if status in LIFE[event]:
        assert (answer.status_code, now) == (200, LIFE[event][status]), answer.text
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
        assert now == status
        assert answer.json()["details"]["possible"] == list(SKILL_VERSION.possible(status))


async def test_impact_names_every_use(platform: Running) -> None:
    await made(platform, "load", "1.0.0", "1.1.0")
    services = platform.platform.services
    await services.channels.promote(platform.operator, "load", "1.0.0", "production")
    await bind(platform, "home.main", skill="load", channel="production")
    await bind(platform, "home.side", skill="load", version="1.1.0")
    async with platform.http() as http:
        role = {"name": "Carrier", "description": "Carries.", "skills": ["load@1.0.0"]}
        assert (await http.post("/v1/job-roles", json=role)).status_code == 201

    whole = (await call(platform, "GET", "load/impact")).json()
    assert (whole["skill_key"], whole["version"], whole["count"]) == ("load", None, 3)
    assert whole["kinds"] == {"binding": 2, "job_role": 1}
    assert [
        (u["kind"], u["name"], u["workspace"], u["version"], u["channel"]) for u in whole["uses"]
    ] == [
        ("binding", "home.main", "default", "1.0.0", "production"),
        ("binding", "home.side", "default", "1.1.0", None),
        ("job_role", "Carrier", "platform", "1.0.0", None),
    ]
    one = (await call(platform, "GET", "load/versions/1.1.0/impact")).json()
    assert (one["version"], [use["name"] for use in one["uses"]]) == ("1.1.0", ["home.side"])
    follows = (await call(platform, "GET", "load/impact?channel=production")).json()
    assert [use["name"] for use in follows["uses"]] == ["home.main"]
    assert (await call(platform, "GET", "load/versions/9.9.9/impact")).status_code == 404

    moved = (await call(platform, "POST", "load/promote", channel="production")).json()
    assert (moved["previous"], [use["name"] for use in moved["impact"]["uses"]]) == (
        "1.0.0",
        ["home.main"],
    )
    assert (await entry(platform, "skill.promoted", "load@1.1.0"))["impact"] == {
        "count": 1,
        "kinds": {"binding": 1},
        "names": ["binding home.main"],
    }
    revoked = (await call(platform, "POST", "load/versions/1.1.0/revoke", reason="leaks")).json()
    assert revoked["changed"]["status"] == "revoked"
    assert revoked["impact"]["kinds"] == {"binding": 2}  # both hold it now: one by the channel
    told = await entry(platform, "skill.revoked", "load@1.1.0")
    assert (told["impact"]["count"], told["reason"], told["in_flight"]) == (2, "leaks", "finish")


async def test_a_customer_sees_the_uses_of_its_own_workspace(platform: Running) -> None:
    await made(platform, "shared", "1.0.0")
    services = platform.platform.services
    await services.workspaces.create(platform.operator, "Other")
    await bind(platform, "shared.main", skill="shared", version="1.0.0")
    token, _ = await services.tokens.create(platform.operator, "customer_admin", workspace="other")
    seen = (await call(platform, "GET", "shared/impact", token)).json()
    assert (seen["count"], seen["uses"]) == (0, [])
    assert (await call(platform, "GET", "shared/impact")).json()["count"] == 1


async def test_deprecated_goes_on_for_those_who_have_it(platform: Running) -> None:
    await made(platform, "old", "1.0.0")
    answer = await call(platform, "POST", "old/deprecate", reason="use the other")
    assert answer.json()["changed"]["status"] == "deprecated"
    assert (await run(platform, "old", CODE))["code"] == "tool_ok"
    async with platform.http() as http:
        role = {"name": "Late", "description": "Late.", "skills": ["old"]}
        refused = await http.post("/v1/job-roles", json=role)
    assert refused.json()["code"] == "skill_chain_uncertified"
    detail = (await call(platform, "GET", "old")).json()
    assert (detail["status"], detail["versions"][0]["reason"]) == ("deprecated", "use the other")


@pytest.mark.parametrize("in_flight", ["finish", "withhold"])
async def test_what_a_revocation_does_to_calls_is_kept(platform: Running, in_flight: str) -> None:
    key = f"kept-{in_flight}"
    await made(platform, key, "1.0.0")
    answer = await call(platform, "POST", f"{key}/revoke", reason="x", in_flight=in_flight)
    assert answer.status_code == 200, answer.text
    async with session(platform.urls.owner) as owner:
        held = await owner.fetchval(
            "select in_flight from livery.skill_version v join livery.skill s using (skill_id)"
            " where skill_key = $1",
            key,
        )
    assert held == in_flight
    other = await call(platform, "POST", f"{key}/revoke", reason="x", in_flight="drop")
    assert (other.status_code, other.json()["code"]) == (422, "validation_error")


async def test_only_what_was_never_used_is_deleted(platform: Running) -> None:
    services = platform.platform.services
    await made(platform, "ran", "1.0.0")
    await made(platform, "held", "1.0.0")
    await made(platform, "named", "1.0.0")
    await run(platform, "ran", CODE)
    await bind(platform, "held.main", skill="held", version="1.0.0")
    await services.channels.promote(platform.operator, "named", None, "staging")
    for key, why in (
        ("ran", "ran@1.0.0 has runs on record"),
        ("held", "binding held.main uses held@1.0.0"),
        ("named", "staging names named@1.0.0"),
    ):
        for path in (key, f"{key}/versions/1.0.0"):
            answer = await call(platform, "DELETE", path)
            assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition"), path
            assert [item["message"] for item in answer.json()["violations"]] == [why]
        assert (await call(platform, "GET", key)).json()["status"] == "certified"


async def test_a_denied_call_is_no_use(platform: Running) -> None:
    await platform.platform.services.catalog.register(skill("asked", "1.0.0"), by="test")
    assert (await run(platform, "asked", CODE))["code"] == "skill_not_certified"
    assert (await call(platform, "DELETE", "asked")).status_code == 200


async def test_a_deleted_skill_is_hidden_and_keeps_its_number(platform: Running) -> None:
    await made(platform, "gone", "1.0.0", "1.0.1")
    newest = await call(platform, "DELETE", "gone/versions/1.0.1")
    assert [item["version"] for item in newest.json()["deleted"]] == ["1.0.1"]
    shown = (await call(platform, "GET", "gone")).json()
    assert (shown["version"], shown["status"]) == ("1.0.0", "certified")  # the newest that is left
    assert (await run(platform, "gone", CODE, dry_run=True))["skill_version"] == "1.0.0"

    await made(platform, "hidden", "1.0.0", "1.0.1")
    answer = await call(platform, "DELETE", "hidden")
    assert [item["version"] for item in answer.json()["deleted"]] == ["1.0.1", "1.0.0"]
    async with platform.http() as http:
        listed = (await http.get("/v1/skills", params={"q": "hidden"})).json()["items"]
        filtered = (await http.get("/v1/skills", params={"status": "deleted"})).json()["items"]
    assert listed == []
    assert "hidden" in [item["skill_key"] for item in filtered]
    assert (await run(platform, "hidden", CODE))["code"] == "skill_not_certified"
    assert (await entry(platform, "skill.deleted", "hidden@1.0.0"))["version"] == "1.0.0"
    with pytest.raises(LiveryError) as caught:
        await platform.platform.services.catalog.register(skill("hidden", "1.0.0"), by="test")
    assert caught.value.code == "already_exists"
    assert "was deleted" in caught.value.message
    await platform.platform.services.catalog.register(skill("hidden", "1.0.2"), by="test")
    assert (await call(platform, "GET", "hidden")).json()["version"] == "1.0.2"


async def test_two_steps_at_once_are_one_step(platform: Running) -> None:
    await made(platform, "torn", "1.0.0")
    answers = await asyncio.gather(
        *(call(platform, "POST", "torn/deprecate") for _ in range(3)),
        *(call(platform, "POST", "torn/revoke", reason="x") for _ in range(3)),
    )
    done = [item.status_code for item in answers]
    assert set(done) == {200, 409}
    assert done[:3].count(200) <= 1
    assert done[3:].count(200) <= 1
    async with platform.http() as http:
        items = (await http.get("/v1/audit", params={"limit": 50})).json()["items"]
    steps = [
        i["kind"]
        for i in items
        if i["subject_id"] == "torn@1.0.0" and i["kind"].startswith("skill.")
    ]
    assert steps.count("skill.revoked") <= 1
    assert steps.count("skill.deprecated") <= 1


@pytest.mark.parametrize("role", ["approver", "author", "auditor"])
async def test_only_an_operator_ends_a_version(platform: Running, role: str) -> None:
    token, _ = await platform.platform.services.tokens.create(platform.operator, role)
    for method, path in (
        ("POST", "add/deprecate"),
        ("POST", "add/revoke"),
        ("DELETE", "add"),
        ("DELETE", "add/versions/1.0.0"),
    ):
        body = {"reason": "x"} if path == "add/revoke" else {}
        answer = await call(platform, method, path, token, **body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
