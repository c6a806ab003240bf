"""Certification jobs for tests: packages that take their time, and what the record says of a job."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx
from tests.support.governed import owner
from tests.support.platform import Running
from tests.support.skills import package

from livery.services.catalog.types import Skill

SLEEPS = '''
"""Takes its time, for tests of jobs."""
import time
from typing import Any
from livery.authoring import Context, skill

@skill("evaluate", version="1.0.0", description="Sleep.")
def run(seconds: float, ctx: Context) -> Any:
    time.sleep(seconds)
    return 1
'''


async def sleeper(running: Running, name: str, seconds: float) -> Skill:
    """A registered skill whose fixture takes so long."""
    fixture = {"name": "sleeps", "input": {"seconds": seconds}, "output": 1}
    files = package(name, SLEEPS, fixtures=(fixture,), timeout_s=60)
    return await running.platform.services.catalog.register(files, by="test")


async def ask(running: Running, key: str, wait: float = 0) -> httpx.Response:
    """Ask for a certification."""
    async with running.http() as http:
        return await http.post(f"/v1/skills/{key}/certify", params={"wait": wait})


async def look(running: Running, job_id: str) -> dict[str, Any]:
    """How far a job is."""
    async with running.http() as http:
        document: dict[str, Any] = (await http.get(f"/v1/certification-jobs/{job_id}")).json()
    return document


async def until(
    running: Running, job_id: str, seconds: float = 60, **wanted: Any
) -> dict[str, Any]:
    """The job, once these members are so."""
    deadline = time.monotonic() + seconds
    while True:
        job = await look(running, job_id)
        shown = {**job, **job["progress"]}
        if all(shown[name] == value for name, value in wanted.items()):
            return job
        assert time.monotonic() < deadline, job
        await asyncio.sleep(0.05)


async def recorded(running: Running, job_id: str) -> Counter[str]:
    """What the journal says of a job, by kind."""
    async with owner(running) as connection:
        rows = await connection.fetch(
            "select kind from livery.journal where body::jsonb ->> 'job_id' = $1", job_id
        )
    return Counter(row["kind"].removeprefix("certification.") for row in rows)


async def issued(running: Running, key: str) -> int:
    """How many certificates the journal has of a skill."""
    async with owner(running) as connection:
        found: int = await connection.fetchval(
            "select count(*) from livery.journal where kind = 'skill.certified' and subject_id = $1",
            f"{key}@1.0.0",
        )
    return found
