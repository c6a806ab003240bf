"""Channels: only what is certified gets in, one step leads back, and each move is signed."""

import asyncio
from typing import Any

import pytest
from tests.services.catalog.test_releases import skill
from tests.support.platform import NewPlatform, Running
from tests.support.postgres import session
from tests.support.skills import certified, run

from livery.manifest.errors import LiveryError
from livery.manifest.statement import verify_dsse

CODE = {"code": "result = 'RELEASE'"}


async def line(running: Running, key: str, *versions: str) -> None:
    for version in versions:
        await certified(running, skill(key, version))


async def post(running: Running, path: str, **body: Any) -> Any:
    async with running.http() as http:
        return await http.post(f"/v1/skills/{path}", json=body)


async def get(running: Running, path: str, **params: Any) -> Any:
    async with running.http() as http:
        answer = await http.get(f"/v1/skills/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def promote(running: Running, key: str, version: str, channel: str = "production") -> Any:
    answer = await post(running, f"{key}/versions/{version}/promote", channel=channel)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def roll_back(running: Running, key: str, channel: str = "production") -> Any:
    return await post(running, f"{key}/rollback", channel=channel, reason="wrong totals")


async def test_a_channel_names_what_runs(platform: Running) -> None:
    await line(platform, "flow", "1.0.0", "1.1.0", "2.0.0")
    assert (await run(platform, "flow", CODE))["skill_version"] == "2.0.0"  # no channel: the newest
    await promote(platform, "flow", "1.0.0")
    await promote(platform, "flow", "1.1.0", "staging")
    assert (await run(platform, "flow", CODE))[
        "skill_version"
    ] == "1.0.0"  # production is the default
    for channel, version in (("production", "1.0.0"), ("staging", "1.1.0")):
        envelope = await run(platform, "flow", CODE, channel=channel)
        assert (envelope["skill_version"], envelope["code"]) == (version, "tool_ok")
    # A contract compiled before a move is not used after it.
    await promote(platform, "flow", "1.1.0")
    assert (await run(platform, "flow", CODE))["skill_version"] == "1.1.0"
    versions = (await get(platform, "flow/versions"))["items"]
    assert [(item["version"], item["channels"]) for item in versions] == [
        ("2.0.0", []),
        ("1.1.0", ["production", "staging"]),
        ("1.0.0", []),
    ]


async def test_a_channel_without_a_version_runs_nothing(platform: Running) -> None:
    await line(platform, "unset", "1.0.0")
    async with platform.http() as http:
        body = {"skill_key": "unset", "input": CODE, "channel": "staging"}
        answer = await http.post("/v1/runs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_move_is_a_signed_summary(platform: Running) -> None:
    await line(platform, "signed", "1.0.0", "1.0.1")
    await promote(platform, "signed", "1.0.0")
    moved = await promote(platform, "signed", "1.0.1")
    skill_now = await get(platform, "signed")
    keys = platform.platform.services.public_keys()
    statement = verify_dsse(moved["statement"], keys)
    newest = skill_now["versions"][0]
    assert statement.covers(newest["digest"])
    assert statement.predicate_type == "https://slsa.dev/verification_summary/v1"
    predicate = statement.predicate
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == (
        "PASSED",
        ["CERTIFIED_BY_LIVERY"],
    )
    assert predicate["resourceUri"] == "livery:skill/signed@1.0.1"
    assert predicate["inputAttestations"][0]["uri"] == (
        f"livery:certificate/{newest['certificate']['certificate_id']}"
    )
    assert (predicate["livery_channel"], predicate["livery_previous"]) == ("production", "1.0.0")
    history = (await get(platform, "signed/channels"))["items"]
    assert [(item["version"], item["previous"], item["kind"]) for item in history] == [
        ("1.0.1", "1.0.0", "promote"),
        ("1.0.0", None, "promote"),
    ]
    assert history[0]["statement"] == moved["statement"]
    async with platform.http() as http:
        entries = (await http.get("/v1/audit", params={"kind": "skill.promoted"})).json()["items"]
    body = next(item["body"] for item in entries if item["subject_id"] == "signed@1.0.1")
    assert body["impact"] == {"count": 0, "kinds": {}, "names": []}
    assert (body["channel"], body["previous"]) == ("production", "1.0.0")


async def test_promoting_twice_is_promoting_once(platform: Running) -> None:
    await line(platform, "again", "1.0.0")
    first = await promote(platform, "again", "1.0.0")
    second = await promote(platform, "again", "1.0.0")
    assert (first["moved"], second["moved"]) == (True, False)
    assert first["statement"] == second["statement"]
    assert len((await get(platform, "again/channels"))["items"]) == 1


async def test_roll_back_goes_one_step_at_a_time(platform: Running) -> None:
    await line(platform, "steps", "1.0.0", "1.0.1", "1.0.2", "1.0.3")
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        await promote(platform, "steps", version)
    assert (await roll_back(platform, "steps")).json()["version"] == "1.0.1"
    assert (await run(platform, "steps", CODE))["skill_version"] == "1.0.1"
    assert (await roll_back(platform, "steps")).json()["version"] == "1.0.0"
    assert (await roll_back(platform, "steps")).json()["code"] == "invalid_transition"
    await promote(
        platform, "steps", "1.0.3"
    )  # 1.0.2 was left behind: it is not what 1.0.3 replaced
    assert (await roll_back(platform, "steps")).json()["version"] == "1.0.0"


async def test_roll_back_passes_over_what_may_not_run(platform: Running) -> None:
    await line(platform, "holes", "1.0.0", "1.0.1", "1.0.2")
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        await promote(platform, "holes", version)
    services = platform.platform.services
    await services.retirement.deprecate(platform.operator, "holes", "1.0.0")
    for version in ("1.0.1", "1.0.2"):
        await services.catalog.revoke(platform.operator, "holes", version, "wrong totals")
    assert (await run(platform, "holes", CODE))["code"] == "skill_revoked"
    assert (await roll_back(platform, "holes")).json()[
        "version"
    ] == "1.0.0"  # deprecated still runs
    assert (await run(platform, "holes", CODE))["skill_version"] == "1.0.0"
    again = (await roll_back(platform, "holes")).json()
    assert again["code"] == "invalid_transition"


async def test_why_there_is_no_way_back_is_said(platform: Running) -> None:
    await line(platform, "no-way", "1.0.0", "1.0.1")
    await promote(platform, "no-way", "1.0.0")
    await promote(platform, "no-way", "1.0.1")
    await platform.platform.services.catalog.revoke(platform.operator, "no-way", "1.0.0", "leaks")
    answer = await roll_back(platform, "no-way")
    assert answer.status_code == 409
    assert answer.json()["violations"] == [
        {
            "pointer": "/version",
            "message": "no-way@1.0.0 was revoked: leaks.",
            "code": "skill_revoked",
        }
    ]
    never = await roll_back(platform, "no-way", "staging")
    assert (never.status_code, never.json()["code"]) == (409, "invalid_transition")


async def test_what_may_not_be_promoted(platform: Running) -> None:
    services = platform.platform.services
    await line(platform, "barred", "1.0.0", "1.0.1", "1.0.2")
    await services.catalog.register(skill("barred", "1.0.3"), by="test")
    await services.catalog.revoke(platform.operator, "barred", "1.0.0", "wrong")
    await services.retirement.deprecate(platform.operator, "barred", "1.0.1")

    async def told(version: str) -> tuple[int, str]:
        answer = await post(platform, f"barred/versions/{version}/promote", channel="production")
        return answer.status_code, answer.json()["code"]

    assert await told("1.0.0") == (403, "skill_revoked")
    assert await told("1.0.1") == (409, "invalid_transition")
    assert await told("1.0.3") == (403, "skill_not_certified")
    assert await told("9.9.9") == (404, "not_found")
    newest = await post(platform, "barred/promote", channel="production")
    assert newest.json()["code"] == "skill_not_certified"  # by key: the newest, 1.0.3
    other = await post(platform, "barred/versions/1.0.2/promote", channel="preview")
    assert (other.status_code, other.json()["code"]) == (422, "validation_error")
    assert (await get(platform, "barred/channels"))["items"] == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            "update livery.certificate set expires_at = clock_timestamp() - interval '1 s'",
            "expired",
        ),
        ("update livery.certificate set state = 'stale'", "stale"),
        (
            "update livery.certificate set statement = jsonb_set(statement, '{payload}', '\"e30=\"')",
            "does not verify",
        ),
        (
            "update livery.certificate c set statement = o.statement from livery.certificate o"
            " join livery.skill s using (skill_id) where s.skill_key = 'add'",
            "of other code",
        ),
        ("delete from livery.certificate", "not certified"),
    ],
    ids=["expired", "stale", "forged", "of-another", "none"],
)
async def test_a_certificate_must_be_good(platform: Running, spoil: str, says: str) -> None:
    key = f"spoilt-{says.replace(' ', '-')}"
    await line(platform, key, "1.0.0")
    async with session(platform.urls.owner) as owner:
        where = " and " if " where " in spoil else " where "
        name = "c.skill_id" if " c set " in spoil else "skill_id"
        await owner.execute(
            f"{spoil}{where}{name} = (select skill_id from livery.skill where skill_key = '{key}')"
        )
    answer = await post(platform, f"{key}/promote", channel="production")
    assert (answer.status_code, answer.json()["code"]) == (403, "skill_not_certified")
    assert says in answer.json()["detail"]


async def test_who_may_move_a_channel(platform: Running) -> None:
    await line(platform, "whose", "1.0.0")
    services = platform.platform.services
    for role, allowed in (("approver", True), ("author", False), ("auditor", False)):
        token, _ = await services.tokens.create(platform.operator, role)
        async with platform.http(token) as http:
            answer = await http.post("/v1/skills/whose/promote", json={"channel": "staging"})
        assert (answer.status_code == 200) is allowed, (role, answer.text)


async def test_promotions_at_once_keep_one_history(platform: Running) -> None:
    versions = ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]
    await line(platform, "crowd", *versions)
    await asyncio.gather(
        *(post(platform, f"crowd/versions/{v}/promote", channel="production") for v in versions)
    )
    found = await get(platform, "crowd/channels")
    moves = list(reversed(found["items"]))
    assert [item["previous"] for item in moves] == [None, *(item["version"] for item in moves[:-1])]
    assert found["channels"] == {"production": moves[-1]["version"]}


async def test_promoting_and_revoking_at_once_never_promotes_the_revoked(
    platform: Running,
) -> None:
    services = platform.platform.services
    for round_ in range(5):
        key = f"torn-{round_}"
        await line(platform, key, "1.0.0")

        async def promoted(key: str = key) -> str:
            try:
                await services.channels.promote(platform.operator, key, None, "production")
            except LiveryError as fault:
                return fault.code
            return "promoted"

        outcome, _ = await asyncio.gather(
            promoted(), services.catalog.revoke(platform.operator, key, None, "wrong")
        )
        assert outcome in ("promoted", "skill_revoked")
        assert (await run(platform, key, CODE))["code"] == "skill_revoked"
        moves = (await get(platform, f"{key}/channels"))["items"]
        assert len(moves) == (outcome == "promoted")


async def test_the_next_call_in_another_process_follows(new_platform: NewPlatform) -> None:
    async with new_platform() as one, new_platform(urls=one.urls, seeded=False) as other:
        await line(one, "two-homes", "1.0.0", "1.0.1")
        await promote(one, "two-homes", "1.0.0")
        assert (await run(other, "two-homes", CODE))["skill_version"] == "1.0.0"
        await promote(one, "two-homes", "1.0.1")
        assert (await run(other, "two-homes", CODE))["skill_version"] == "1.0.1"
        assert (await roll_back(other, "two-homes")).json()["version"] == "1.0.0"
        assert (await run(one, "two-homes", CODE))["skill_version"] == "1.0.0"
