"""Certification jobs in PostgreSQL: one row decides who runs a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from livery.services.audit.types import Entry
from livery.services.certification.types import Ended, Job
from livery.storage.database import SQL, Database


class PostgresJobs:
    """See services.certification.ports.JobStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, job: Job, entry: Entry) -> Job:
        """Keep it with its entry, or return the open job that this version has."""
        while True:
            async with self._database.write([job.workspace_id]) as tx:
                added = await tx.value(
                    "job_add",
                    job.job_id,
                    job.skill_id,
                    job.workspace_id,
                    job.version,
                    job.digest,
                    job.requested_by,
                    job.correlation_id,
                )
                if added is not None:
                    await tx.append(entry)
                found = await tx.row("job_open", job.skill_id, job.version)
            if found is not None:
                return _job(found)
            # The one that was in the way has just ended.

    async def get(self, job_id: UUID, workspaces: Sequence[UUID]) -> Job | None:
        """One job in these workspaces."""
        async with self._database.read(workspaces) as tx:
            row = await tx.row("job_get", job_id)
        return _job(row) if row and row["workspace_id"] in workspaces else None

    async def search(
        self, workspaces: Sequence[UUID], *, state: str | None, before: UUID | None, limit: int
    ) -> list[Job]:
        """Jobs, newest first."""
        async with self._database.read(workspaces) as tx:
            rows = await tx.rows("job_list", list(workspaces), state, before, limit)
        return [_job(row) for row in rows]

    async def claim(self, job: Job, process_id: UUID, most: int, entry: Entry) -> Job | None:
        """Run it in this process from now on."""
        async with self._database.write([job.workspace_id]) as tx:
            if await tx.value("job_claim", job.job_id, process_id, job.attempts, most) is None:
                return None
            await tx.append(entry)
            return _job(await tx.row("job_get", job.job_id))

    async def advance(
        self,
        job: Job,
        process_id: UUID,
        current: str | None,
        done: Sequence[Mapping[str, Any]],
        total: int,
    ) -> bool:
        """Keep how far it is."""
        async with self._database.write([job.workspace_id]) as tx:
            kept = await tx.value(
                "job_advance", job.job_id, process_id, job.attempts, current, _json(done), total
            )
        return kept is not None

    async def end(self, job: Job, process_id: UUID, ended: Ended, entry: Entry) -> bool:
        """End it."""
        async with self._database.write([job.workspace_id]) as tx:
            values = (ended.state, _json(ended.result), _json(ended.error))
            if await tx.value("job_end", job.job_id, process_id, job.attempts, *values) is None:
                return False
            await tx.append(entry)
        return True

    async def release(self, job: Job, process_id: UUID, entry: Entry) -> None:
        """Back to the queue."""
        async with self._database.write([job.workspace_id]) as tx:
            if await tx.value("job_release", job.job_id, process_id, job.attempts) is not None:
                await tx.append(entry)

    async def give_up(self, job: Job, most: int, ended: Ended, entry: Entry) -> bool:
        """End what `most` processes took on and none finished."""
        async with self._database.write([job.workspace_id]) as tx:
            error = _json(ended.error)
            if await tx.value("job_give_up", job.job_id, job.attempts, most, error) is None:
                return False
            await tx.append(entry)
        return True

    async def due(self, waited_s: float, limit: int) -> list[tuple[UUID, UUID]]:
        """(job, workspace) of what nobody runs, in every workspace."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(SQL["jobs_due"], waited_s, limit)
        return [(row["job_id"], row["workspace_id"]) for row in rows]

    async def counts(self) -> Mapping[str, tuple[int, float]]:
        """Open jobs by state, with the age in seconds of the oldest."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(SQL["job_counts"])
        return {row["state"]: (row["jobs"], row["oldest_s"]) for row in rows}

    async def workers(self) -> bool:
        """Whether a worker process is alive."""
        async with self._database.connection() as connection:
            alive: bool = await connection.fetchval(SQL["workers_alive"])
        return alive


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _job(row: Any) -> Job:
    return Job(
        row["job_id"],
        row["skill_id"],
        row["workspace_id"],
        row["skill_key"],
        row["version"],
        row["digest"],
        row["state"],
        row["requested_by"],
        row["correlation_id"],
        row["created_at"],
        tuple(orjson.loads(row["done_checks"])),
        row["total_checks"],
        row["current_check"],
        row["attempts"],
        orjson.loads(row["result"]) if row["result"] else None,
        orjson.loads(row["error"]) if row["error"] else None,
        row["started_at"],
        row["finished_at"],
        row["workspace"],
    )
