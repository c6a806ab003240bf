"""Job roles: of certified skills only, versioned, certified again and again, and never on what is revoked unseen."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.governed import BLOCKED, owner, principal, together, told, workspace
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package

from livery.manifest.errors import LiveryError
from livery.services.catalog.errors import SkillChainUncertified
from livery.services.identity.types import Principal
from livery.services.roles.roles import Roles
from livery.services.roles.types import JobRole


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        await certified(made, package("one"))
        await certified(made, package("two"))
        yield made


@pytest.fixture
def roles(running: Running) -> Roles:
    return running.platform.services.roles


async def offenders(asked: Any) -> list[tuple[str, str | None, str]]:
    with pytest.raises(SkillChainUncertified) as refused:
        await asked
    assert (refused.value.code, refused.value.status) == ("skill_chain_uncertified", 422)
    return [(item.pointer, item.code, item.message) for item in refused.value.violations]


async def entries(running: Running, subject: str) -> list[tuple[str, dict[str, Any]]]:
    async with running.http() as http:
        found = await http.get("/v1/audit", params={"run_id": subject})
    return [(item["kind"], item["body"]) for item in reversed(found.json()["items"])]


async def status(running: Running, key: str) -> str:
    async with owner(running) as connection:
        row: str = await connection.fetchval(
            "select v.status from livery.skill_version v join livery.skill using (skill_id)"
            " where skill_key = $1",
            key,
        )
    return row


async def staff(running: Running, role: str) -> Principal:
    token, _ = await running.platform.services.tokens.create(running.operator, role, name=role)
    return await running.platform.services.tokens.authenticate(token)


async def test_the_life_of_a_role(running: Running, roles: Roles) -> None:
    operator = running.operator
    made = await roles.create(operator, "Weekly Analyst!", "Reads.", ["two", "one@1.0.0"])
    assert (made.newest.role_key, made.newest.version) == ("weekly-analyst", 1)
    assert (made.newest.status, made.certified) == ("pending_certification", None)
    assert [item.badge for item in made.newest.skills] == ["two@1.0.0", "one@1.0.0"]

    done = await roles.certify(operator, "weekly-analyst")
    assert (done.newest.status, done.newest.certified_by) == ("certified", "operator:local")
    assert await roles.certify(operator, "weekly_analyst") == done  # again, by its alias: the same
    assert await roles.certify(operator, str(made.newest.role_id), 1) == done

    edited = await roles.edit(operator, "weekly-analyst", skills=["one"])
    assert (edited.newest.version, edited.newest.status) == (2, "pending_certification")
    assert (edited.newest.name, edited.newest.description) == ("Weekly Analyst!", "Reads.")
    assert edited.certified is not None
    assert edited.certified.version == 1  # in force until the next one is certified
    assert [item.badge for item in edited.certified.skills] == ["two@1.0.0", "one@1.0.0"]
    assert (await roles.certify(operator, "weekly-analyst")).certified == (
        await roles.get(operator, "weekly-analyst")
    ).newest

    gone = await roles.revoke(operator, "weekly-analyst", "replaced", version=1)
    assert [(item.status, item.reason) for item in gone.versions] == [
        ("certified", None),
        ("revoked", "replaced"),
    ]
    await roles.revoke(operator, "weekly-analyst", "wrong")  # what is in force, without a version
    assert await told(roles.revoke(operator, "weekly-analyst", "x")) == "invalid_transition"
    assert await told(roles.certify(operator, "weekly-analyst")) == "invalid_transition"
    assert (await roles.edit(operator, "weekly-analyst", name="Anew")).newest.version == 3

    first, second = {"two": "1.0.0", "one": "1.0.0"}, {"one": "1.0.0"}
    told_of = {"role_key": "weekly-analyst", "by": "operator:local"}
    one = {**told_of, "version": 1, "name": "Weekly Analyst!", "skills": first}
    two = {**told_of, "version": 2, "name": "Weekly Analyst!", "skills": second}
    assert await entries(running, "weekly-analyst@1") == [
        ("job_role.created", one),
        ("job_role.certified", one),
        ("job_role.revoked", {**told_of, "version": 1, "reason": "replaced"}),
    ]
    assert await entries(running, "weekly-analyst@2") == [
        ("job_role.edited", two),
        ("job_role.certified", two),
        ("job_role.revoked", {**told_of, "version": 2, "reason": "wrong"}),
    ]


async def test_each_offender_is_named(running: Running, roles: Roles) -> None:
    operator, services = running.operator, running.platform.services
    await services.catalog.create(operator, "Pending", "x", "x")
    await certified(running, package("bad"))
    await services.catalog.revoke(operator, "bad", None, "leaks")
    refs = ["one", "nothing", "pending", "bad", "one@9.9.9"]
    expected = [
        ("/skills/1", "not_found", "'nothing': there is no such skill"),
        (
            "/skills/2",
            "skill_not_certified",
            "pending@0.1.0 is pending_certification, not certified",
        ),
        ("/skills/3", "skill_revoked", "bad@1.0.0 is revoked, not certified"),
        ("/skills/4", "not_found", "one has no version 9.9.9"),
    ]
    assert await offenders(roles.create(operator, "Named", "x", refs)) == expected
    assert await told(roles.get(operator, "named")) == "not_found"  # nothing of it is left
    await roles.create(operator, "Named", "x", ["one"])
    assert await offenders(roles.edit(operator, "named", skills=refs)) == expected
    assert len((await roles.get(operator, "named")).versions) == 1


@pytest.mark.parametrize(
    ("name", "skills", "pointer"),
    [("x", [], "/skills"), ("x", ["one", "two", "one@1.0.0"], "/skills/2"), ("  ", ["one"], None)],
)
async def test_what_is_no_role(
    running: Running, roles: Roles, name: str, skills: list[str], pointer: str | None
) -> None:
    with pytest.raises(LiveryError) as refused:
        await roles.create(running.operator, name, "x", skills)
    assert refused.value.code == "validation_error"
    assert [item.pointer for item in refused.value.violations] == ([pointer] if pointer else [])


async def test_a_key_is_taken_once(running: Running, roles: Roles) -> None:
    made = await together(
        *(roles.create(running.operator, "Twice", "x", ["one"]) for _ in range(4))
    )
    assert made.count("already_exists") == 3
    assert await told(roles.create(running.operator, "t w i c e", "x", ["one"])) != "already_exists"
    again = roles.create(running.operator, "Other", "x", ["one"], role_key="TWICE")
    assert await told(again) == "already_exists"


async def test_who_may(running: Running, roles: Roles) -> None:
    await workspace(running, "customer")
    people = {role: await staff(running, role) for role in ("author", "approver", "auditor")}
    people["customer_admin"] = await principal(running, "customer_admin", "customer")
    people["operator"] = running.operator
    may = {
        "create": {"operator", "author"},
        "edit": {"operator", "author"},
        "certify": {"operator", "approver"},
        "revoke": {"operator"},
    }
    for role, who in people.items():
        key = f"by-{role.replace('_', '-')}"
        asked = {
            "create": roles.create(who, key, "x", ["one"]),
            "edit": roles.edit(who, "may", name="x"),
            "certify": roles.certify(who, "may"),
            "revoke": roles.revoke(who, "may", "x"),
        }
        await told(roles.create(running.operator, "may", "x", ["one"]))
        for what, call in asked.items():
            assert (await told(call) == "forbidden") == (role not in may[what]), (role, what)


async def test_a_customer_sees_what_is_certified(running: Running, roles: Roles) -> None:
    await workspace(running, "looker")
    who = await principal(running, "customer_member", "looker")
    await roles.create(running.operator, "Shown", "x", ["one"])
    assert await told(roles.get(who, "shown")) == "not_found"
    await roles.certify(running.operator, "shown")
    await roles.edit(running.operator, "shown", name="Draft")
    seen = await roles.get(who, "shown")
    assert [(item.version, item.name) for item in seen.versions] == [(1, "Shown")]
    listed = await roles.list(who, status=None, after=None, limit=500)
    assert all(item.status == "certified" for role in listed for item in role.versions)
    assert seen in listed
    of_staff = await roles.list(
        running.operator, status="pending_certification", after=None, limit=500
    )
    assert "shown" in {role.newest.role_key for role in of_staff}
    assert all(role.newest.status == "pending_certification" for role in of_staff)


async def test_pages_have_every_role_once(running: Running, roles: Roles) -> None:
    for number in range(5):
        await told(roles.create(running.operator, f"page {number}", "x", ["one"]))
    whole = await roles.list(running.operator, status=None, after=None, limit=500)
    found: list[JobRole] = []
    while page := await roles.list(
        running.operator, status=None, after=found[-1].newest.role_key if found else None, limit=2
    ):
        found += page
    assert found == whole


async def test_a_role_whose_skill_is_revoked_later(running: Running, roles: Roles) -> None:
    operator, services = running.operator, running.platform.services
    await certified(running, package("brittle"))
    await roles.create(operator, "Brittle role", "x", ["one", "brittle"])
    await roles.create(operator, "Pending role", "x", ["brittle"])
    done = await roles.certify(operator, "brittle-role")
    assert done.newest.degraded_by == ()
    await services.catalog.revoke(operator, "brittle", None, "leaks")
    role = await roles.get(operator, "brittle-role")
    assert role.newest.status == "certified"
    assert [(item.badge, item.status, item.reason) for item in role.newest.degraded_by] == [
        ("brittle@1.0.0", "revoked", "leaks")
    ]
    why = ("skill_revoked", "brittle@1.0.0 is revoked (leaks), not certified")
    # Neither certified again, nor for the first time, nor taken over into the next version.
    assert await offenders(roles.certify(operator, "brittle-role")) == [("/skills/1", *why)]
    assert await offenders(roles.certify(operator, "pending-role")) == [("/skills/0", *why)]
    assert await offenders(roles.edit(operator, "brittle-role", name="x")) == [("/skills/1", *why)]
    healed = await roles.edit(operator, "brittle-role", skills=["one"])
    assert healed.newest.degraded_by == ()


async def test_a_certificate_that_ran_out_certifies_no_role(running: Running, roles: Roles) -> None:
    await certified(running, package("aged"))
    await roles.create(running.operator, "Aged role", "x", ["aged"])
    await roles.certify(running.operator, "aged-role")
    await roles.create(running.operator, "Late role", "x", ["aged"])
    async with owner(running) as connection:
        await connection.execute(
            "update livery.certificate set expires_at = now() - interval '1 second'"
            " where skill_id = (select skill_id from livery.skill where skill_key = 'aged')"
        )
    expected = [
        ("/skills/0", "skill_not_certified", "aged@1.0.0 is expired, not certified"),
    ]
    assert await offenders(roles.certify(running.operator, "late-role")) == expected
    assert await offenders(roles.create(running.operator, "x", "x", ["aged"])) == expected
    role = await roles.get(running.operator, "aged-role")
    assert [item.status for item in role.newest.degraded_by] == ["expired"]


async def test_edits_at_once_are_versions(running: Running, roles: Roles) -> None:
    await roles.create(running.operator, "Busy", "x", ["one"])
    names = [f"Name {number}" for number in range(8)]
    made = await together(*(roles.edit(running.operator, "busy", name=name) for name in names))
    assert not [item for item in made if isinstance(item, str)]
    role = await roles.get(running.operator, "busy")
    assert [item.version for item in role.versions] == list(range(9, 0, -1))
    assert sorted(item.name for item in role.versions[:-1]) == names  # no edit is lost
    journalled = [
        kind for number in range(2, 10) for kind, _ in await entries(running, f"busy@{number}")
    ]
    assert journalled == ["job_role.edited"] * 8


async def test_edits_at_once_in_two_processes(
    running: Running, roles: Roles, new_platform: NewPlatform
) -> None:
    await roles.create(running.operator, "Shared", "x", ["one"])
    async with new_platform(urls=running.urls) as second:
        theirs = second.platform.services.roles
        await asyncio.gather(
            *(
                who.edit(by.operator, "shared", name=f"{number} of {index}")
                for number in range(5)
                for index, (who, by) in enumerate(((roles, running), (theirs, second)))
            )
        )
    assert len((await roles.get(running.operator, "shared")).versions) == 11


async def test_revoking_a_skill_while_a_role_is_certified(
    running: Running, roles: Roles, new_platform: NewPlatform
) -> None:
    """Whichever comes first in the journal: a role is certified before the revocation, and says so, or not at all."""
    outcomes = set()
    async with new_platform(urls=running.urls) as second:
        for number in range(24):
            key = f"raced-{number}"
            await certified(running, package(key))
            await roles.create(running.operator, key, "x", ["one", key])
            # The one or the other is given a start, so that both orders are met.
            first, then = (0.0, 0.002 * (number % 4)) if number % 2 else (0.002 * (number % 3), 0.0)

            async def certify(key: str = key, wait: float = first) -> Any:
                await asyncio.sleep(wait)
                return await told(roles.certify(running.operator, key))

            async def revoke(key: str = key, wait: float = then) -> Any:
                await asyncio.sleep(wait)
                catalog = second.platform.services.catalog
                return await catalog.revoke(second.operator, key, None, "race")

            answer, _ = await asyncio.gather(certify(), revoke())
            assert await status(running, key) == "revoked"
            role = await roles.get(running.operator, key)
            if answer == "skill_chain_uncertified":
                assert role.newest.status == "pending_certification"
            else:
                assert [item.badge for item in role.newest.degraded_by] == [f"{key}@1.0.0"]
                order = await _order(running, key)
                assert order == ["job_role.certified", "skill.revoked"]
            outcomes.add(role.newest.status)
    assert outcomes == {"certified", "pending_certification"}


async def _order(running: Running, key: str) -> list[str]:
    async with owner(running) as connection:
        rows = await connection.fetch(
            "select kind from livery.journal where subject_id in ($1, $2) and kind in"
            " ('job_role.certified', 'skill.revoked') order by at_us",
            f"{key}@1",
            f"{key}@1.0.0",
        )
    return [row["kind"] for row in rows]


async def test_a_certification_waits_for_a_revocation_under_way(
    running: Running, roles: Roles
) -> None:
    """The lock itself: a revocation that is not committed yet is waited for, and then seen."""
    await certified(running, package("waited"))
    await roles.create(running.operator, "Waited", "x", ["waited"])
    async with owner(running) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "update livery.skill_version set status = 'revoked', reason = 'slow' where skill_id ="
            " (select skill_id from livery.skill where skill_key = 'waited')"
        )
        asked = asyncio.create_task(offenders(roles.certify(running.operator, "waited")))
        while not await connection.fetchval(BLOCKED):
            assert not asked.done(), "it did not wait"
            await asyncio.sleep(0.01)
        await transaction.commit()
    assert [pointer for pointer, _, _ in await asked] == ["/skills/0"]
    assert (await roles.get(running.operator, "waited")).certified is None
