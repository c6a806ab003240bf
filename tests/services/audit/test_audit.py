"""The record shows every forgery, and can be read and verified while it is written."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from tests.support.forgery import allow_what_was_denied
from tests.support.governed import (
    do,
    superuser,
    together,
    told,
)  # fmt: skip
from tests.support.platform import NewPlatform, Running

from livery.client.journal import verify_journal
from livery.integrations.postgres import EmbeddedPostgres
from livery.integrations.signing import Signer
from livery.kernel.chain import Head, checkpoint
from livery.manifest.statement import CHECKPOINT_PREDICATE_TYPE, make_statement


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        yield made


async def exported(running: Running) -> list[bytes]:
    async with running.http() as http:
        return (await http.get("/v1/audit/export")).content.splitlines(keepends=True)


async def whole(running: Running) -> bool:
    return all(state.ok for state in await running.platform.services.audit.verify())


FORGERIES = {
    "another code": "update livery.journal set code = 'tool_ok' where {at}",
    "another body": "update livery.journal set body = body || ' ' where {at}",
    "another time": "update livery.journal set at_us = at_us + 1 where {at}",
    "another workspace": "update livery.journal set workspace_id = gen_random_uuid() where {at}",
    "another subject": "update livery.journal set subject_id = 'x' where {at}",
    "another correlation": "update livery.journal set correlation_id = 'x' where {at}",
    "another kind": "update livery.journal set kind = 'run.x' where {at}",
    "an entry gone": "delete from livery.journal where {at}",
    "all entries gone": "delete from livery.journal where chain_id = '{chain}'",
    "a link rewritten": "update livery.chain_link set hash = sha256('x') where chain_id = '{chain}'",
    "a link gone": "delete from livery.chain_link where chain_id = '{chain}' and first_seq = 1",
    "the head rewritten": "update livery.chain set head = sha256('x') where chain_id = '{chain}'",
    "the head set back": "update livery.chain set seq = 0 where chain_id = '{chain}'",
    "the head gone": "delete from livery.chain where chain_id = '{chain}'",
    "an entry behind the head": "insert into livery.journal values"
    " ('{chain}', 1000000, 1, 'run.succeeded', gen_random_uuid(), 'x', '', '', '{{}}')",
    "two entries swapped": "update livery.journal a set body = b.body from livery.journal b"
    " where a.chain_id = '{chain}' and b.chain_id = '{chain}'"
    " and (a.seq, b.seq) in ((1, 2), (2, 1)) and a.body <> b.body",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_superuser_does_not_go_unseen(
    running: Running, embedded_postgres: EmbeddedPostgres, forgery: str
) -> None:
    for n in range(3):
        await do(running, args={"a": n, "b": n})
    assert await whole(running)
    async with superuser(embedded_postgres, running) as forger:
        chain = await forger.fetchval(
            "select chain_id from livery.chain where chain_id like 'begin-%' and seq > 2 order by 1 limit 1"
        )
        kept = {}
        for table in ("journal", "chain_link", "chain"):
            kept[table] = await forger.fetch(
                f"select * from livery.{table} where chain_id = $1", chain
            )
        done = await forger.execute(
            FORGERIES[forgery].format(at=f"(chain_id, seq) = ('{chain}', 2)", chain=chain)
        )
        assert not done.endswith(" 0")
        states = {state.chain_id: state for state in await running.platform.services.audit.verify()}
        assert not states[chain].ok, states[chain]
        assert all(state.ok for name, state in states.items() if name != chain)
        if forgery.startswith(("another", "an entry gone", "two")):
            report = verify_journal(
                await exported(running), running.platform.services.public_keys()
            )
            assert not report.ok
        async with forger.transaction():
            for table, rows in kept.items():
                await forger.execute(f"delete from livery.{table} where chain_id = $1", chain)
                for row in rows:
                    marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
                    await forger.execute(
                        f"insert into livery.{table} values ({marks})", *row.values()
                    )
            # The export above has signed a checkpoint of the forged chain.
            await forger.execute("delete from livery.checkpoint")
        (running.settings.home / "checkpoint.json").unlink(missing_ok=True)
    assert await whole(running)


async def test_a_tail_cut_off_is_seen_by_a_checkpoint(
    new_platform: NewPlatform, embedded_postgres: EmbeddedPostgres
) -> None:
    async with new_platform() as running:
        await do(running)
        await running.platform.services.audit.checkpoint()
        async with superuser(embedded_postgres, running) as forger:
            chain = await forger.fetchval(
                "select chain_id from livery.chain where chain_id like 'begin-%' and seq = 1"
            )
            for table in ("journal", "chain_link", "chain"):
                await forger.execute(f"delete from livery.{table} where chain_id = $1", chain)
            states = {
                state.chain_id: state for state in await running.platform.services.audit.verify()
            }
            assert states[chain].detail == "a checkpoint vouches for it; it is gone"
            await forger.execute(
                "update livery.checkpoint set statement = jsonb_set(statement, '{payload}', '\"e30=\"')"
            )
            states = {
                state.chain_id: state for state in await running.platform.services.audit.verify()
            }
            assert not states["checkpoint 1"].ok


async def test_a_record_rewritten_wholly_without_its_checkpoints(
    new_platform: NewPlatform, embedded_postgres: EmbeddedPostgres
) -> None:
    """Chains, links and heads fit again, and the platform itself signs them: the number of its checkpoints does not."""
    async with new_platform() as running, superuser(embedded_postgres, running) as forger:
        audit, keys = running.platform.services.audit, running.platform.services.public_keys()
        assert await told(do(running, args={"a": "no number", "b": 1})) == "tool_input_invalid"
        kept = {"old.json": await audit.checkpoint()}
        assert verify_journal(await exported(running), keys, checkpoints=kept).ok
        assert (await audit.checkpoints()).ok
        assert await whole(running)

        assert await allow_what_was_denied(forger) == 1
        says = "1 to 2 were removed (this machine has seen number 2)"
        (state,) = [state for state in await audit.verify() if not state.ok]
        assert (state.chain_id, state.detail) == ("checkpoints", says)
        assert (await audit.checkpoints()).detail == says

        # Signed anew, the export is whole by itself; not so against what was kept, and the gap stays.
        export = await exported(running)
        assert verify_journal(export, keys).ok
        (lost,) = verify_journal(export, keys, checkpoints=kept).refuted()
        assert lost.name.startswith("old.json of begin-")
        assert lost.detail.startswith("changed: entries 1 to 1 are not those")
        (state,) = [state for state in await audit.verify() if not state.ok]
        assert (state.chain_id, state.detail) == ("checkpoints", "1 to 2 were removed")
        assert not (await audit.checkpoints()).ok

        # With this machine's copy gone as well, the count starts again: only what was kept elsewhere shows that.
        await forger.execute("delete from livery.checkpoint")
        (running.settings.home / "checkpoint.json").unlink()
        assert await whole(running)
        found = verify_journal(await exported(running), keys, checkpoints=kept).refuted()
        assert ("old.json", "there is another checkpoint of number 1") in [
            (item.name, item.detail) for item in found
        ]


MISSING = {
    "one of the middle": ("number = 2", "2 was removed"),
    "the first": ("number = 1", "1 was removed"),
    "the newest": ("number = 4", "4 was removed (this machine has seen number 4)"),
    "two": ("number in (2, 3)", "2 to 3 were removed"),
}


@pytest.mark.parametrize("what", MISSING)
async def test_a_checkpoint_that_is_gone(
    running: Running, embedded_postgres: EmbeddedPostgres, what: str
) -> None:
    audit = running.platform.services.audit
    copy = running.settings.home / "checkpoint.json"
    await do(running)
    where, says = MISSING[what]
    async with superuser(embedded_postgres, running) as forger:
        await forger.execute("delete from livery.checkpoint")
        copy.unlink(missing_ok=True)
        for _ in range(4):
            await audit.checkpoint()
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert json.loads(copy.read_text())["number"] == 4
        assert await whole(running)
        await forger.execute(
            "delete from livery.checkpoint where checkpoint_id in (select checkpoint_id from"
            " (select checkpoint_id, row_number() over (order by at) as number from livery.checkpoint) x"
            f" where {where})"
        )
        details = [state.detail for state in await audit.verify() if not state.ok]
        assert details == [says]
        assert not (await audit.checkpoints()).ok
        copy.write_text("{}")
        (detail,) = [state.detail for state in await audit.verify() if not state.ok]
        assert "this machine's copy of the newest cannot be read" in detail
        await forger.execute("delete from livery.checkpoint")
        copy.unlink()


async def test_checkpoints_of_many_processes_are_one_chain(running: Running) -> None:
    audit = running.platform.services.audit
    await asyncio.gather(*(audit.checkpoint() for _ in range(12)))
    assert await whole(running)
    assert (await audit.checkpoints()).ok


async def test_those_that_were_signed_before_they_had_numbers(
    running: Running, embedded_postgres: EmbeddedPostgres
) -> None:
    services = running.platform.services
    async with superuser(embedded_postgres, running) as forger:
        chain = await forger.fetchrow("select * from livery.chain where seq > 0 limit 1")
        await forger.execute("delete from livery.checkpoint")
        (running.settings.home / "checkpoint.json").unlink(missing_ok=True)
        head = Head(chain["chain_id"], chain["seq"], chain["head"])
        subject = [{"name": head.chain_id, "digest": {"sha256": head.hash.hex()}}]
        said = checkpoint([head], datetime.now(UTC))
        signer = Signer.load_or_create(running.settings.keys_dir / "signing")
        for at in ("2026-01-01", "2026-01-02"):
            await forger.execute(
                "insert into livery.checkpoint values (gen_random_uuid(), $1::text::timestamptz, $2::text::jsonb)",
                at, json.dumps(signer.sign(make_statement(subject, CHECKPOINT_PREDICATE_TYPE, said))),
            )  # fmt: skip
        assert await whole(running)
        await services.audit.checkpoint()
        assert await whole(running)
        assert (await services.audit.checkpoints()).detail == "whole, up to number 3"
        await forger.execute("delete from livery.checkpoint where at < '2026-01-02'")
        assert not await whole(running)
        await forger.execute("delete from livery.checkpoint")
        (running.settings.home / "checkpoint.json").unlink(missing_ok=True)


async def test_an_auditor_s_export_is_signed_to_its_end_while_the_record_is_written(
    running: Running,
) -> None:
    token, _ = await running.platform.services.tokens.create(
        running.operator, role="auditor", workspace=None
    )
    stop = asyncio.Event()

    async def work() -> None:
        while not stop.is_set():
            await do(running)

    workers = [asyncio.create_task(work()) for _ in range(4)]
    keys = running.platform.services.public_keys()
    try:
        for _ in range(5):
            async with running.http(token) as http:
                export = (await http.get("/v1/audit/export")).content.splitlines(keepends=True)
            report = verify_journal(export, keys)
            assert report.ok, report
            assert not [item for item in report.verdicts if item.name.startswith("unsigned")]
    finally:
        stop.set()
        await asyncio.gather(*workers)


async def test_verifying_goes_on_while_the_record_is_written(running: Running) -> None:
    stop = asyncio.Event()

    async def work() -> None:
        while not stop.is_set():
            await do(running)

    workers = [asyncio.create_task(work()) for _ in range(4)]
    try:
        for _ in range(5):
            assert await whole(running)
            report = verify_journal(
                await exported(running), running.platform.services.public_keys()
            )
            assert report.ok, report
    finally:
        stop.set()
        await asyncio.gather(*workers)


async def test_the_record_is_paged_without_loss(running: Running) -> None:
    await together(*(do(running, args={"a": n, "b": 1}, correlation_id="paged") for n in range(64)))
    async with running.http() as http:
        seen, cursor = [], None
        while True:
            params = {
                "limit": 7,
                "correlation_id": "paged",
                **({"cursor": cursor} if cursor else {}),
            }
            page = (await http.get("/v1/audit", params=params)).json()
            seen += [(item["chain_id"], item["seq"]) for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 128
        for bad in ("x", "1", "1.2", "1..begin", f"{2**63}.1.c"):
            assert (await http.get("/v1/audit", params={"cursor": bad})).status_code == 422
