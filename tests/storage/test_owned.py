"""Below the code: what a raw role sees and writes of the skills that one workspace owns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.support.governed import owner, workspace
from tests.support.owned import manifest, owned
from tests.support.platform import NewPlatform, Running
from tests.support.postgres import session
from uuid_utils.compat import uuid7

from livery.manifest.package import PackageFile
from livery.services.catalog.types import Skill

ZERO = UUID(int=0)
ROLES = ("api", "worker")
READ = {
    "skill": "skill_id",
    "skill_version": "skill_id",
    "certificate": "skill_id",
    "channel": "skill_id",
    "channel_move": "skill_id",
    "package": "digest",
    "package_note": "digest",
}


@dataclass(frozen=True)
class World:
    running: Running
    mine: Skill
    theirs: Skill
    shared: Skill
    """Of `mine`'s workspace, with a package that `theirs`' workspace has too."""
    platforms: UUID


@pytest.fixture(scope="module")
async def world(new_platform: NewPlatform) -> AsyncIterator[World]:
    async with new_platform() as running:
        found = {}
        for slug in ("mine", "theirs"):
            await workspace(running, slug)
            found[slug] = await owned(running, slug, manifest("own", slug))
            await running.platform.services.channels.promote(
                running.operator, f"{slug}:own", "1.0.0", "production"
            )
        both: list[PackageFile] = manifest("both", "same")
        shared = await owned(running, "mine", both)
        await owned(running, "theirs", both)
        platforms = await running.platform.services.catalog.get(running.operator, "add")
        yield World(running, found["mine"], found["theirs"], shared, platforms.skill_id)


@asynccontextmanager
async def scoped(world: World, role: str, *homes: UUID) -> AsyncIterator[Any]:
    async with session(getattr(world.running.urls, role)) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "select set_config('livery.workspaces', $1, true)", ",".join(map(str, homes))
        )
        yield connection
        await transaction.rollback()


async def counts(connection: Any, skill: Skill) -> dict[str, int]:
    return {
        table: await connection.fetchval(
            f"select count(*) from livery.{table} where {column} = $1", getattr(skill, column)
        )
        for table, column in READ.items()
    }


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_sees_ones_own_and_nobody_elses(world: World, role: str) -> None:
    nothing = dict.fromkeys(READ, 0)
    async with scoped(world, role, world.mine.workspace_id) as connection:
        assert all((await counts(connection, world.mine)).values())
        assert await counts(connection, world.theirs) == nothing
    async with scoped(world, role, ZERO) as connection:
        assert await counts(connection, world.mine) == nothing
    async with scoped(world, role) as connection:
        assert await counts(connection, world.mine) == nothing
        # The platform's packages are seen by all, as its skills are.
        assert await connection.fetchval(
            "select count(*) from livery.package p join livery.skill_version v using (digest)"
            " where v.skill_id = $1",
            world.platforms,
        )


@pytest.mark.parametrize("role", ROLES)
async def test_a_package_of_two_is_seen_by_both(world: World, role: str) -> None:
    for home in (world.mine.workspace_id, world.theirs.workspace_id):
        async with scoped(world, role, home) as connection:
            digest = world.shared.digest
            assert await connection.fetchval(
                "select count(*) from livery.package where digest = $1", digest
            )
    async with scoped(world, role, uuid7()) as connection:
        assert not await connection.fetchval(
            "select count(*) from livery.package where digest = $1", digest
        )


# $1 the workspace of the scope, $2 a skill that is not its own.
FOREIGN = (
    "insert into livery.skill_version values ($2, $1, '9.0.0', 9, 'x', 'certified', '{}', 'x')",
    "insert into livery.certificate values (gen_random_uuid(), $2, $1, '1.0.0', 'x', 'valid', 'k', now(), now(),"
    " '[]', '{}')",
    "insert into livery.channel values ($2, $1, 'staging', '1.0.0')",
    "insert into livery.channel_move (skill_id, workspace_id, channel, version, kind, moved_by)"
    " values ($2, $1, 'staging', '1.0.0', 'promote', 'x')",
    "insert into livery.certification_job (job_id, skill_id, workspace_id, version, digest, state, requested_by,"
    " correlation_id) values (gen_random_uuid(), $2, $1, '1.0.0', 'x', 'queued', 'x', 'x')",
    "insert into livery.sign_off values ($2, $1, '1.0.0', 'x', 'x', 'x')",
    "insert into livery.suppression values ($2, $1, '1.0.0', 'x', 'a long reason', 'x')",
)
COMPOSED = (
    "insert into livery.binding values ($1, 'page.x', $2, '1.0.0', null, 'x')",
    "with made as (insert into livery.hired_agent (hired_agent_id, workspace_id, agent_type, agent_type_version,"
    " name, status) values ($3, $1, 'analytics.weekly_digest', 1, 'x', 'active'))"
    " insert into livery.hired_agent_skill values ($3, $1, $2, '1.0.0')",
    "with made as (insert into livery.job_role values ($3, $1, 'r', 1, 'x', 'x', 'certified', null, 'x'))"
    " insert into livery.job_role_skill values ($3, 1, $1, $2, '1.0.0', 1)",
)


@pytest.mark.parametrize("statement", FOREIGN)
async def test_nothing_is_hung_on_a_skill_of_another_owner(world: World, statement: str) -> None:
    for skill in (world.theirs.skill_id, world.platforms):
        async with scoped(world, "api", world.mine.workspace_id) as connection:
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                await connection.execute(statement, world.mine.workspace_id, skill)


@pytest.mark.parametrize("statement", COMPOSED)
async def test_who_may_be_composed_of_whom(world: World, statement: str) -> None:
    home = world.mine.workspace_id
    extra = [uuid7()] if "$3" in statement else []
    async with scoped(world, "api", home) as connection:
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="no skill of this workspace"):
            await connection.execute(statement, home, world.theirs.skill_id, *extra)
    for skill in (world.mine.skill_id, world.platforms):
        async with scoped(world, "api", home) as connection:
            await connection.execute(statement, home, skill, *extra)
    if "job_role" in statement:  # the platform's own is of the platform's only
        async with scoped(world, "api", ZERO, home) as connection:
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                await connection.execute(statement, ZERO, world.mine.skill_id, *extra)


async def test_the_function_that_looks_across_says_who_and_no_more(world: World) -> None:
    async with scoped(world, "api", world.mine.workspace_id) as connection:
        rows = await connection.fetch(
            "select * from livery.skill_key_holders($1, $2)",
            [world.mine.workspace_id, world.mine.workspace_id, ZERO, ZERO],
            ["own", "add", "own", "add"],
        )
        found = {(row["workspace_id"], row["skill_key"]): row["holders"] for row in rows}
    assert found == {
        (world.mine.workspace_id, "add"): ["platform"],  # never that `theirs` has `own` too
        (ZERO, "own"): ["mine", "theirs"],
    }


async def test_every_skill_version_has_its_skills_owner(world: World) -> None:
    async with owner(world.running) as rows:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await rows.execute(
                "update livery.skill_version set workspace_id = $1 where skill_id = $2",
                world.theirs.workspace_id,
                world.mine.skill_id,
            )
