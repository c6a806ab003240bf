"""A second person's yes: who may give it, what it is bound to, and what waits without it."""

import json
from base64 import b64decode
from typing import Any

import pytest
from tests.support.governed import owner
from tests.support.platform import NewPlatform, Running
from tests.support.skills import package

from livery.entrypoints.seed import built_in
from livery.kernel.policy import DEFAULT_POLICIES, PolicySet

SENDS = {"effects": ["send"]}


async def token(running: Running, role: str, name: str | None) -> str:
    async with running.http() as http:
        made = await http.post(
            "/v1/tokens", json={"role": role, "name": name} if name else {"role": role}
        )
    found: str = made.json()["token"]
    return found


async def register(running: Running, key: str, *, by: str = "author:alice", **options: Any) -> Any:
    return await running.platform.services.catalog.register(package(key, **options), by=by)


async def certify(running: Running, key: str) -> dict[str, Any]:
    async with running.http() as http:
        found: dict[str, Any] = (await http.post(f"/v1/skills/{key}/certify")).json()
    return found


async def sign(
    running: Running, bearer: str, key: str, version: str = "1.0.0", note: str = "Read it."
) -> Any:
    async with running.http(bearer) as http:
        return await http.post(
            f"/v1/skills/{key}/versions/{version}/sign-offs", json={"note": note}
        )


def approval(done: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in done["checks"] if item["name"] == "approval")
    return found


async def test_effects_wait_for_somebody_else(platform: Running) -> None:
    made = await register(platform, "sends", capabilities=SENDS)
    waiting = await certify(platform, "sends")
    assert (waiting["status"], waiting["certificate"]) == ("pending_certification", None)
    check = approval(waiting)
    assert check["verdict"] == "fail"
    assert check["summary"] == "waiting for a sign-off by someone other than author:alice"
    (finding,) = check["findings"]
    assert finding["code"] == "approval_required"
    assert "livery skills sign-off sends@1.0.0" in finding["remedy"]
    # It is the only thing that is missing.
    assert {item["verdict"] for item in waiting["checks"] if item["name"] != "approval"} == {"pass"}
    answer = await sign(platform, await token(platform, "approver", "bob"), "sends")
    assert answer.status_code == 201
    assert answer.json()["digest"] == made.digest
    done = await certify(platform, "sends")
    assert done["status"] == "certified"
    assert approval(done)["summary"] == "signed off by approver:bob"
    about = json.loads(b64decode(done["certificate"]["statement"]["payload"]))["predicate"][
        "livery"
    ]
    assert about["author"] == "author:alice"
    (signed,) = about["sign_offs"]
    assert (signed["approver"], signed["note"]) == ("approver:bob", "Read it.")


async def test_nothing_waits_where_policy_does_not_ask(platform: Running) -> None:
    await register(platform, "harmless")
    done = await certify(platform, "harmless")
    assert done["status"] == "certified"
    assert approval(done)["summary"] == "policy asks for no sign-off"


@pytest.mark.parametrize(
    ("role", "name", "said"),
    [
        ("author", "bob", "role approver or operator"),
        ("auditor", "bob", "role approver or operator"),
        ("approver", "alice", "registered by author:alice"),
        ("operator", "alice", "registered by author:alice"),
        ("operator", "a-l-i-c-e", "registered by author:alice"),
        ("approver", None, "names nobody"),
    ],
)
async def test_who_may_not(platform: Running, role: str, name: str | None, said: str) -> None:
    key = "sends-too"
    await register(platform, key, capabilities=SENDS)
    answer = await sign(platform, await token(platform, role, name), key)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert said in answer.json()["detail"]
    async with platform.http() as http:
        held = (await http.get(f"/v1/skills/{key}/versions/1.0.0/sign-offs")).json()
    assert held["items"] == []


async def test_a_name_that_only_looks_like_another_one_gets_no_token(platform: Running) -> None:
    await token(platform, "author", "alice")
    async with platform.http() as http:
        for name in ("ALICE ", "al\u200bice", "ａlice"):
            refused = await http.post("/v1/tokens", json={"role": "approver", "name": name})
            assert refused.status_code == 409, name


async def test_an_author_with_a_token_of_each_role_is_one_person(platform: Running) -> None:
    """Registering as operator carol and signing off as approver carol is one person's word."""
    carol, carol_too = (
        await token(platform, "operator", "carol"),
        await token(platform, "approver", "carol"),
    )
    created = await platform.platform.services.tokens.authenticate(carol)
    await register(platform, "carols", by=created.label, capabilities=SENDS)
    for bearer in (carol, carol_too):
        assert (await sign(platform, bearer, "carols")).status_code == 403
    assert (await certify(platform, "carols"))["status"] == "pending_certification"


async def test_it_is_bound_to_one_digest(platform: Running) -> None:
    await register(platform, "bound", capabilities=SENDS)
    await register(platform, "bound", version="1.0.1", capabilities=SENDS)
    bob = await token(platform, "approver", "bob")
    assert (await sign(platform, bob, "bound", "1.0.0")).status_code == 201
    assert (await certify(platform, "bound"))["status"] == "pending_certification"  # 1.0.1
    async with platform.http() as http:
        old = await http.post("/v1/skills/bound/versions/1.0.0/certify")
    assert old.json()["status"] == "certified"


async def test_a_row_for_another_digest_counts_for_nothing(platform: Running) -> None:
    made = await register(platform, "other-digest", capabilities=SENDS)
    async with owner(platform) as rows:
        await rows.execute(
            "insert into livery.sign_off values ($1, $2, '1.0.0', $3, 'approver:bob', 'x', now())",
            made.skill_id, made.workspace_id, "sha256:" + "0" * 64,
        )  # fmt: skip
    assert (await certify(platform, "other-digest"))["status"] == "pending_certification"


async def test_again_is_the_same_and_recorded_once(platform: Running) -> None:
    await register(platform, "twice", capabilities=SENDS)
    bob = await token(platform, "approver", "bob")
    first = (await sign(platform, bob, "twice", note="First.")).json()
    second = (await sign(platform, bob, "twice", note="Second.")).json()
    assert second["note"] == first["note"] == "First."
    async with platform.http() as http:
        held = (await http.get("/v1/skills/twice/versions/1.0.0/sign-offs")).json()["items"]
        record = (
            await http.get(
                "/v1/audit", params={"kind": "skill.signed_off", "run_id": "twice@1.0.0"}
            )
        ).json()
    assert len(held) == 1
    (entry,) = record["items"]
    assert entry["body"]["by"] == "approver:bob"
    assert entry["body"]["digest"] == first["digest"]


async def test_what_is_revoked_is_not_signed_off(platform: Running) -> None:
    await register(platform, "gone-too", capabilities=SENDS)
    async with platform.http() as http:
        await http.post("/v1/skills/gone-too/revoke", json={"reason": "A hole."})
    answer = await sign(platform, await token(platform, "approver", "bob"), "gone-too")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


@pytest.mark.parametrize("note", ["", "   ", "x" * 2001])
async def test_a_note_is_needed(platform: Running, note: str) -> None:
    await register(platform, "noted", capabilities=SENDS)
    answer = await sign(platform, await token(platform, "approver", "bob"), "noted", note=note)
    assert answer.status_code == 422


async def test_the_release_signs_off_what_it_ships(new_platform: NewPlatform) -> None:
    async with new_platform() as running, running.http() as http:
        for name, _ in built_in():
            newest = (await http.get(f"/v1/skills/{name}")).json()["version"]
            path = f"/v1/skills/{name}/versions/{newest}/sign-offs"
            held = (await http.get(path)).json()["items"]
            assert [item["approver"] for item in held] == [
                f"release:livery-{running.settings.version}"
            ]


async def test_a_policy_of_ones_own_decides(new_platform: NewPlatform) -> None:
    text = DEFAULT_POLICIES + (
        '@id("two-pairs-of-eyes") forbid (principal, action == Action::"certify", resource)'
        " when { context.has_code } unless { context.signed_off };"
    )
    policies = PolicySet.parse(text)
    async with new_platform() as running:
        async with owner(running) as rows, rows.transaction():
            await rows.execute("update livery.policy_set set active = false")
            await rows.execute(
                "insert into livery.policy_set (policy_hash, text, active, created_by) values ($1, $2, true, 'me')",
                policies.hash, policies.text,
            )  # fmt: skip
        await register(running, "plain")
        waiting = await certify(running, "plain")
        assert "two-pairs-of-eyes" in approval(waiting)["findings"][0]["message"]
        await sign(running, await token(running, "approver", "bob"), "plain")
        assert (await certify(running, "plain"))["status"] == "certified"
