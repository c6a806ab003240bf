"""Processes that start at once on one empty database all come up."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from tests.support.governed import do, owner
from tests.support.platform import run_platform
from tests.support.postgres import NewDatabase


async def test_four_first_starts_at_once(new_database: NewDatabase, tmp_path: Path) -> None:
    urls = await new_database()
    async with AsyncExitStack() as stack:
        platforms = await asyncio.gather(
            *(stack.enter_async_context(run_platform(urls, tmp_path / str(n))) for n in range(4)),
            return_exceptions=True,
        )
        for running in platforms:
            if isinstance(running, BaseException):
                raise running
            assert (await do(running)).result == 5
        async with owner(running) as connection:
            for table, key in (
                ("workspace", "slug"),
                ("skill", "skill_key"),
                ("agent_type", "agent_type"),
            ):
                doubled = await connection.fetch(
                    f"select {key} from livery.{table} group by 1 having count(*) > 1"
                )
                assert doubled == []
            assert (
                await connection.fetchval("select count(*) from livery.policy_set where active")
                == 1
            )
