"""A database without room: every write that it refuses becomes `unavailable`, with a way out that helps."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from tests.support.governed import do
from tests.support.platform import NewPlatform, Running

from livery.entrypoints import readiness
from livery.services import PLATFORM
from livery.services.runs.errors import DatabaseFull
from livery.storage.lanes import Lane
from livery.storage.room import Room, lack, lack_behind

FULL = "The disk of the database is full."
CALL = {"skill_key": "add", "input": {"a": 2, "b": 3}}


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        yield made


async def refused(running: Running, sqlstate: str) -> Any:
    """A transaction that PostgreSQL itself refuses with this SQLSTATE."""
    async with running.platform.database.write([PLATFORM]) as tx:
        await tx.connection.execute(
            f"do $$ begin raise exception using errcode = '{sqlstate}'; end $$"
        )


@pytest.mark.parametrize(
    ("sqlstate", "said", "way_out"),
    [
        ("53100", FULL, "Free space on the disk"),
        ("53200", "The database has run out of memory.", "Free memory"),
        ("53000", "The database has reached one of its limits.", "Raise the limit"),
        ("53400", "The database has reached one of its limits.", "Raise the limit"),
    ],
)
async def test_what_postgresql_lacks_is_said(
    running: Running, sqlstate: str, said: str, way_out: str
) -> None:
    with pytest.raises(DatabaseFull) as found:
        await refused(running, sqlstate)
    error = found.value
    assert (error.code, error.status, error.retryable) == ("unavailable", 503, True)
    assert error.message == said
    assert error.remedy.startswith(way_out)
    assert running.platform.database.room.is_lacking(60) is (sqlstate == "53100")
    async with running.platform.database.write([PLATFORM]):
        pass
    assert not running.platform.database.room.is_lacking(60)


async def test_a_refused_record_is_the_same_at_every_door(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(lane: Any, rows: Any) -> Any:
        raise asyncpg.DiskFullError('could not extend file "base/1/2": No space left on device')

    monkeypatch.setattr(Lane, "_send", full)
    async with running.http() as http:
        answer = await http.post("/v1/runs", json=CALL)
        ready = await http.get("/v1/ready")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    problem = answer.json()
    assert (problem["code"], problem["detail"]) == ("unavailable", FULL)
    assert "Free space on the disk that holds the database" in problem["remedy"]
    assert "base/1/2" not in answer.text
    check = ready.json()["checks"]["database"]
    assert (ready.status_code, check["ok"], check["detail"]) == (503, False, FULL)
    assert "nothing has to be started again" in check["remedy"]
    monkeypatch.undo()
    assert (await do(running)).ok
    async with running.http() as http:
        assert (await http.get("/v1/ready")).status_code == 200


async def test_a_refused_beat_counts_too(running: Running) -> None:
    room = running.platform.database.room
    with pytest.raises(DatabaseFull):
        async with running.platform.database.connection() as connection:
            await connection.execute("do $$ begin raise exception using errcode = '53100'; end $$")
    assert room.is_lacking(60)
    room.found()


@pytest.mark.parametrize(("free", "lacks"), [(2**40, None), (12 * 2**20, "nearly full: 12 MiB")])
def test_the_disk_of_an_embedded_database_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, free: int, lacks: str | None
) -> None:
    monkeypatch.setattr(readiness, "free_bytes", lambda _: free)
    room = Room()
    readiness._refuse_full(room, None)  # elsewhere the disk is not ours to see
    if lacks is None:
        readiness._refuse_full(room, tmp_path)
        return
    with pytest.raises(readiness.NotReady, match=lacks):
        readiness._refuse_full(room, tmp_path)


def test_a_refused_write_is_remembered_for_a_while_only(tmp_path: Any) -> None:
    now = [0.0]
    room = Room(lambda: now[0])
    room.refused(asyncpg.DiskFullError("x"))
    for home, lasts in ((None, readiness.REFUSED_S), (tmp_path, readiness.REFUSED_HERE_S)):
        now[0] = lasts - 1
        with pytest.raises(readiness.NotReady):
            readiness._refuse_full(room, home)
        now[0] = lasts
        readiness._refuse_full(room, home)


def test_what_lies_behind_an_error() -> None:
    error = RuntimeError("a migration failed")
    assert lack_behind(error) is None
    error.__cause__ = asyncpg.DiskFullError("x")
    found = lack_behind(error)
    assert found is not None
    assert found.message == FULL == lack(asyncpg.DiskFullError("x")).message


async def test_a_lease_that_cannot_be_renewed_is_said(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        failing = "ReadOnlySQLTransactionError"

    checks = readiness.readiness(
        running.settings.home,
        running.urls.api,
        running.platform.database,
        None,
        Failing(),  # type: ignore[arg-type]
    )
    with pytest.raises(readiness.NotReady, match=r"lease .*\(ReadOnlySQLTransactionError\)"):
        await checks["database"]()
