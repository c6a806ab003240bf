"""Certification jobs in real worker processes, killed and stopped as they run."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from tests.support.governed import owner
from tests.support.jobs import ask, issued, look, recorded, sleeper, until
from tests.support.platform import NewPlatform, Running
from tests.support.postgres import session
from uuid_utils.compat import uuid7

from livery.services import PLATFORM
from livery.services.certification.job_runner import about
from livery.services.certification.types import Job
from livery.storage.jobs import PostgresJobs

pytestmark = pytest.mark.timeout(600)


@asynccontextmanager
async def worker(running: Running) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker process with a lease."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LIVERY_")}
    home = str(running.settings.home)
    environ = {**kept, "LIVERY_HOME": home, "LIVERY_DATABASE_URL": running.urls.worker}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "livery", "worker", env=environ, stderr=asyncio.subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 240
        while not await alive(running, process.pid):
            assert process.returncode is None, (await process.communicate())[1].decode()[-2000:]
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.communicate(), 60)


async def alive(running: Running, pid: int) -> bool:
    async with owner(running) as connection:
        found: bool = await connection.fetchval(
            "select exists (select from livery.process where pid = $1 and kind = 'worker'"
            " and expires_at > clock_timestamp())",
            pid,
        )
    return found


async def kill(running: Running, process: asyncio.subprocess.Process) -> None:
    """SIGKILL, and its lease ends now: nobody waits 15 seconds here."""
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    async with owner(running) as connection:
        await connection.execute(
            "update livery.process set expires_at = clock_timestamp() where pid = $1", process.pid
        )


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        yield made


async def test_another_worker_finishes_what_a_killed_one_ran(running: Running) -> None:
    skill = await sleeper(running, "survivor", 3)
    async with worker(running) as first:
        job = (await ask(running, skill.skill_key)).json()
        await until(running, job["job_id"], current="fixtures")
        await kill(running, first)
    async with worker(running):
        done = await until(running, job["job_id"], state="done")
    assert (done["attempts"], done["certification"]["status"]) == (2, "certified")
    assert await recorded(running, job["job_id"]) == {"requested": 1, "started": 2, "done": 1}
    assert await issued(running, "survivor") == 1
    again = await ask(running, skill.skill_key)
    assert again.json() == done["certification"]


async def test_what_three_processes_die_of_is_given_up(running: Running) -> None:
    skill = await sleeper(running, "deadly", 50)
    job_id = None
    for attempt in (1, 2, 3):
        async with worker(running) as process:
            # Asking again finds the same job.
            job = (await ask(running, skill.skill_key)).json()
            job_id = job_id or job["job_id"]
            assert job["job_id"] == job_id
            await until(running, job_id, attempts=attempt, current="fixtures")
            await kill(running, process)
    await running.platform.sweep.sweep()
    failed = await until(running, job_id, state="failed")
    assert failed["error"]["code"] == "execution_error"
    assert "3 processes ended" in failed["error"]["message"]
    assert await recorded(running, job_id) == {"requested": 1, "started": 3, "failed": 1}
    assert await issued(running, "deadly") == 0


async def test_two_workers_share_jobs_and_never_one_job(running: Running) -> None:
    keys = [f"shared-{number}" for number in range(8)]
    for key in keys:
        await sleeper(running, key, 0.3)
    async with worker(running), worker(running):
        async with session(running.urls.worker) as connection:
            seen: list[dict[str, object]] = []
            jobs = []
            for key in keys:
                jobs.append((await ask(running, key)).json()["job_id"])
                rows = await connection.fetch("select args::text from queue.procrastinate_jobs")
                seen += [row["args"] for row in rows]
        for job_id in jobs:
            await until(running, job_id, state="done")
    for key, job_id in zip(keys, jobs, strict=True):
        assert await recorded(running, job_id) == {"requested": 1, "started": 1, "done": 1}
        assert await issued(running, key) == 1
    ids = {"job_id", "workspace_id"}
    assert seen
    assert all(json.loads(str(args)).keys() == ids for args in seen)
    async with owner(running) as connection:
        assert await connection.fetchval(
            "select count(distinct process_id) from livery.certification_job j"
            " join livery.process p using (process_id) where p.kind = 'worker'"
            " and j.job_id = any ($1::uuid[])", jobs
        ) == 2  # fmt: skip


async def test_a_worker_finds_a_job_that_nobody_woke_it_for(running: Running) -> None:
    skill = await sleeper(running, "unwoken", 0)
    wanted = Job(
        uuid7(), skill.skill_id, PLATFORM, skill.skill_key, skill.version, skill.digest, "queued",
        "test", "", skill.created_at,
    )  # fmt: skip
    async with worker(running):
        store = PostgresJobs(running.platform.database)
        job = await store.open(wanted, about(wanted, "test"))
        async with session(running.urls.worker) as connection:
            wakes = "select count(*) from queue.procrastinate_jobs where args ->> 'job_id' = $1"
            assert await connection.fetchval(wakes, str(job.job_id)) == 0
        done = await until(running, str(job.job_id), state="done")
    assert done["certification"]["status"] == "certified"


async def test_a_worker_that_is_stopped_lets_its_job_finish(running: Running) -> None:
    skill = await sleeper(running, "let-finish", 2)
    async with worker(running) as process:
        job = (await ask(running, skill.skill_key)).json()
        await until(running, job["job_id"], current="fixtures")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0
    done = await look(running, job["job_id"])
    assert (done["state"], done["attempts"]) == ("done", 1)


async def test_what_does_not_finish_in_time_is_handed_on_and_counts_no_attempt(
    running: Running,
) -> None:
    skill = await sleeper(running, "handed-on", 14)
    async with worker(running) as process:
        job = (await ask(running, skill.skill_key)).json()
        await until(running, job["job_id"], current="fixtures")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 40) == 0
    released = await look(running, job["job_id"])
    assert (released["state"], released["attempts"]) == ("queued", 0)
    assert await recorded(running, job["job_id"]) == {"requested": 1, "started": 1, "released": 1}
