"""The worker signs the record: a tail cut off after that shows."""

import asyncio

from tests.support.platform import Running
from tests.support.postgres import session

from livery.entrypoints.processes import keep_checkpoints


async def _signed(platform: Running) -> int:
    async with session(platform.urls.owner) as owner:
        count: int = await owner.fetchval("select count(*) from livery.checkpoint")
    return count


async def test_once_more_at_the_end_where_the_record_grew(platform: Running) -> None:
    before = await _signed(platform)
    stop = asyncio.Event()
    keeping = asyncio.create_task(keep_checkpoints(platform.platform.services.audit, stop))
    async with platform.client() as client:
        assert (await client.run("add", {"a": 1, "b": 1}))["ok"]
    stop.set()
    await keeping
    assert await _signed(platform) == before + 1

    async with session(platform.urls.owner) as owner:
        await owner.execute(
            "delete from livery.journal j using livery.chain c where c.chain_id = j.chain_id"
            " and c.chain_id like 'settle-%' and j.seq = c.seq"
        )
        await owner.execute(
            "delete from livery.chain_link l using livery.chain c where c.chain_id = l.chain_id"
            " and c.chain_id like 'settle-%' and l.last_seq = c.seq"
        )
        await owner.execute(
            "update livery.chain c set seq = coalesce(x.last_seq, 0), head = coalesce(x.hash,"
            " sha256(convert_to('livery:chain:' || c.chain_id, 'UTF8')))"
            " from livery.chain b left join lateral (select * from livery.chain_link l"
            " where l.chain_id = b.chain_id order by last_seq desc limit 1) x on true"
            " where b.chain_id = c.chain_id and c.chain_id like 'settle-%'"
        )
    states = await platform.platform.services.audit.verify()
    assert not all(state.ok for state in states), "a cleanly cut tail behind a checkpoint"
