"""Certification jobs in one process and in two: waited for, shared, claimed once, kept."""

import asyncio
from uuid import UUID

import pytest
from tests.support.governed import owner
from tests.support.jobs import ask, issued, look, recorded, sleeper, until
from tests.support.platform import NewPlatform, Running
from tests.support.skills import package
from uuid_utils.compat import uuid7

from livery.manifest.errors import LiveryError
from livery.services import PLATFORM
from livery.services.certification.job_runner import JobRunner, about
from livery.services.certification.types import Certification, Job
from livery.storage.catalog import PostgresCatalog
from livery.storage.jobs import PostgresJobs

FAILS = ({"name": "wrong", "input": {"code": "result = 1"}, "output": 2},)


async def test_an_answer_in_time_is_the_certificate_and_a_late_one_its_job(
    platform: Running,
) -> None:
    skill = await sleeper(platform, "slow", 1.5)
    first = await ask(platform, skill.skill_key, wait=0.1)
    assert first.status_code == 202
    job = first.json()
    assert first.headers["location"] == job["location"] == f"/v1/certification-jobs/{job['job_id']}"
    assert job["state"] in ("queued", "running")
    assert set(job["progress"]) == {"done", "total", "current"}

    running = await until(platform, job["job_id"], current="fixtures")
    assert running["state"] == "running"
    assert running["checks"][0]["name"] == "static"
    assert running["progress"]["done"] == len(running["checks"])

    # Asked again while it runs: the same job, and waited for.
    again = await ask(platform, skill.skill_key, wait=30)
    assert again.status_code == 200
    done = await look(platform, job["job_id"])
    assert done["state"] == "done"
    assert done["certification"] == again.json()
    assert done["certification"]["status"] == "certified"
    assert done["progress"]["done"] == done["progress"]["total"] == len(done["checks"])
    assert await recorded(platform, job["job_id"]) == {"requested": 1, "started": 1, "done": 1}

    repeated = await ask(platform, skill.skill_key)
    assert (repeated.status_code, repeated.json()) == (200, again.json())
    assert await issued(platform, "slow") == 1


async def test_ten_who_ask_at_once_share_a_job_and_a_certificate(platform: Running) -> None:
    skill = await sleeper(platform, "shared", 0.2)
    jobs = platform.platform.services.jobs
    answers = await asyncio.gather(
        *(jobs.certify(platform.operator, skill.skill_key) for _ in range(10))
    )
    certificates = {
        item.certificate.certificate_id
        for item in answers
        if isinstance(item, Certification) and item.certificate is not None
    }
    assert len(certificates) == 1
    assert await issued(platform, "shared") == 1
    listed = await jobs.search(platform.operator, state="done", before=None, limit=100)
    assert [item.skill_key for item in listed].count("shared") == 1


async def test_what_fails_its_checks_is_done_and_may_be_asked_again(platform: Running) -> None:
    await platform.platform.services.catalog.register(package("wrong", fixtures=FAILS), by="test")
    seen = []
    for _ in range(2):
        answer = await ask(platform, "wrong", wait=30)
        assert answer.status_code == 200
        document = answer.json()
        assert (document["status"], document["certificate"]) == ("pending_certification", None)
        assert "fail" in {check["verdict"] for check in document["checks"]}
        listed = await platform.platform.services.jobs.search(
            platform.operator, state="done", before=None, limit=1
        )
        seen.append(listed[0].job_id)
    assert seen[0] != seen[1]


async def test_what_cannot_be_certified_is_refused_before_there_is_a_job(platform: Running) -> None:
    services = platform.platform.services
    await services.catalog.register(package("taken-back"), by="test")
    await services.catalog.revoke(platform.operator, "taken-back", "1.0.0", "for the test")
    before = await services.jobs.search(platform.operator, state=None, before=None, limit=500)
    answer = await ask(platform, "taken-back", wait=30)
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert (await ask(platform, "nobody-knows")).status_code == 404
    after = await services.jobs.search(platform.operator, state=None, before=None, limit=500)
    assert len(after) == len(before)


async def test_what_breaks_the_job_is_the_answer_and_stays_readable(platform: Running) -> None:
    skill = await sleeper(platform, "gone", 0)
    store = PostgresJobs(platform.platform.database)
    runner = JobRunner(
        platform.platform.services.certifier,
        store,
        PostgresCatalog(platform.platform.database),
        limit_s=0.0,
    )
    job = await _queued(platform, skill.skill_key)
    runner.adopt(await _lease(platform))
    await runner.run(*job.place)
    found = await look(platform, str(job.job_id))
    assert (found["state"], found["error"]["code"]) == ("failed", "timeout")
    with pytest.raises(LiveryError) as refused:
        await platform.platform.services.jobs.outcome(
            await platform.platform.services.jobs.get(platform.operator, job.job_id)
        )
    assert refused.value.code == "timeout"
    # Failed is over: it may be asked for again.
    assert (await ask(platform, skill.skill_key, wait=30)).json()["status"] == "certified"


async def test_two_processes_that_are_woken_often_run_a_job_once(
    new_platform: NewPlatform,
) -> None:
    async with new_platform() as one, new_platform(urls=one.urls, seeded=False) as two:
        skills = [await sleeper(one, f"job-{number}", 0.05) for number in range(6)]
        jobs = [await _queued(one, skill.skill_key) for skill in skills]
        runners = [one.platform.jobs, two.platform.jobs]
        await asyncio.gather(
            *(runner.run(*job.place) for job in jobs for runner in runners for _ in range(3))
        )
        for job in jobs:
            assert await recorded(one, str(job.job_id)) == {"started": 1, "done": 1, "test": 1}
            assert await issued(one, job.skill_key) == 1


async def test_a_lost_wake_is_found_by_the_sweep_and_measured(new_platform: NewPlatform) -> None:
    async with new_platform() as running:
        skill = await sleeper(running, "unwoken", 0)
        job = await _queued(running, skill.skill_key)
        platform = running.platform
        assert await platform.sweep.sweep() == 0  # a wake may still come
        async with owner(running) as connection:
            await connection.execute(
                "update livery.certification_job set created_at = created_at - interval '1 minute'"
            )
        assert await platform.sweep.sweep() == 1
        text = platform.metrics.text().decode()
        assert 'livery_certification_jobs{state="queued"} 1.0' in text
        assert 60 <= _gauge(text, "livery_queue_lag_seconds") < 120
        await until(running, str(job.job_id), state="done")
        assert await platform.sweep.sweep() == 0
        text = platform.metrics.text().decode()
        assert 'livery_certification_jobs{state="queued"} 0.0' in text
        assert _gauge(text, "livery_queue_lag_seconds") == 0
        assert 'livery_certification_jobs_ended_total{state="done"} 1.0' in text


async def test_what_a_stopping_process_runs_goes_back_and_counts_no_attempt(
    new_platform: NewPlatform,
) -> None:
    async with new_platform() as running:
        skill = await sleeper(running, "handed-on", 1)
        job = await _queued(running, skill.skill_key)
        running.platform.jobs.start(*job.place)
        await until(running, str(job.job_id), current="fixtures")
        await running.platform.jobs.stop(0.05)
        found = await look(running, str(job.job_id))
        assert (found["state"], found["attempts"]) == ("queued", 0)
        await running.platform.jobs.run(*job.place)
        assert await recorded(running, str(job.job_id)) == {
            "test": 1, "started": 2, "released": 1, "done": 1,
        }  # fmt: skip


async def test_a_process_taken_for_dead_issues_nothing(new_platform: NewPlatform) -> None:
    async with new_platform() as running:
        skill = await sleeper(running, "presumed-dead", 1)
        job = await _queued(running, skill.skill_key)
        task = asyncio.create_task(running.platform.jobs.run(*job.place))
        await until(running, str(job.job_id), current="fixtures")
        async with owner(running) as connection:
            await connection.execute(
                "update livery.certification_job set attempts = attempts + 1, process_id = $1",
                uuid7(),
            )
        await task
        assert await issued(running, "presumed-dead") == 0
        assert await recorded(running, str(job.job_id)) == {"test": 1, "started": 1}


async def test_jobs_are_listed_in_pages_and_only_to_who_may_see_them(platform: Running) -> None:
    async with platform.http() as http:
        first = (await http.get("/v1/certification-jobs", params={"limit": 2})).json()
        assert len(first["items"]) == 2
        page = {"limit": 2, "cursor": first["next_cursor"]}
        second = (await http.get("/v1/certification-jobs", params=page)).json()
        ids = [item["job_id"] for item in first["items"] + second["items"]]
        assert ids == sorted(ids, reverse=True)
        assert len(set(ids)) == len(ids)
        bad = await http.get("/v1/certification-jobs", params={"state": "sleeping"})
        assert bad.status_code == 422
        assert (await http.get(f"/v1/certification-jobs/{uuid7()}")).status_code == 404
    token, _ = await platform.platform.services.tokens.create(
        platform.operator, "customer_member", workspace="default"
    )
    async with platform.http(token) as http:
        assert (await http.get("/v1/certification-jobs")).json()["items"] == []
        assert (await http.get(f"/v1/certification-jobs/{ids[0]}")).status_code == 404
        assert (await http.post("/v1/skills/add/certify")).status_code == 403


async def _queued(running: Running, key: str) -> Job:
    """A job that nobody was woken for."""
    services = running.platform.services
    skill = await services.catalog.get(running.operator, key)
    job = Job(
        uuid7(), skill.skill_id, PLATFORM, key, skill.version, skill.digest, "queued", "test", "",
        skill.created_at,
    )  # fmt: skip
    return await PostgresJobs(running.platform.database).open(job, about(job, "test"))


async def _lease(running: Running) -> UUID:
    async with owner(running) as connection:
        found: UUID = await connection.fetchval(
            "select process_id from livery.process where expires_at > clock_timestamp() limit 1"
        )
    return found


def _gauge(text: str, name: str) -> float:
    return float(next(line for line in text.splitlines() if line.startswith(name + " ")).split()[1])
