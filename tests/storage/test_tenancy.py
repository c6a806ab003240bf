"""Row-level security: below the code, a role sees the workspaces of its transaction and nothing else."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from tests.support.governed import add_skill, do, owner, priced, principal, told, workspace
from tests.support.platform import NewPlatform, Running
from tests.support.postgres import session
from uuid_utils.compat import uuid7

from livery.entrypoints.platform import open_platform
from livery.integrations.postgres import EmbeddedPostgres
from livery.integrations.postgres.errors import UnsafeDatabaseRole

# Reads across workspaces: each is named in the architecture's sense, and looked at when it is added here.
DEFINERS = {
    "token_lookup": "a bearer token is resolved before its workspace is known",
    "workspace_ids": "staff see all workspaces",
    "chain_entries": "a chain is verified whole or not at all",
    "sweep": "due work of dead processes, whosever it is",
    "certification_jobs_due": "due work, whosever it is",
    "skill_key_holders": "a key is the platform's or one workspace's, whoever asks",
    "certification_job_counts": "numbers for the metrics, of nobody in particular",
}
# Tables without a workspace: what they hold is the platform's own, or reachable through a row that has one.
SHARED = {
    "agent_type", "chain", "chain_link", "checkpoint", "package", "package_note", "policy_set", "policy_version",
    "process", "schema_migration",
}  # fmt: skip

# $1 is the workspace, $2 a skill of it with a version 1.0.0.
_COMPOSED_AND_CERTIFIED = (
    "insert into livery.channel_move (skill_id, workspace_id, channel, version, kind, moved_by)"
    " values ($2, $1, 'production', '1.0.0', 'promote', 'x')",
    "insert into livery.certification_job (job_id, skill_id, workspace_id, version, digest, state, requested_by,"
    " correlation_id) values (gen_random_uuid(), $2, $1, '1.0.0', 'x', 'done', 'x', 'x')",
    "insert into livery.sign_off values ($2, $1, '1.0.0', 'x', 'x', 'x')",
    "insert into livery.suppression values ($2, $1, '1.0.0', 'x', 'a long reason', 'x')",
    "insert into livery.job_role values ($2, $1, 'own', 1, 'x', 'x', 'certified', null, 'x')",
    "insert into livery.job_role_skill values ($2, 1, $1, $2, '1.0.0', 1)",
    "insert into livery.binding values ($1, 'slot', $2, '1.0.0', null, 'x')",
    "insert into livery.binding_move (workspace_id, slot, skill_id, version, kind, moved_by)"
    " values ($1, 'slot', $2, '1.0.0', 'bind', 'x')",
    "insert into livery.code_grant (grant_id, workspace_id, skill_id, security_hash, decision, decided_by)"
    " values (gen_random_uuid(), $1, $2, 'x', 'deny', 'x')",
    "insert into livery.registered_target select $1, 'hooks.example.com', '', 'x' where $2::uuid is not null",
    "insert into livery.standing_approval (standing_id, workspace_id, skill_id, skill_key, version, digest, action,"
    " target, policy_hash, total, expires_at, granted_by, granted_by_token)"
    " values ('STA-' || ($1::uuid)::text, $1, $2, 'x', '1.0.0', 'x', 'send', 'hooks.example.com', 'x', 1,"
    " clock_timestamp(), 'x', gen_random_uuid())",
    "insert into livery.waiting_run (run_id, workspace_id, approval_id, token_id, skill_id)"
    " values (gen_random_uuid(), $1, 'APR-x', gen_random_uuid(), $2)",
)


@dataclass(frozen=True)
class Two:
    running: Running
    mine: UUID
    other: UUID


@pytest.fixture(scope="module")
async def two(new_platform: NewPlatform) -> AsyncIterator[Two]:
    """Two workspaces with a row in every table that has a workspace."""
    async with new_platform() as running:
        await add_skill(running, priced("write-file", effects=["write"]))
        homes = []
        for slug in ("mine", "other"):
            home = await workspace(running, slug)
            caller = await principal(running, "customer_member", slug)
            done = await do(running, principal=caller, idempotency_key="k")
            await told(do(running, "write-file", {"code": "1"}, principal=caller))
            hired = await running.platform.services.hiring.hire(
                running.operator, "analytics.weekly_digest.v1", slug, "Analyst"
            )
            async with owner(running) as rows:
                await rows.execute(
                    "insert into livery.kill_switch values ('agent', $1, $2, 'test', 'test')",
                    uuid7(),
                    home,
                )
                await rows.execute(
                    "insert into livery.effect values ($1, $2, $3, 'write', 'x', 'sent')",
                    uuid7(), UUID(done.run_id), home,
                )  # fmt: skip
                await rows.execute(
                    "insert into livery.artifact values ($1, $2, $3, 'add', '1', 'n', 't', 0, '', '', '{}')",
                    uuid7(), UUID(done.run_id), home,
                )  # fmt: skip
                skill = uuid7()
                await rows.execute(
                    "insert into livery.skill values ($1, $2, 'own', 'own', 'd', 'c', 'o')",
                    skill,
                    home,
                )
                await rows.execute(
                    "insert into livery.skill_version values"
                    " ($1, $2, '1.0.0', 1, 'x', 'certified', '{}', 'test')",
                    skill, home,
                )  # fmt: skip
                await rows.execute(
                    "insert into livery.certificate values ($3, $1, $2, '1.0.0', 'x', 'valid', 'k',"
                    " now(), now(), '[]', '{}')",
                    skill, home, uuid7(),
                )  # fmt: skip
                await rows.execute(
                    "insert into livery.channel values ($1, $2, 'production', '1.0.0')", skill, home
                )
                await rows.execute(
                    "insert into livery.session_segment (workspace_id, sha256, entity, rows, content, batch_id)"
                    " values ($1, $2, 'e', 1, '', 'b')",
                    home, "0" * 64,
                )  # fmt: skip
                await rows.execute(
                    "insert into livery.session_file values ($1, 'f', 'l', 'x', 0, 0, false, 'p', '{}')",
                    home,
                )
                await rows.execute("insert into livery.target values ($1, 'example.com')", home)
                for statement in _COMPOSED_AND_CERTIFIED:
                    await rows.execute(statement, home, skill)
            assert hired.workspace_id == home
            homes.append(home)
        yield Two(running, *homes)


async def tenant_tables(connection: Any) -> list[str]:
    rows = await connection.fetch(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'"
        " where c.relnamespace = 'livery'::regnamespace and c.relkind in ('r', 'p') order by 1"
    )
    return [row["relname"] for row in rows]


async def test_every_table_of_a_workspace_has_a_policy(two: Two) -> None:
    async with owner(two.running) as connection:
        secured = {
            row["relname"]
            for row in await connection.fetch(
                "select c.relname from pg_class c where relrowsecurity and exists (select from pg_policy p"
                " where p.polrelid = c.oid and p.polcmd = '*')"
            )
        }
        found = await tenant_tables(connection)
        assert set(found) <= secured, "a table with workspace_id and without a policy"
        every = {
            row["relname"]
            for row in await connection.fetch(
                "select relname from pg_class where relnamespace = 'livery'::regnamespace"
                " and relkind in ('r', 'p', 'v', 'm', 'f')"
            )
        }
        assert every - set(found) <= SHARED, "a new table without workspace_id: is it nobody's?"


async def counts(connection: Any, tables: list[str], home: UUID) -> dict[str, int]:
    return {
        table: await connection.fetchval(
            f"select count(*) from livery.{table} where workspace_id = $1", home
        )
        for table in tables
    }


@pytest.mark.parametrize("role", ["api", "worker"])
async def test_a_role_sees_its_scope_and_nothing_else(two: Two, role: str) -> None:
    async with owner(two.running) as connection:
        tables = await tenant_tables(connection)
        for home in (two.mine, two.other):
            assert all((await counts(connection, tables, home)).values()), (
                "the test has rows everywhere"
            )
    async with session(getattr(two.running.urls, role)) as connection:
        readable = [
            table
            for table in tables
            if await connection.fetchval(
                "select has_table_privilege($1, 'select')", f"livery.{table}"
            )
        ]
        assert readable == tables
        nothing = dict.fromkeys(tables, 0)
        # Nothing was set: no scope is no rows, not all rows.
        assert await counts(connection, tables, two.mine) == nothing
        async with connection.transaction():
            await connection.execute(
                "select set_config('livery.workspaces', $1, true)", str(two.mine)
            )
            assert await counts(connection, tables, two.other) == nothing
            assert all((await counts(connection, tables, two.mine)).values())
        # The setting ended with its transaction.
        assert await counts(connection, tables, two.mine) == nothing
        async with connection.transaction():
            await connection.execute("select set_config('livery.workspaces', '', true)")
            assert await counts(connection, tables, two.mine) == nothing


async def test_a_role_writes_nothing_outside_its_scope(two: Two) -> None:
    async with owner(two.running) as rows:
        tables = await tenant_tables(rows)
        for table in tables:
            async with session(two.running.urls.api) as connection:
                transaction = connection.transaction()
                await transaction.start()
                await connection.execute(
                    "select set_config('livery.workspaces', $1, true)", str(two.mine)
                )
                for statement in (
                    f"update livery.{table} set workspace_id = workspace_id where workspace_id = $1",
                    f"delete from livery.{table} where workspace_id = $1",
                ):
                    try:
                        async with connection.transaction():
                            assert (await connection.execute(statement, two.other)).endswith(" 0")
                    except asyncpg.InsufficientPrivilegeError:
                        pass  # no process may do that to any row
                # Nor move a row of its own out of its scope, nor put one there.
                with pytest.raises(asyncpg.PostgresError) as refused:
                    async with connection.transaction():
                        await connection.execute(
                            f"update livery.{table} set workspace_id = $2 where workspace_id = $1",
                            two.mine,
                            uuid7(),
                        )
                assert isinstance(
                    refused.value,
                    asyncpg.InsufficientPrivilegeError | asyncpg.ForeignKeyViolationError,
                ), table
                await transaction.rollback()
                await refuses_foreign_row(two, rows, connection, table)


async def refuses_foreign_row(two: Two, rows: Any, connection: Any, table: str) -> None:
    found = await rows.fetch(
        "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0"
        " and not attisdropped and attidentity = '' and attgenerated = '' order by attnum",
        f"livery.{table}",
    )
    columns = ", ".join(row["attname"] for row in found)
    foreign = await rows.fetchrow(
        f"select {columns} from livery.{table} where workspace_id = $1", two.other
    )
    marks = ", ".join(f"${n}" for n in range(1, len(foreign) + 1))
    async with connection.transaction():
        await connection.execute("select set_config('livery.workspaces', $1, true)", str(two.mine))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(
                f"insert into livery.{table} ({columns}) values ({marks})", *foreign.values()
            )


async def test_what_others_do_is_not_found(two: Two) -> None:
    caller = await principal(two.running, "customer_admin", "mine")
    async with owner(two.running) as connection:
        run_id = await connection.fetchval(
            "select run_id from livery.run where workspace_id = $1 limit 1", two.other
        )
    assert await told(two.running.platform.services.runs.get(caller, run_id)) == "not_found"
    assert await told(do(two.running, principal=caller, workspace="other")) == "not_found"
    assert await told(do(two.running, principal=caller, workspace=str(two.other))) == "not_found"
    seen = await two.running.platform.services.runs.search(caller, limit=200)
    assert {run.workspace_id for run in seen} == {two.mine}


async def test_the_functions_that_look_across_are_the_named_ones(two: Two) -> None:
    async with owner(two.running) as connection:
        rows = await connection.fetch(
            "select proname, proconfig, pg_get_userbyid(proowner) as owner from pg_proc"
            " where prosecdef and pronamespace = 'livery'::regnamespace"
        )
        assert {row["proname"] for row in rows} == set(DEFINERS)
        for row in rows:
            assert row["proconfig"] == ["search_path=livery, pg_temp"], row["proname"]
            assert row["owner"] == "livery_owner"
        open_to_all = await connection.fetch(
            "select proname from pg_proc where pronamespace = 'livery'::regnamespace"
            " and has_function_privilege('public', oid, 'execute')"
        )
        assert open_to_all == []


@pytest.mark.parametrize("role", ["auditor", "vault"])
@pytest.mark.parametrize("function", ["sweep('c', 1)", "token_lookup('')"])
async def test_who_may_not_call_them(two: Two, role: str, function: str) -> None:
    url = getattr(two.running.urls, role)
    if role == "vault":
        # The vault's role does not even get in.
        url = urlsplit(url)._replace(path=urlsplit(two.running.urls.api).path).geturl()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(url)
        return
    async with session(url) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"select livery.{function}")


async def test_the_auditor_reads_the_record_and_nothing_else(two: Two) -> None:
    async with session(two.running.urls.auditor) as connection:
        rows = await connection.fetch(
            "select c.relname from pg_class c where relnamespace = 'livery'::regnamespace and relkind = 'r'"
            " and has_table_privilege(c.oid, 'select') order by 1"
        )
        assert [row["relname"] for row in rows] == [
            "certificate", "chain", "chain_link", "channel_move", "checkpoint", "code_grant", "job_role",
            "job_role_skill", "journal", "package_note", "policy_version", "registered_target", "sign_off", "skill",
            "skill_version", "standing_approval", "suppression",
        ]  # fmt: skip
        writable = await connection.fetch(
            "select relname from pg_class c where relnamespace = 'livery'::regnamespace and relkind = 'r'"
            " and has_table_privilege(c.oid, 'insert, update, delete, truncate')"
        )
        assert writable == []


@pytest.mark.parametrize("attribute", ["superuser", "bypassrls"])
async def test_a_process_refuses_a_role_that_sees_past_it(
    two: Two, embedded_postgres: EmbeddedPostgres, tmp_path: Path, attribute: str
) -> None:
    settings = replace(two.running.settings, home=tmp_path)
    settings.prepare()
    admin = urlsplit(embedded_postgres.admin_dsn)
    database = urlsplit(two.running.urls.api).path
    name = f"unsafe_{uuid7().hex}"
    async with session(admin._replace(path=database).geturl()) as connection:
        await connection.execute(f"create role {name} login password 'x' {attribute}")
        await connection.execute(f"grant livery_api to {name}")
        await connection.execute(f"grant connect on database {database.strip('/')} to {name}")
    try:
        host = urlsplit(two.running.urls.api)
        url = host._replace(netloc=f"{name}:x@{host.netloc.rpartition('@')[2]}").geturl()
        with pytest.raises(UnsafeDatabaseRole):
            async with open_platform(settings, url):
                pass
    finally:
        async with session(admin._replace(path=database).geturl()) as connection:
            await connection.execute(f"drop owned by {name}; drop role {name}")
