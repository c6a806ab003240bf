"""The ceiling: the rows of a governed call, group-committed, with nothing decided, checked or hashed.

Copies of the same tables (same columns, indexes, fill factors, row-level security) written by the same role over the
same number of connections, in the same two statements a call: at begin the run, its journal entry and its
idempotency key, at settle the end of the run, its journal entry and its usage; once a batch a chain link and the
budgets. The texts that are written are those of a real run.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from benchmarks.house import session

TABLES = ("run", "idempotency", "journal", "usage_event", "chain_link", "budget")
TENANT = ("run", "idempotency", "journal", "usage_event", "budget")
BATCH = 256

_BEGIN = """
with r as (select * from unnest($1::uuid[], $2::uuid[], $3::text[]) with ordinality as r(id, ws, key, n)),
a as (insert into bench.run (run_id, workspace_id, skill_key, skill_version, digest, principal, status, args_hash,
        input, dry_run, reserved, correlation_id, process_id)
      select id, ws, 'add', '1.0.0', $4, 'bench', 'running', $4, $5::jsonb, false, 0, key, $6 from r),
b as (insert into bench.idempotency (workspace_id, skill_key, key, args_hash, run_id)
      select ws, 'add', key, $4, id from r),
c as (insert into bench.journal select $7, $8 + n, 1, 'run.started', ws, id::text, '', key, $9 from r),
d as (insert into bench.chain_link select $7, $8 + 1, $8 + count(*), sha256('') from r),
e as (update bench.budget x set reserved = x.reserved + y.n from (select ws, count(*) n from r group by 1) y
       where x.workspace_id = y.ws)
select 1
"""
_SETTLE = """
with r as (select * from unnest($1::uuid[], $2::uuid[], $3::text[]) with ordinality as r(id, ws, key, n)),
a as (update bench.run u set status = 'succeeded', code = 'tool_ok', cost = 0, duration_us = 1, envelope = $4::jsonb,
        finished_at = clock_timestamp() from r where u.run_id = r.id),
b as (insert into bench.usage_event (run_id, workspace_id, skill_key, cost, tokens_in, tokens_out, duration_us)
      select id, ws, 'add', 0, 0, 0, 1 from r),
c as (insert into bench.journal select $5, $6 + n, 1, 'run.succeeded', ws, id::text, 'tool_ok', key, $7 from r),
d as (insert into bench.chain_link select $5, $6 + 1, $6 + count(*), sha256('') from r),
e as (update bench.budget x set reserved = x.reserved - y.n, spent = x.spent + y.n
        from (select ws, count(*) n from r group by 1) y where x.workspace_id = y.ws)
select 1
"""


async def prepare(owner_url: str) -> None:
    """Make empty copies of the tables; what is there from before is dropped."""
    async with session(owner_url) as owner:
        await owner.execute("drop schema if exists bench cascade; create schema bench")
        await owner.execute("grant usage on schema bench to livery_api")
        for table in TABLES:
            await owner.execute(f"create table bench.{table} (like livery.{table} including all)")
            options = await owner.fetchval(
                "select array_to_string(reloptions, ', ') from pg_class where oid = $1::regclass",
                f"livery.{table}",
            )
            if options:
                await owner.execute(f"alter table bench.{table} set ({options})")
            await owner.execute(f"grant select, insert, update on bench.{table} to livery_api")
        for table in TENANT:
            policy = await owner.fetchval(
                "select qual from pg_policies where schemaname = 'livery' and tablename = $1", table
            )
            await owner.execute(f"alter table bench.{table} enable row level security")
            await owner.execute(f"create policy tenancy on bench.{table} using ({policy})")
        await owner.execute("insert into bench.budget select * from livery.budget")


async def sample(owner_url: str) -> dict[str, Any]:
    """The texts that one real run has written."""
    async with session(owner_url) as owner:
        run = await owner.fetchrow(
            "select run_id, digest, input::text, envelope::text from livery.run "
            "where status = 'succeeded' order by created_at desc limit 1"
        )
        bodies = await owner.fetch(
            "select kind, body from livery.journal where subject_id = $1", str(run["run_id"])
        )
        budgets = await owner.fetch("select workspace_id from livery.budget order by 1")
    return {
        "digest": run["digest"],
        "input": run["input"],
        "envelope": run["envelope"],
        **{row["kind"]: row["body"] for row in bodies},
        "workspaces": [row["workspace_id"] for row in budgets],
    }


class _Lane:
    """One connection that writes what waits, together."""

    def __init__(
        self, connection: Any, sql: str, texts: tuple[Any, ...], chain: str, turn: asyncio.Lock
    ) -> None:
        self._connection, self._sql, self._texts, self._chain = connection, sql, texts, chain
        self._turn = turn  # both lanes of a pair lock the same budgets
        self._waiting: list[tuple[UUID, UUID, str, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._seq = 0
        self.task: asyncio.Task[None] | None = None

    async def start(self, workspaces: list[UUID]) -> None:
        scope = ",".join(str(item) for item in workspaces)
        await self._connection.execute("select set_config('livery.workspaces', $1, false)", scope)
        await self._connection.execute("set plan_cache_mode = force_generic_plan")
        self._statement = await self._connection.prepare(self._sql)
        self.task = asyncio.create_task(self._loop())

    def put(self, run_id: UUID, workspace: UUID, key: str) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((run_id, workspace, key, future))
        self._wake.set()
        return future

    async def _loop(self) -> None:
        while True:
            await self._wake.wait()
            async with self._turn:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                if not self._waiting:
                    self._wake.clear()
                await self._write(batch)

    async def _write(self, batch: list[tuple[UUID, UUID, str, asyncio.Future[None]]]) -> None:
        ids, spaces, keys, futures = zip(*batch, strict=True)
        texts, body = self._texts[:-1], self._texts[-1]
        try:
            await self._statement.fetch(ids, spaces, keys, *texts, self._chain, self._seq, body)
        except Exception as error:
            for future in futures:
                future.set_exception(error)
            raise
        self._seq += len(batch)
        for future in futures:
            future.set_result(None)


async def measure(
    api_url: str, texts: dict[str, Any], count: int, at_once: int, lanes: int
) -> float:
    """Calls a second."""
    spaces = texts["workspaces"]
    begin = (texts["digest"], texts["input"], uuid7(), texts["run.started"])
    settle = (texts["envelope"], texts["run.succeeded"])
    pairs, connections, mark = [], [], uuid7().hex[-12:]
    for number in range(lanes):
        pair, turn = [], asyncio.Lock()
        for sql, said, name in ((_BEGIN, begin, "b"), (_SETTLE, settle, "s")):
            connections.append(await asyncpg.connect(api_url))
            pair.append(_Lane(connections[-1], sql, said, f"{name}{number}-{mark}", turn))
            await pair[-1].start(spaces)
        pairs.append(pair)
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            workspace, run_id = spaces[number % len(spaces)], uuid7()
            first, second = pairs[workspace.int % lanes]
            await first.put(run_id, workspace, f"{mark}-{number}")
            await second.put(run_id, workspace, f"{mark}-{number}")

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    spent = time.perf_counter() - start
    for lane in (lane for pair in pairs for lane in pair):
        lane.task.cancel()
    for connection in connections:
        await connection.close()
    return count / spent
