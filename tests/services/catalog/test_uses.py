"""One registry of who uses a version: every table that composes skills is in it, and it answers for each."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.governed import owner, principal, workspace
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package

from livery.services import PLATFORM
from livery.services.catalog.types import Use
from livery.services.catalog.uses import Uses
from livery.services.hiring.types import AgentType

# Tables that refer to skills and compose nothing: they are the skill, its evidence, or what happened.
RECORDS = {
    "skill": "the skill",
    "skill_version": "its versions",
    "channel": "its channels; whatever follows one is a use itself",
    "certificate": "evidence",
    "certification_job": "the making of evidence",
    "sign_off": "evidence",
    "suppression": "evidence",
    "channel_move": "history of channels",
    "binding_move": "history of bindings",
    "run": "what was run",
    "idempotency": "what was run under a key",
    "usage_event": "what a run used",
    "approval": "one action of one run",
    "code_grant": "what a person decided about one piece of code",
    "standing_approval": "so many runs of one version",
    "waiting_run": "a run that waits for its approval",
    "artifact": "what a run made",
}
_REFERENCES = """
    select distinct c.relname as name from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = 'livery'::regnamespace and c.relkind in ('r', 'p', 'f', 'm')
       and (a.attname ~ 'skill'
            or exists (select from pg_constraint f
                        where f.conrelid = c.oid and f.contype = 'f'
                          and f.confrelid in ('livery.skill'::regclass, 'livery.skill_version'::regclass))
            or a.attname ~ '(^|_)version$' and exists (
                select from pg_attribute d where d.attrelid = c.oid and not d.attisdropped
                   and d.attname ~ '(^|_)digest$'))
"""


async def unregistered(connection: Any, uses: Uses) -> set[str]:
    """Tables that refer to skills, are no record, and are in no composition point."""
    found = {row["name"] for row in await connection.fetch(_REFERENCES)}
    assert set(RECORDS) | uses.tables <= found, "a name that is no table any more"
    return found - set(RECORDS) - uses.tables


@pytest.fixture
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        yield made


async def test_every_table_that_composes_skills_is_registered(running: Running) -> None:
    uses = running.platform.services.uses
    assert uses.kinds == ("job_role", "hired_agent", "agent_type", "binding")
    async with owner(running) as connection:
        assert await unregistered(connection, uses) == set(), (
            "a table refers to skills: register its UseSource in entrypoints/platform.py,"
            " or, where it only records, name it in RECORDS"
        )


@pytest.mark.parametrize(
    "columns",
    [
        "slot text, skill_id uuid",
        "slot text, required_skill_keys text[]",
        "slot text, default_skill text",
        "slot text, held uuid references livery.skill",
        "slot text, version text, digest text",
        "slot text, agent_version text, pinned_digest text",
    ],
)
async def test_a_composition_point_that_is_not_registered_is_named(
    running: Running, columns: str
) -> None:
    async with owner(running) as connection:
        await connection.execute(f"create table livery.shadow_slot ({columns})")
        assert await unregistered(connection, running.platform.services.uses) == {"shadow_slot"}


def test_a_composition_point_is_registered_once(running: Running) -> None:
    source = running.platform.hiring
    with pytest.raises(ValueError, match="registered twice"):
        Uses((source, source))


async def test_every_composition_point_answers(running: Running) -> None:
    services, operator = running.platform.services, running.operator
    home, other = await workspace(running, "home"), await workspace(running, "other")
    await certified(running, package("tool"))
    await services.roles.create(operator, "Maker", "Makes.", ["tool"])
    kind = AgentType("x.maker", 1, "Maker", "Makes.", ("tool",), "published")
    await services.hiring.publish(operator, kind)
    agent = await services.hiring.hire(operator, "x.maker.v1", "home", "Ann")
    await services.bindings.bind(operator, "home", "pin", "tool", version="1.0.0")
    async with owner(running) as connection:
        await connection.execute(
            "insert into livery.channel select skill_id, workspace_id, 'production', '1.0.0' from livery.skill"
            " where skill_key = 'tool'"
        )
    await services.bindings.bind(operator, "other", "follow", "tool", channel="production")
    skill = await services.catalog.get(operator, "tool")
    every = [PLATFORM, home, other]
    found = await services.uses.uses_of(skill.skill_id, "1.0.0", every)
    key, version = "tool", "1.0.0"
    assert found == [
        Use("agent_type", "x.maker.v1", "Maker", PLATFORM, key, version),
        Use("binding", "follow", "follow", other, key, version, "production"),
        Use("binding", "pin", "pin", home, key, version),
        Use("hired_agent", str(agent.hired_agent_id), "Ann", home, key, version),
        Use("job_role", "maker@1", "Maker", PLATFORM, key, version),
    ]
    assert await services.uses.uses_of(skill.skill_id, None, every) == found
    assert await services.uses.uses_of(skill.skill_id, "9.9.9", every) == []
    # A customer sees its own uses, and nobody else's.
    admin = await principal(running, "customer_admin", "home")
    visible = await services.access.visible(admin)
    mine = await services.uses.uses_of(skill.skill_id, "1.0.0", visible)
    assert [(use.kind, use.workspace_id) for use in mine] == [
        ("binding", home),
        ("hired_agent", home),
    ]


async def test_a_use_is_held_to_what_it_would_take_now(running: Running) -> None:
    services, operator = running.platform.services, running.operator
    await certified(running, package("tool"))
    kind = AgentType("x.maker", 1, "Maker", "Makes.", ("tool",), "published")
    await services.hiring.publish(operator, kind)
    await services.roles.create(operator, "Maker", "Makes.", ["tool"])
    async with owner(running) as connection:
        await connection.execute(
            "insert into livery.channel select skill_id, workspace_id, 'production', '1.0.0' from livery.skill"
            " where skill_key = 'tool'"
        )
    await services.bindings.bind(operator, None, "follow", "tool", channel="production")
    await certified(running, package("tool", version="1.1.0"))
    skill = await services.catalog.get(operator, "tool")
    every = await services.access.visible(operator)

    async def held(version: str) -> list[str]:
        return [use.kind for use in await services.uses.uses_of(skill.skill_id, version, every)]

    # A type is hired at the newest certified version; a role keeps its pin, a channel stays where it was.
    assert await held("1.1.0") == ["agent_type"]
    assert await held("1.0.0") == ["binding", "job_role"]
    async with owner(running) as connection:
        await connection.execute("update livery.channel set version = '1.1.0'")
    assert await held("1.1.0") == ["agent_type", "binding"]
    # A role's older, certified version is in force until it is revoked.
    await services.roles.certify(operator, "maker")
    await services.roles.edit(operator, "maker", skills=["tool"])
    assert await held("1.1.0") == ["agent_type", "binding", "job_role"]
    assert await held("1.0.0") == ["job_role"]
    await services.roles.revoke(operator, "maker", "replaced", version=1)
    assert await held("1.0.0") == []
    # What is unbound is no use.
    await services.bindings.unbind(operator, None, "follow")
    assert await held("1.1.0") == ["agent_type", "job_role"]
