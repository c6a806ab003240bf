"""Session facts from files through HTTP into PostgreSQL and out through the views."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from tests.support.facts import run_digest

from livery.api.http.session_logs import session_logs_router
from livery.client.session_logs.discovery import find_logs
from livery.client.session_logs.report import digest_report
from livery.client.session_logs.sample import write_sample_week
from livery.client.session_logs.upload import IngestReport, Progress, ingest_logs
from livery.execution.data.source import open_views
from livery.integrations.postgres.urls import DatabaseUrls
from livery.manifest.errors import LiveryError
from livery.manifest.segment_frame import MAX_FRAME
from livery.services.sessions.ingest import SessionIngestion
from livery.storage.database import Database
from livery.storage.sessions import PostgresSessions

WEEK = {"from": "2026-11-09", "to": "2026-11-16"}


@dataclass
class Platform:
    """The routes over a real database, and a client of one workspace."""

    database: Database
    store: PostgresSessions
    app: FastAPI
    workspace: UUID

    async def ingest(self, folder: Path, **options: object) -> IngestReport:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://livery") as client:
            return await ingest_logs(
                client, find_logs([folder]), workspace=str(self.workspace), **options
            )

    async def digest(self, tmp: Path) -> dict:
        views = await open_views(self.store, self.workspace, tmp / "cache")
        try:
            return digest_report(run_digest(views, **WEEK)[0])
        finally:
            views.close()


@dataclass
class _Caller:
    workspace_id: UUID
    correlation_id: str = "test"


async def _caller(request: Request) -> _Caller:
    return _Caller(UUID(request.query_params["workspace"]))


async def _problem(_: Request, error: LiveryError) -> JSONResponse:
    return JSONResponse(error.problem("test"), error.status)


@pytest.fixture
async def platform(database_urls: DatabaseUrls) -> AsyncIterator[Platform]:
    database = await Database.open(database_urls.api, uuid4(), size=2)
    store = PostgresSessions(database)
    app = FastAPI()
    app.include_router(session_logs_router(SessionIngestion(store), _caller))
    app.add_exception_handler(LiveryError, _problem)
    yield Platform(database, store, app, uuid4())
    await database.close()


async def test_sample_week_end_to_end(platform: Platform, tmp_path: Path) -> None:
    write_sample_week(tmp_path / "logs", date(2026, 11, 9))
    seen: list[Progress] = []
    report = await platform.ingest(tmp_path / "logs", progress=seen.append)
    assert report.files == report.read == 10
    assert report.rows == report.new_rows
    assert seen[-1].bytes_done == seen[-1].bytes_total == report.bytes_read
    digest = await platform.digest(tmp_path)
    assert digest["sessions"]["total"] == 8
    assert digest["messages"] == 21
    assert digest["cost_usd"] == 0.18075


async def test_again_changes_nothing(platform: Platform, tmp_path: Path) -> None:
    write_sample_week(tmp_path / "logs", date(2026, 11, 9))
    await platform.ingest(tmp_path / "logs")
    first = await platform.store.segments(platform.workspace)
    again = await platform.ingest(tmp_path / "logs")
    assert (again.read, again.batches) == (0, 0)
    assert await platform.store.segments(platform.workspace) == first


async def test_only_new_bytes_are_read_and_a_half_line_is_not_lost(
    platform: Platform, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    for path in write_sample_week(logs, date(2026, 11, 9)):
        whole = path.read_bytes()
        # A writer was stopped in the middle of a line, at every file's own place.
        path.with_suffix(".rest").write_bytes(whole[len(whole) * 2 // 3 :])
        path.write_bytes(whole[: len(whole) * 2 // 3])
    first = await platform.ingest(logs)
    assert {p.reason for p in first.pending} == {"half-written last line; left for the next read"}
    for rest in logs.rglob("*.rest"):
        with rest.with_suffix(".jsonl").open("ab") as file:
            file.write(rest.read_bytes())
    second = await platform.ingest(logs)
    assert second.pending == ()
    whole = sum(log.size for log in find_logs([logs]))
    assert first.bytes_read + second.bytes_read == whole
    digest = await platform.digest(tmp_path)
    assert digest["messages"] == 21
    assert digest["tokens"]["output"] == 2950
    assert digest["sessions"]["success"] == 4
    assert [line["line"] for line in digest["bad_lines"]] == [2]


async def test_replaced_file_is_read_again(platform: Platform, tmp_path: Path) -> None:
    written = write_sample_week(tmp_path / "logs", date(2026, 11, 9))
    await platform.ingest(tmp_path / "logs")
    path = next(p for p in written if p.name == "sample-s6.jsonl")
    lines = path.read_text().splitlines()
    path.write_text(lines[0].replace("prompt-6", "prompt-7") + "\n" + lines[2] + "\n")
    report = await platform.ingest(tmp_path / "logs")
    assert report.bytes_read == path.stat().st_size
    assert (await platform.digest(tmp_path))["messages"] == 22


async def test_ingestion_is_journaled_once(
    platform: Platform, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    write_sample_week(tmp_path / "logs", date(2026, 11, 9))
    await platform.ingest(tmp_path / "logs")
    await platform.ingest(tmp_path / "logs")
    async with platform.database.read([platform.workspace]) as tx:
        kinds = await tx.connection.fetch(
            "select kind, body from livery.journal where workspace_id = $1", platform.workspace
        )
    assert [row["kind"] for row in kinds] == ["sessions.ingested"]
    assert "sessions:" in kinds[0]["body"]


async def test_the_same_frame_twice_is_known(platform: Platform, tmp_path: Path) -> None:
    from livery.client.session_logs.batches import plan_reads
    from livery.client.session_logs.slices import read_batch

    write_sample_week(tmp_path / "logs", date(2026, 11, 9))
    frame = read_batch(plan_reads(find_logs([tmp_path / "logs"]), {})[0]).frame
    assert frame is not None
    url = f"/v1/session-logs?workspace={platform.workspace}"
    transport = httpx.ASGITransport(platform.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://livery") as client:
        assert (await client.post(url, content=frame)).status_code == 201
        assert (await client.post(url, content=frame)).status_code == 200
        refused = await client.post(url, content=frame[:-1])
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_error")
        refused = await client.post(url, content=b"\0" * (MAX_FRAME + 1))
        assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")


async def test_another_workspace_sees_nothing(platform: Platform, tmp_path: Path) -> None:
    write_sample_week(tmp_path / "logs", date(2026, 11, 9))
    await platform.ingest(tmp_path / "logs")
    [segment, *_] = await platform.store.segments(platform.workspace)
    stranger = uuid4()
    assert await platform.store.segments(stranger) == []
    assert await platform.store.contents(stranger, [segment.sha256]) == {}
    assert await platform.store.cursors(stranger, after="", limit=10) == []
    # Nor does the code's own condition decide: the database hides the rows.
    async with platform.database.read([stranger]) as tx:
        for table in ("session_segment", "session_file"):
            assert await tx.connection.fetchval(f"select count(*) from livery.{table}") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with platform.database.write([platform.workspace]) as tx:
            await tx.connection.execute("delete from livery.session_segment")


async def test_pages_of_cursors(platform: Platform, tmp_path: Path) -> None:
    write_sample_week(tmp_path / "logs", date(2026, 11, 9))
    await platform.ingest(tmp_path / "logs")
    first = await platform.store.cursors(platform.workspace, after="", limit=4)
    rest = await platform.store.cursors(platform.workspace, after=first[-1]["file"], limit=100)
    assert len({cursor["file"] for cursor in [*first, *rest]}) == 10
