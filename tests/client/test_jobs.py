"""Following a certification through the client, on the real platform."""

from collections.abc import AsyncIterator

import pytest
from tests.support.jobs import sleeper
from tests.support.platform import NewPlatform, Running

from livery.client import ApiProblem
from livery.client.documents import CertificationJob


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        yield made


async def test_a_watcher_sees_the_checks_one_by_one(running: Running) -> None:
    await sleeper(running, "watched", 0.5)
    seen: list[CertificationJob] = []
    async with running.client() as client:
        done = await client.certify_skill("watched", watch=seen.append)
        assert done["status"] == "certified"
        assert "fixtures" in {job["progress"]["current"] for job in seen}
        counts = [job["progress"]["done"] for job in seen]
        assert counts == sorted(counts)
        assert [check["name"] for check in seen[-1]["checks"]] == [
            c["name"] for c in done["checks"]
        ]
        # Held already: nothing to watch.
        seen.clear()
        assert await client.certify_skill("watched", "1.0.0", watch=seen.append) == done
        assert seen == []
        (job,) = await client.list_certification_jobs(state="done", limit=1)
        assert (await client.get_certification_job(job["job_id"]))["certification"] == done


async def test_a_job_that_failed_is_raised_as_what_made_it_fail(running: Running) -> None:
    await sleeper(running, "endless", 1)
    runner = running.platform.jobs
    limit, runner._limit_s = runner._limit_s, 0.05
    try:
        async with running.client() as client:
            with pytest.raises(ApiProblem) as failed:
                await client.certify_skill("endless", watch=lambda _: None)
            assert (failed.value.code, failed.value.status) == ("timeout", 504)
            (job,) = await client.list_certification_jobs(state="failed")
            assert job["error"] is not None
            assert failed.value.document["job_id"] == job["job_id"]
            # Waited for, the server says the same.
            with pytest.raises(ApiProblem) as waited:
                await client.certify_skill("endless")
            assert (waited.value.code, waited.value.message) == ("timeout", failed.value.message)
    finally:
        runner._limit_s = limit
