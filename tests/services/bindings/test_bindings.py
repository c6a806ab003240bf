"""Bindings: a slot of one workspace, filled with what is certified, and one step back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.support.governed import BLOCKED, owner, principal, together, told, workspace
from tests.support.platform import NewPlatform, Running
from tests.support.postgres import session
from tests.support.skills import certified, package

from livery.manifest.errors import LiveryError
from livery.services.bindings.bindings import Bindings, former
from livery.services.bindings.types import Binding, Move, Target

SLOT = "weekly.main"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            await certified(made, package("tool", version=version))
        yield made


@pytest.fixture
def bindings(running: Running) -> Bindings:
    return running.platform.services.bindings


async def bind(running: Running, version: str | None, slot: str = SLOT, **more: Any) -> Binding:
    return await running.platform.services.bindings.bind(
        more.pop("by", running.operator),
        more.pop("home", None),
        slot,
        "tool",
        version=version,
        **more,
    )


async def channel(running: Running, version: str, name: str = "production") -> None:
    async with owner(running) as connection:
        await connection.execute(
            "insert into livery.channel select skill_id, workspace_id, $2, $1 from livery.skill"
            " where skill_key = 'tool' on conflict (skill_id, channel) do update set version = $1",
            version,
            name,
        )


async def refusal(asked: Any) -> tuple[str, list[tuple[str, str | None]], str]:
    with pytest.raises(LiveryError) as refused:
        await asked
    error = refused.value
    return error.code, [(item.pointer, item.code) for item in error.violations], error.message


async def history(running: Running, slot: str = SLOT) -> list[str]:
    _, moves = await running.platform.services.bindings.get(running.operator, None, slot)
    return [f"{move.kind} {move.target.badge}" for move in reversed(moves)]


async def test_a_pinned_version_stays(running: Running, bindings: Bindings) -> None:
    made = await bind(running, "1.0.0")
    assert (made.workspace, made.target.badge, made.resolved.status) == (
        "default",
        "tool@1.0.0",
        "certified",
    )
    await channel(running, "1.2.0")
    found, moves = await bindings.get(running.operator, None, SLOT)
    assert (found, len(moves)) == (made, 1)


async def test_a_channel_is_followed(running: Running, bindings: Bindings) -> None:
    await channel(running, "1.0.0")
    made = await bind(running, None, channel="production")
    assert (made.target.badge, made.resolved.version) == ("tool@production", "1.0.0")
    await channel(running, "1.1.0")
    found, _ = await bindings.get(running.operator, None, SLOT)
    assert found.resolved.version == "1.1.0"
    code, where, message = await refusal(bind(running, None, channel="staging"))
    assert (code, where) == ("skill_chain_uncertified", [("/channel", "not_found")])
    assert message == "The channel staging of tool is not set."


async def test_only_what_is_certified_is_bound(running: Running) -> None:
    services = running.platform.services
    await services.catalog.revoke(running.operator, "tool", "1.1.0", "leaks")
    await channel(running, "1.1.0")
    code, where, message = await refusal(bind(running, "1.1.0"))
    assert (code, where) == ("skill_chain_uncertified", [("/version", "skill_revoked")])
    assert message == "tool@1.1.0 is revoked (leaks), not certified."
    code, where, _ = await refusal(bind(running, None, channel="production"))
    assert (code, where) == ("skill_chain_uncertified", [("/channel", "skill_revoked")])
    assert (await refusal(bind(running, "9.9.9")))[1] == [("/version", "not_found")]
    await services.catalog.register(package("tool", version="1.3.0"), by="test")
    assert (await refusal(bind(running, "1.3.0")))[1] == [("/version", "skill_not_certified")]
    unknown = services.bindings.bind(running.operator, None, SLOT, "no-such", version="1.0.0")
    assert (await refusal(unknown))[:2] == ("skill_chain_uncertified", [("/skill", "not_found")])
    async with owner(running) as connection:
        await connection.execute("update livery.skill_version set status = 'deprecated'")
    assert (await refusal(bind(running, "1.0.0")))[1] == [("/version", "skill_not_certified")]
    assert await services.bindings.list(running.operator, None) == []


@pytest.mark.parametrize("slot", ["", "A", "a b", "a..b", ".a", "a-", "a/b", "a" * 129, "ä", "a\n"])
async def test_what_is_no_slot(running: Running, slot: str) -> None:
    assert await told(bind(running, "1.0.0", slot)) == "validation_error"


async def test_a_version_or_a_channel(running: Running) -> None:
    assert await told(bind(running, None)) == "validation_error"
    assert await told(bind(running, "1.0.0", channel="production")) == "validation_error"
    assert await told(bind(running, None, channel="nightly")) == "validation_error"


async def test_back_and_further_back(running: Running, bindings: Bindings) -> None:
    operator = running.operator
    for version in ("1.0.0", "1.1.0", "1.1.0", "1.2.0"):  # the same again is no step
        await bind(running, version)
    assert (await bindings.roll_back(operator, None, SLOT)).target.badge == "tool@1.1.0"
    assert (await bindings.roll_back(operator, None, SLOT)).target.badge == "tool@1.0.0"
    code, _, message = await refusal(bindings.roll_back(operator, None, SLOT))
    assert (code, message) == ("invalid_transition", "weekly.main held nothing before tool@1.0.0.")
    await bind(running, "1.2.0")
    assert (await bindings.roll_back(operator, None, SLOT)).target.badge == "tool@1.0.0"
    assert await history(running) == [
        "bind tool@1.0.0",
        "bind tool@1.1.0",
        "bind tool@1.2.0",
        "roll_back tool@1.1.0",
        "roll_back tool@1.0.0",
        "bind tool@1.2.0",
        "roll_back tool@1.0.0",
    ]
    async with running.http() as http:
        found = (await http.get("/v1/audit", params={"run_id": SLOT})).json()["items"]
    assert [item["kind"] for item in reversed(found)] == [
        *["binding.set"] * 3,
        *["binding.rolled_back"] * 2,
        "binding.set",
        "binding.rolled_back",
    ]
    body = {"slot": SLOT, "skill_key": "tool", "version": "1.0.0", "channel": None}
    assert found[0]["body"] == {**body, "by": "operator:local"}


async def test_there_is_no_way_back_to_what_was_revoked(
    running: Running, bindings: Bindings
) -> None:
    await bind(running, "1.0.0")
    await bind(running, "1.1.0")
    await running.platform.services.catalog.revoke(running.operator, "tool", "1.0.0", "leaks")
    code, where, message = await refusal(bindings.roll_back(running.operator, None, SLOT))
    assert (code, where) == ("skill_chain_uncertified", [("/version", "skill_revoked")])
    assert message == "tool@1.0.0 is revoked (leaks), not certified."
    assert await history(running) == ["bind tool@1.0.0", "bind tool@1.1.0"]


async def test_a_deprecated_version_is_a_way_back(running: Running, bindings: Bindings) -> None:
    await bind(running, "1.0.0")
    await bind(running, "1.1.0")
    async with owner(running) as connection:
        await connection.execute(
            "update livery.skill_version set status = 'deprecated' where version = '1.0.0'"
        )
    back = await bindings.roll_back(running.operator, None, SLOT)
    assert (back.target.badge, back.resolved.status) == ("tool@1.0.0", "deprecated")


async def test_an_empty_slot(running: Running, bindings: Bindings) -> None:
    operator = running.operator
    for asked in (bindings.get, bindings.roll_back, bindings.unbind, bindings.target):
        assert await told(asked(operator, None, SLOT)) == "not_found"
    await bind(running, "1.0.0")
    await bind(running, "1.1.0")
    await bindings.unbind(operator, None, SLOT)
    assert await told(bindings.get(operator, None, SLOT)) == "not_found"
    # What is bound next begins anew: there is no way back behind an empty slot.
    await bind(running, "1.2.0")
    assert await told(bindings.roll_back(operator, None, SLOT)) == "invalid_transition"
    assert (await history(running))[-2:] == ["unbind tool@1.1.0", "bind tool@1.2.0"]


def test_the_history_says_what_was_before() -> None:
    def moves(*steps: str) -> list[Move]:
        held = [
            Move(
                index,
                step.split()[0],
                Target(UUID(int=0), "t", step.split()[1], None),
                "x",
                NOW,
            )
            for index, step in enumerate(steps)
        ]
        return held[::-1]

    def before(*steps: str) -> str | None:
        found = former(moves(*steps))
        return found.version if found else None

    assert before() is None
    assert before("bind 1") is None
    assert before("bind 1", "bind 2") == "1"
    assert before("bind 1", "bind 2", "roll_back 1") is None
    assert before("bind 1", "bind 2", "bind 3", "roll_back 2") == "1"
    assert before("bind 1", "bind 2", "roll_back 1", "bind 3") == "1"
    assert before("bind 1", "bind 2", "unbind 2", "bind 3") is None


async def test_binds_at_once_leave_one_history(running: Running, new_platform: NewPlatform) -> None:
    versions = ["1.0.0", "1.1.0", "1.2.0"]
    async with new_platform(urls=running.urls) as second:
        for round_ in range(6):
            slot = f"slot-{round_}"
            await together(
                *(
                    bind(who, versions[number % 3], slot)
                    for number in range(6)
                    for who in (running, second)
                )
            )
            found, moves = await running.platform.services.bindings.get(
                running.operator, None, slot
            )
            assert found.target == moves[0].target, "the newest step is what is bound"
            assert found.move_id == moves[0].move_id
            steps = [move.target.version for move in moves]
            assert all(a != b for a, b in pairwise(steps)), "a step to the same"


async def test_rollbacks_at_once_are_steps(running: Running, bindings: Bindings) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        await bind(running, version)
    answers = await together(*(bindings.roll_back(running.operator, None, SLOT) for _ in range(5)))
    # Two steps back there are; whoever comes third has none.
    assert sorted(a if isinstance(a, str) else "back" for a in answers) == [
        *["back"] * 2,
        *["invalid_transition"] * 3,
    ]
    assert (await history(running))[-2:] == ["roll_back tool@1.1.0", "roll_back tool@1.0.0"]


async def test_binding_waits_for_a_revocation_under_way(
    running: Running, bindings: Bindings
) -> None:
    async with owner(running) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "update livery.skill_version set status = 'revoked' where version = '1.0.0' and skill_id ="
            " (select skill_id from livery.skill where skill_key = 'tool')"
        )
        asked = asyncio.create_task(told(bind(running, "1.0.0")))
        while not await connection.fetchval(BLOCKED):
            assert not asked.done(), "it did not wait"
            await asyncio.sleep(0.01)
        await transaction.commit()
    assert await asked == "skill_chain_uncertified"
    assert await bindings.list(running.operator, None) == []


async def test_who_may(running: Running, bindings: Bindings) -> None:
    await workspace(running, "acme")
    tokens = running.platform.services.tokens
    for role, may in (
        ("customer_admin", True),
        ("customer_member", False),
        ("author", False),
        ("approver", False),
        ("auditor", False),
    ):
        if role.startswith("customer"):
            who = await principal(running, role, "acme")
        else:
            token, _ = await tokens.create(running.operator, role, name=role)
            who = await tokens.authenticate(token)
        for asked in (
            bind(running, "1.0.0", by=who, home="acme"),
            bindings.roll_back(who, "acme", SLOT),
            bindings.unbind(who, "acme", SLOT),
        ):
            assert (await told(asked) == "forbidden") is not may, role
        assert await told(bindings.get(who, "acme", SLOT)) == "not_found"
        assert await bindings.list(who, "acme") == []


async def test_the_bindings_of_another_workspace_are_not_there(
    running: Running, bindings: Bindings
) -> None:
    mine, other = await workspace(running, "mine"), await workspace(running, "other")
    ann, bob = [await principal(running, "customer_admin", slug) for slug in ("mine", "other")]
    await bind(running, "1.0.0", by=ann)
    await bind(running, "1.1.0", by=bob)
    for who, version in ((ann, "1.0.0"), (bob, "1.1.0")):
        assert [item.target.version for item in await bindings.list(who, None)] == [version]
        found, moves = await bindings.get(who, None, SLOT)
        assert (found.target.version, len(moves)) == (version, 1)
    for asked in (
        bindings.list(ann, "other"),
        bindings.get(ann, "other", SLOT),
        bindings.target(ann, str(other), SLOT),
        bindings.roll_back(ann, "other", SLOT),
        bindings.unbind(ann, "other", SLOT),
        bind(running, "1.2.0", by=ann, home="other"),
    ):
        assert await told(asked) == "not_found"
    assert len(await bindings.list(running.operator, None)) == 2
    assert len(await bindings.list(running.operator, "mine")) == 1
    # Below the code: a role's transaction sees the rows of its workspaces, and writes no others.
    async with session(running.urls.api) as rows:
        for table in ("binding", "binding_move"):
            await rows.execute("select set_config('livery.workspaces', $1, false)", str(mine))
            seen = await rows.fetch(f"select distinct workspace_id from livery.{table}")
            assert [row["workspace_id"] for row in seen] == [mine]
            await rows.execute("select set_config('livery.workspaces', '', false)")
            assert await rows.fetchval(f"select count(*) from livery.{table}") == 0
        await rows.execute("select set_config('livery.workspaces', $1, false)", str(mine))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await rows.execute(
                "insert into livery.binding_move (workspace_id, slot, skill_id, version, kind, moved_by)"
                " select $1, 'x', skill_id, '1.0.0', 'bind', 'x' from livery.skill where skill_key = 'tool'",
                other,
            )
        assert await rows.execute("delete from livery.binding") == "DELETE 1"  # its own only


async def test_a_skill_of_another_workspace_fills_no_slot(running: Running) -> None:
    mine, other = await workspace(running, "mine"), await workspace(running, "other")
    async with owner(running) as connection:
        for home, key in ((mine, "own"), (other, "theirs")):
            await connection.execute(
                "with s as (insert into livery.skill values (gen_random_uuid(), $1, $2, 'x', 'x', 'x', 'x')"
                " returning *),"
                " v as (insert into livery.skill_version select skill_id, $1, '1.0.0', 1, 'sha256:x', 'certified',"
                " '{}', 'x' from s)"
                " insert into livery.certificate select gen_random_uuid(), skill_id, $1, '1.0.0', 'sha256:x', 'valid',"
                " 'k', now(), now() + interval '1 day', '[]', '{}' from s",
                home,
                key,
            )
    services = running.platform.services
    ask = services.bindings.bind
    assert (await ask(running.operator, "mine", SLOT, "own", version="1.0.0")).resolved.certified
    for asked in (
        ask(running.operator, "mine", SLOT, "theirs", version="1.0.0"),
        services.roles.create(running.operator, "x", "x", ["own"]),  # a role is the platform's
    ):
        assert await told(asked) == "skill_chain_uncertified"
