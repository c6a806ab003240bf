"""The journal: one chain per writer, whole whatever is sent to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.support.governed import (
    add_skill,
    call,
    do,
    owner,
    priced,
    principal,
    superuser,
    together,
    workspace,
)  # fmt: skip
from tests.support.platform import NewPlatform, Running
from tests.support.postgres import session
from uuid_utils.compat import uuid7

from livery.client.journal import verify_journal
from livery.integrations.postgres import EmbeddedPostgres
from livery.kernel.decide import Permit, Request, decide
from livery.services.runs.errors import JournalUnavailable
from livery.services.runs.records import make_intent, make_refusal
from livery.services.runs.types import Intent, Outcome


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        yield made


async def exported(running: Running) -> list[bytes]:
    async with running.http() as http:
        return (await http.get("/v1/audit/export")).content.splitlines(keepends=True)


async def whole(running: Running) -> bool:
    return all(state.ok for state in await running.platform.services.audit.verify())


async def test_chains_are_the_formula(running: Running) -> None:
    await together(*(do(running, args={"a": n, "b": 1}) for n in range(20)))
    async with owner(running) as rows:
        chains = await rows.fetch("select * from livery.chain where seq > 0")
        assert {row["chain_id"].partition(":")[0].partition("-")[0] for row in chains} == {
            "begin", "control", "settle",
        }  # fmt: skip
        for chain in chains:
            # The formula of the architecture, written out here once more.
            head = sha256(f"livery:chain:{chain['chain_id']}".encode()).digest()
            for link in await rows.fetch(
                "select * from livery.chain_link where chain_id = $1 order by last_seq",
                chain["chain_id"],
            ):
                entries = await rows.fetch(
                    "select * from livery.journal where chain_id = $1 and seq between $2 and $3 order by seq",
                    chain["chain_id"], link["first_seq"], link["last_seq"],
                )  # fmt: skip
                digests = b"".join(
                    sha256("\n".join(str(value) for value in entry.values()).encode()).digest()
                    for entry in entries
                )
                head = sha256(head + digests).digest()
                assert link["hash"] == head
            assert chain["head"] == head
    assert await whole(running)
    report = verify_journal(await exported(running), running.platform.services.public_keys())
    assert report.ok, report


async def test_a_batch_is_one_link_and_one_moment(running: Running) -> None:
    before = call(running)
    await together(*(running.platform.runner.run(before) for _ in range(64)))
    async with owner(running) as rows:
        sizes = await rows.fetch(
            "select last_seq - first_seq + 1 as n from livery.chain_link where chain_id like 'begin-%'"
        )
        assert max(row["n"] for row in sizes) > 1
        moments = await rows.fetch(
            "select count(distinct at_us) as n from livery.journal j join livery.chain_link l on"
            " l.chain_id = j.chain_id and j.seq between l.first_seq and l.last_seq"
            " where l.chain_id like 'begin-%' group by l.chain_id, l.last_seq"
        )
        assert {row["n"] for row in moments} == {1}


async def test_each_run_has_its_rows(running: Running) -> None:
    envelope = await do(running, correlation_id="rows-of-one-run")
    async with owner(running) as rows:
        kinds = await rows.fetch(
            "select kind, code, correlation_id, body from livery.journal where subject_id = $1 order by at_us",
            envelope.run_id,
        )
        assert [(row["kind"], row["code"]) for row in kinds] == [
            ("run.started", ""), ("run.succeeded", "tool_ok"),
        ]  # fmt: skip
        assert {row["correlation_id"] for row in kinds} == {"rows-of-one-run"}
        args = "sha256:" + sha256(b'{"a":2,"b":3}').hexdigest()
        assert json.loads(kinds[0]["body"])["args"] == args
        assert (
            json.loads(kinds[1]["body"])["provenance"]["output"]
            == "sha256:" + sha256(b"5").hexdigest()
        )
        used = await rows.fetchrow(
            "select * from livery.usage_event where run_id = $1", UUID(envelope.run_id)
        )
        assert used["cost"] == 0


async def test_a_denial_is_a_row(running: Running) -> None:
    assert await together(do(running, args={"a": "x", "b": 1}, correlation_id="denied-once")) == [
        "tool_input_invalid"
    ]
    async with owner(running) as rows:
        entry = await rows.fetchrow(
            "select * from livery.journal where correlation_id = 'denied-once'"
        )
        assert (entry["kind"], entry["code"]) == ("run.denied", "tool_input_invalid")
        run = await rows.fetchrow(
            "select * from livery.run where run_id = $1", UUID(entry["subject_id"])
        )
        assert (run["status"], run["code"], run["reserved"]) == ("denied", "tool_input_invalid", 0)
        assert json.loads(run["envelope"])["status"] == "denied"


@pytest.mark.parametrize("secret", ["sk-" + "a1" * 12])
async def test_what_held_a_secret_is_nowhere(running: Running, secret: str) -> None:
    asked = do(running, args={"a": 1, "b": 2, "note": secret}, correlation_id="with-secret")
    assert await together(asked) == ["secret_in_payload"]
    async with owner(running) as rows:
        for table in ("journal", "run"):
            found = await rows.fetchval(
                f"select count(*) from livery.{table} t where t::text like '%{secret}%'"
            )
            assert found == 0
        run = await rows.fetchrow("select * from livery.run where correlation_id = 'with-secret'")
        assert (run["input"], run["args_hash"]) == (None, None)


@pytest.mark.parametrize("role", ["api", "worker", "auditor"])
@pytest.mark.parametrize(
    "table", ["journal", "chain_link", "checkpoint", "package", "artifact", "usage_event"]
)
async def test_no_process_may_rewrite_the_record(running: Running, role: str, table: str) -> None:
    async with session(getattr(running.urls, role)) as connection:
        column = (await connection.fetchrow(
            "select attname from pg_attribute where attrelid = $1::regclass and attnum = 1", f"livery.{table}"
        ))["attname"]  # fmt: skip
        for statement in (
            f"update livery.{table} set {column} = {column}",
            f"delete from livery.{table}",
            f"truncate livery.{table}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


@pytest.mark.parametrize(
    "table", ["run", "chain", "skill_version", "certificate", "effect", "approval"]
)
async def test_no_process_may_remove_what_happened(running: Running, table: str) -> None:
    async with session(running.urls.api) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"delete from livery.{table}")


@pytest.mark.parametrize("calls", [64, 256, 600])
async def test_many_at_once(running: Running, calls: int) -> None:
    answers = await together(*(do(running, args={"a": n, "b": 1}) for n in range(calls)))
    assert [answer.result for answer in answers] == [n + 1 for n in range(calls)]
    assert len({answer.run_id for answer in answers}) == calls


async def intent(running: Running, **changes: Any) -> Intent:
    """A row that the journal would begin, made the way a run makes it."""
    runner = running.platform.runner
    asked = call(running)
    contract = await runner._resolver.resolve(asked)
    now = runner._clock()
    request = Request(asked.principal.uid, str(contract.workspace_id), asked.args)
    permit = decide(request, contract.facts, now)
    assert isinstance(permit, Permit)
    return make_intent(asked, contract, permit, uuid7(), now)._replace(**changes)


BAD = {
    "NUL in the input": {"input": '{"a": "\\u0000"}'},
    "no JSON": {"input": "{"},
    "NUL in the key": {"key": "a\x00b"},
    "a lone surrogate": {"correlation_id": "\ud800"},
    "an estimate that is no bigint": {"estimate": 2**63},
    "a negative reservation": {"estimate": -(10**12)},
    "no id": {"run_id": None},
    "no text": {"body": 7},
}


@pytest.mark.parametrize("fault", BAD)
async def test_one_bad_row_fails_alone(running: Running, fault: str) -> None:
    journal = running.platform.runner._journal
    good = [await intent(running) for _ in range(20)]
    bad = await intent(running, **BAD[fault])
    rows = [*good[:10], bad, *good[10:]]
    answers = await asyncio.gather(*(journal.begin(row) for row in rows), return_exceptions=True)
    assert isinstance(answers.pop(10), JournalUnavailable)
    assert answers == [None] * 20
    async with owner(running) as connection:
        begun = (
            "select count(*) from livery.run where run_id = any ($1::uuid[]) and status = 'running'"
        )
        assert await connection.fetchval(begun, [row.run_id for row in good]) == 20
    for row in good:
        await journal.settle(outcome(row))
    assert await whole(running)


def outcome(row: Intent, **changes: Any) -> Outcome:
    made = Outcome(
        row.run_id, row.workspace_id, row.skill_key, "failed", "execution_error", row.estimate, 0, 0, 0, 1, True,
        row.key, row.correlation_id, '{"from": "test"}', "{}",
    )  # fmt: skip
    return made._replace(**changes)


async def test_one_bad_outcome_fails_alone(running: Running) -> None:
    journal = running.platform.runner._journal
    rows = [await intent(running) for _ in range(6)]
    assert await asyncio.gather(*(journal.begin(row) for row in rows)) == [None] * 6
    outcomes = [outcome(row) for row in rows]
    outcomes[2] = outcome(rows[2], envelope='{"a": "\\u0000"}')
    answers = await asyncio.gather(
        *(journal.settle(item) for item in outcomes), return_exceptions=True
    )
    assert isinstance(answers.pop(2), JournalUnavailable)
    assert answers == [True] * 5
    assert await journal.settle(outcome(rows[2])) is True
    assert await journal.settle(outcome(rows[2])) is False


async def test_nothing_begins_without_the_permit_for_it(running: Running) -> None:
    journal = running.platform.runner._journal
    other = await intent(running)
    for permit in (None, object(), "permit", True):
        with pytest.raises(TypeError, match="Permit"):
            await journal.begin(await intent(running, permit=permit))
    for changed in ({"args_hash": "sha256:other"}, {"digest": "sha256:other"}):
        with pytest.raises(TypeError, match="Permit"):
            await journal.begin(other._replace(**changed))
    with pytest.raises(TypeError, match=r"Only livery\.kernel\.decide"):
        Permit(object(), b"", "", None, None, ())  # type: ignore[arg-type]
    await journal.begin(other)
    await journal.settle(outcome(other))


async def test_a_refusal_needs_no_permit_and_starts_nothing(running: Running) -> None:
    runner = running.platform.runner
    asked = call(running, args={"a": None})
    contract = await runner._resolver.resolve(asked)
    request = Request(asked.principal.uid, str(contract.workspace_id), asked.args)
    denial = decide(request, contract.facts, runner._clock())
    assert not isinstance(denial, Permit)
    from livery.services.runs.records import denied_envelope

    envelope = denied_envelope(asked, contract, denial.code, uuid7(), denial.reasons)
    row = make_refusal(asked, contract, denial, envelope, uuid7(), runner._clock())
    assert await runner._journal.begin(row) == "tool_input_invalid"
    async with owner(running) as connection:
        status = await connection.fetchval(
            "select status from livery.run where run_id = $1", row.run_id
        )
        assert status == "denied"


async def kill_backends(running: Running, server: EmbeddedPostgres, like: str = "%") -> int:
    async with superuser(server, running) as killer:
        return await killer.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and application_name = 'livery' and query like $1",
            like,
        )


async def test_broken_connections_lose_no_call(
    running: Running, embedded_postgres: EmbeddedPostgres
) -> None:
    done = asyncio.Event()

    async def cut() -> None:
        while not done.is_set():
            await kill_backends(running, embedded_postgres, "%_batch%")
            await asyncio.sleep(0.05)

    cutter = asyncio.create_task(cut())
    try:
        asked = [do(running, args={"a": n, "b": 0}, correlation_id=f"cut-{n}") for n in range(300)]
        answers: list[Any] = []
        for at in range(0, len(asked), 50):
            answers += await together(*asked[at : at + 50])
    finally:
        done.set()
        await cutter
    async with owner(running) as connection:
        rows = await connection.fetch(
            "select correlation_id, status from livery.run where correlation_id like 'cut-%'"
        )
    by = {}
    for row in rows:
        assert row["correlation_id"] not in by, "a call was run twice"
        by[row["correlation_id"]] = row["status"]
    for n, answer in enumerate(answers):
        if isinstance(answer, str):  # only what was never started may fail
            assert answer == "internal_error"
            assert f"cut-{n}" not in by
        else:
            assert answer.result == n
            assert by[f"cut-{n}"] == "succeeded"
    assert sum(not isinstance(answer, str) for answer in answers) > 100
    assert await whole(running)


async def test_a_caller_that_goes_away_leaves_no_run_behind(running: Running) -> None:
    await add_skill(running, priced("slow", 0.01))
    home = await workspace(running, "goes-away")
    customer = await principal(running, "customer_member", "goes-away")
    args = {"code": "import time; time.sleep(0.2)"}
    await do(
        running, "slow", args, principal=customer
    )  # from here on nothing is compiled or imported
    for n in range(40):
        task = asyncio.create_task(
            do(running, "slow", args, principal=customer, idempotency_key=f"gone-{n}")
        )
        await asyncio.sleep(0.002 * (n % 10))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    async with owner(running) as connection:
        for _ in range(100):
            left = await connection.fetchval(
                "select count(*) from livery.run where workspace_id = $1 and status = 'running'",
                home,
            )
            if left == 0:
                break
            await asyncio.sleep(0.05)
        assert left == 0
        counts = dict(await connection.fetch(
            "select status, count(*) from livery.run where workspace_id = $1 group by 1", home
        ))  # fmt: skip
        assert set(counts) <= {"succeeded", "failed"}
        assert counts["failed"] > 0
        budget = await connection.fetchrow(
            "select * from livery.budget where workspace_id = $1", home
        )
        assert (budget["reserved"], budget["spent"]) == (0, 10_000 * counts["succeeded"])
        keys = await connection.fetchval(
            "select count(*) from livery.idempotency where workspace_id = $1", home
        )
        assert (
            keys == counts["succeeded"] - 1
        )  # the first call had no key; failed ones gave theirs back
