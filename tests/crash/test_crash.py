"""SIGKILL at each fault point of the hot path while 64 calls run: nothing lost, nothing doubled."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from tests.crash import crasher
from tests.crash.crasher import CALLS, PAID, TARGET, WRITER, skill_of, with_effects
from tests.support.governed import add_skill, do, owner, priced, workspace
from tests.support.platform import NewPlatform, Running, run_platform

from livery.kernel.policy import PolicySet
from livery.manifest.package import PackageFile
from livery.services.identity.types import Principal

PRICE = 10_000  # micro-USD
POINTS = {
    "resolved": 40, "decided": 40, "begin.before": 2, "begin.after": 2, "begun": 30, "invoked": 20,
    "settle.before": 3, "settle.after": 3, "settled": 20,
}  # fmt: skip


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        await add_skill(made, priced(PAID, PRICE / 1e6))
        await add_skill(made, sending(priced(WRITER, PRICE / 1e6, effects=["send"])))
        # Who may run what has tests of its own: here everybody may run everything, under the kernel's floor.
        policies = PolicySet.parse('@id("all") permit (principal, action, resource);')
        async with owner(made) as connection, connection.transaction():
            await connection.execute("update livery.policy_set set active = false")
            await connection.execute(
                "insert into livery.policy_set (policy_hash, text, active, created_by) values ($1, $2, true, 'test')",
                policies.hash,
                policies.text,
            )
            await connection.execute("update livery.epoch set value = value + 1")
        yield made


def sending(files: list[PackageFile]) -> list[PackageFile]:
    """The package, declaring the one host of its effect."""
    made = []
    for file in files:
        if file.path == "contract.yaml":
            contract = yaml.safe_load(file.data)
            contract["capabilities"]["network"] = [TARGET]
            made.append(PackageFile(file.path, yaml.safe_dump(contract).encode()))
        else:
            made.append(file)
    return made


async def allow(running: Running, slug: str) -> None:
    """Let the writer's calls begin, by a standing approval: a run that is begun uses up one of its turns."""
    services = running.platform.services
    token, _ = await services.tokens.create(running.operator, "approver", name=f"for {slug}")
    approver = await services.tokens.authenticate(token)
    await services.targets.register(approver, slug, TARGET)
    await services.standing.grant(approver, slug, WRITER, TARGET, runs=10_000)


@dataclass(frozen=True)
class Crash:
    """What was seen of a process that was killed."""

    home: UUID
    caller: Principal
    prefix: str
    acknowledged: dict[str, str]


async def crash(running: Running, folder: Path, point: str, passings: int) -> Crash:
    prefix = f"crash-{point.replace('.', '-')}"
    home = await workspace(running, prefix)
    await allow(running, prefix)
    tokens = running.platform.services.tokens
    token, _ = await tokens.create(running.operator, "customer_member", workspace=prefix)
    order = {
        "home": str(running.settings.home), "dsn": running.urls.api, "token": token, "prefix": prefix,
        "point": point, "passings": passings, "acknowledged": str(folder / "acknowledged"),
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(crasher.__file__), json.dumps(order), stderr=asyncio.subprocess.PIPE
    )  # fmt: skip
    _, error = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == -9, error.decode()[-2000:]
    lines = [line.split() for line in (folder / "acknowledged").read_text().splitlines()]
    assert all(status == "succeeded" for _, _, status in lines), lines
    async with owner(running) as connection:
        # Nobody waits 15 seconds here: the lease of the dead process runs out now.
        expired = await connection.execute(
            "update livery.process set expires_at = clock_timestamp() where pid = $1 and kind = 'crash'",
            process.pid,
        )
        assert expired == "UPDATE 1"
    return Crash(
        home, await tokens.authenticate(token), prefix, {key: run_id for key, run_id, _ in lines}
    )


async def runs(connection: Any, found: Crash) -> dict[str, list[Any]]:
    """Rows by the key of their call."""
    rows: dict[str, list[Any]] = {f"{found.prefix}-{number}": [] for number in range(CALLS)}
    for row in await connection.fetch(
        "select r.*, (select array_agg(e.state) from livery.effect e where e.run_id = r.run_id) as effects"
        " from livery.run r where workspace_id = $1 order by run_id",
        found.home,
    ):
        rows[row["correlation_id"]].append(row)
    return rows


async def check_after_restart(connection: Any, found: Crash) -> Counter[str]:
    """Every begun run is terminal, acknowledged ones succeeded, and the money adds up."""
    rows = await runs(connection, found)
    statuses: Counter[str] = Counter()
    for key, made in rows.items():
        assert len(made) <= 1, "a call was begun twice"
        if key in found.acknowledged:
            assert [str(row["run_id"]) for row in made] == [found.acknowledged[key]]
            assert made[0]["status"] == "succeeded"
        for row in made:
            statuses[row["status"]] += 1
            effects = row["effects"] or []
            acted = {"sent", "confirmed", "unknown"} & set(effects)
            if row["status"] == "succeeded":
                assert effects == (["confirmed"] if row["skill_key"] == WRITER else [])
            elif row["status"] == "failed":
                assert not acted
                assert set(effects) <= {"failed"}
            else:
                assert row["status"] == "unknown"
                assert acted
                assert "sent" not in acted
    await check_money(connection, found, statuses["succeeded"] + statuses["unknown"])
    begun = sum(row["skill_key"] == WRITER for made in rows.values() for row in made)
    used = "select sum(used) from livery.standing_approval where workspace_id = $1"
    assert await connection.fetchval(used, found.home) == begun
    return statuses


async def check_money(connection: Any, found: Crash, charged: int) -> None:
    budget = await connection.fetchrow(
        "select * from livery.budget where workspace_id = $1", found.home
    )
    assert (budget["reserved"], budget["spent"]) == (0, charged * PRICE)


async def check_journal(connection: Any, found: Crash) -> None:
    """One start and one end for every run, in the journal too."""
    rows = await connection.fetch(
        "select r.run_id, r.status, array_agg(j.kind order by j.at_us) as kinds from livery.run r"
        " join livery.journal j on j.subject_id = r.run_id::text where r.workspace_id = $1 group by 1, 2",
        found.home,
    )
    for row in rows:
        assert sorted(row["kinds"]) == sorted(["run.started", f"run.{row['status']}"])


async def retry(restarted: Running, found: Crash) -> list[Any]:
    return await asyncio.gather(
        *(
            do(
                restarted, skill_of(number), {"code": f"result = {number}"}, principal=found.caller,
                idempotency_key=f"{found.prefix}-{number}", correlation_id=f"{found.prefix}-{number}",
            )
            for number in range(CALLS)
        )
    )  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at(running: Running, tmp_path: Path, point: str) -> None:
    found = await crash(running, tmp_path, point, POINTS[point])
    async with run_platform(running.urls, tmp_path / "home", seeded=False) as restarted:
        with_effects(restarted.platform)
        async with owner(running) as connection:
            before = await check_after_restart(connection, found)
            await check_journal(connection, found)
            expected_open = point in ("begin.after", "begun", "invoked", "settle.before")
            assert (before["failed"] + before["unknown"] > 0) >= expected_open
            for _ in range(2):
                answers = await retry(restarted, found)
                again = await runs(connection, found)
                for number, answer in enumerate(answers):
                    key = f"{found.prefix}-{number}"
                    ended = [row for row in again[key] if row["status"] != "failed"]
                    assert len(ended) == 1, "exactly once"
                    assert str(ended[0]["run_id"]) == answer.run_id
                    assert answer.status == ended[0]["status"]
                    if answer.status == "succeeded":
                        assert answer.result == number
                    if key in found.acknowledged:
                        assert (answer.run_id, answer.from_cache) == (found.acknowledged[key], True)
                    if skill_of(number) == WRITER:
                        done = [
                            e for row in again[key] for e in row["effects"] or [] if e != "failed"
                        ]
                        assert len(done) == 1, "an effect was lost or doubled"
                await check_money(connection, found, CALLS)
                await check_journal(connection, found)
            assert all(answer.from_cache for answer in answers)
    assert all(state.ok for state in await running.platform.services.audit.verify())
