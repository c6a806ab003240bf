"""The task engine's schema: where it stands, who may do what in it, and how it grows."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.support.postgres import NewDatabase, session

from livery.integrations.queue.errors import QueueSchemaFailed, QueueSchemaUnknown
from livery.integrations.queue.schema import apply_schema

DEFER = (
    "select queue.procrastinate_defer_jobs_v1(array[row('certification', 'certify', 0, null, null,"
    " '{}', null)::queue.procrastinate_job_to_defer_v1])"
)


async def test_two_processes_at_once_make_it_once(new_database: NewDatabase) -> None:
    urls = await new_database()
    async with session(urls.owner) as owner:
        await owner.execute("drop schema if exists queue cascade")
    ran = await asyncio.gather(*(apply_schema(urls.owner) for _ in range(3)))
    assert sorted(ran) == [[], [], ["schema"]]
    assert await apply_schema(urls.owner) == []
    async with session(urls.owner) as owner:
        schemas = await owner.fetch(
            "select distinct n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.relname like 'procrastinate%'"
        )
    assert [row[0] for row in schemas] == ["queue"]


async def test_the_api_defers_and_does_nothing_else(new_database: NewDatabase) -> None:
    urls = await new_database()
    await apply_schema(urls.owner)
    async with session(urls.api) as api:
        await api.execute("set search_path = queue")
        await api.fetchval(DEFER)
        for statement in (
            "delete from queue.procrastinate_jobs",
            "update queue.procrastinate_jobs set status = 'failed'",
            "select * from queue.procrastinate_fetch_job_v2(array['certification'], 1)",
            "select * from queue.procrastinate_workers",
            "select * from queue.livery_applied",
            "create table queue.mine (a int)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await api.fetch(statement)
    async with session(urls.auditor) as auditor:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await auditor.fetch("select * from queue.procrastinate_jobs")


async def test_the_queue_and_the_platform_do_not_lead_to_the_vault(
    new_database: NewDatabase,
) -> None:
    urls = await new_database()
    for url in (urls.api, urls.worker):
        stolen = urlsplit(url)._replace(path=urlsplit(urls.vault).path).geturl()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(stolen)


async def test_a_newer_library_brings_its_migrations_and_an_older_one_is_refused(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    from procrastinate.schema import SchemaManager

    urls = await new_database()
    await apply_schema(urls.owner)
    for file in Path(SchemaManager.get_migrations_path()).glob("*.sql"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    newer = tmp_path / "99.00.00_01_new.sql"
    newer.write_text("alter table procrastinate_jobs add column fresh int; broken")
    with pytest.raises(QueueSchemaFailed, match=r"99\.00\.00_01_new"):
        await apply_schema(urls.owner, tmp_path)
    newer.write_text("alter table procrastinate_jobs add column fresh int")
    assert await apply_schema(urls.owner, tmp_path) == [newer.name]
    assert await apply_schema(urls.owner, tmp_path) == []
    async with session(urls.worker) as worker:
        assert await worker.fetch("select fresh from queue.procrastinate_jobs") == []
    with pytest.raises(QueueSchemaUnknown, match=r"99\.00\.00_01_new"):
        await apply_schema(urls.owner)
