from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from livery.vault import postgres
from livery.vault.errors import CredentialUnreadable, VaultMisconfigured
from livery.vault.postgres import PostgresBackend
from livery.vault.secret import Secret
from livery.vault.types import Call

from .conftest import Database, Make
from .crash_rotation import POINTS

CALL = Call("test", "test", "test")


async def _fill(backend: PostgresBackend, count: int, mark: str = "") -> dict[str, Any]:
    """Store secrets in three workspaces; return ref -> (workspace, secret)."""
    spaces = [uuid.uuid4() for _ in range(3)]
    stored = {}
    for number in range(count):
        space, secret = spaces[number % 3], {"key": f"{mark}{number}"}
        credential = await backend.store(CALL, space, kind="k", label="l", secret=Secret(secret))
        stored[credential.credential_ref] = (space, secret)
    return stored


async def _read(backend: PostgresBackend, stored: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for ref, (space, _) in stored.items():
        resolved = await backend.resolve(CALL, space, ref, kind="k")
        found[ref] = (space, resolved.secret.reveal())
    return found


async def _key_versions(database: Database) -> tuple[set[int], set[int]]:
    known = await database.rows("SELECT version FROM vault.key_versions")
    used = await database.rows("SELECT DISTINCT key_version FROM vault.credentials")
    return {row["version"] for row in known}, {row["key_version"] for row in used}


def _file_versions(keys_dir: Path) -> dict[int, bool]:
    entries = json.loads((keys_dir / "vault-kek.json").read_text())["keys"]
    return {entry["version"]: "key" in entry for entry in entries}


async def test_rotation_rewraps_everything_and_erases_the_old_key(
    make_database: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_BATCH", 7)
    database = await make_database()
    async with PostgresBackend.open(database.dsn, tmp_path) as backend:
        stored = await _fill(backend, 50)
        sealed = "SELECT credential_ref, ciphertext, wrapped_key FROM vault.credentials ORDER BY 1"
        before = await database.rows(sealed)
        assert await backend.rotate_kek() == 2
        after = await database.rows(sealed)
        assert [row["ciphertext"] for row in before] == [row["ciphertext"] for row in after]
        assert not {r["wrapped_key"] for r in before} & {r["wrapped_key"] for r in after}
        assert await _key_versions(database) == ({2}, {2})
        assert _file_versions(tmp_path) == {1: False, 2: True}
        assert await _read(backend, stored) == stored
        assert await backend.rotate_kek() == 3
        assert await _read(backend, stored) == stored


async def test_other_processes_follow(make_database: Make, tmp_path: Path) -> None:
    database = await make_database()
    async with (
        PostgresBackend.open(database.dsn, tmp_path) as one,
        PostgresBackend.open(database.dsn, tmp_path) as reader,
        PostgresBackend.open(database.dsn, tmp_path) as writer,
        PostgresBackend.open(database.dsn, tmp_path) as rotator,
    ):
        stored = await _fill(one, 3)
        await one.rotate_kek()
        assert await _read(reader, stored) == stored
        stored |= await _fill(writer, 3, "late ")
        ref, (space, _) = next(iter(stored.items()))
        await one.rotate_kek()
        await writer.rotate(CALL, space, ref, Secret({"key": "new"}))
        stored[ref] = (space, {"key": "new"})
        assert await rotator.rotate_kek() == 4
        for backend in (one, reader, writer, rotator):
            assert await _read(backend, stored) == stored
    assert await _key_versions(database) == ({4}, {4})


async def test_writers_keep_writing_during_rotations(make_database: Make, tmp_path: Path) -> None:
    database = await make_database()
    async with (
        PostgresBackend.open(database.dsn, tmp_path) as one,
        PostgresBackend.open(database.dsn, tmp_path) as other,
    ):

        async def rotations() -> None:
            for _ in range(5):
                await one.rotate_kek()

        parts = await asyncio.gather(
            rotations(), _fill(one, 40, "a"), _fill(other, 40, "b"), _fill(other, 40, "c")
        )
        stored = parts[1] | parts[2] | parts[3]  # type: ignore[operator]
        assert len(stored) == 120
        for backend in (one, other):
            assert await _read(backend, stored) == stored
        assert await one.rotate_kek() == 7
        assert await _read(other, stored) == stored
    assert await _key_versions(database) == ({7}, {7})


@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_leaves_everything_readable(
    make_database: Make, tmp_path: Path, point: str
) -> None:
    database = await make_database()
    async with PostgresBackend.open(database.dsn, tmp_path) as running:
        stored = await _fill(running, 20)
        child = await asyncio.create_subprocess_exec(
            sys.executable, Path(__file__).with_name("crash_rotation.py"), tmp_path, point,
            env={**os.environ, "VAULT_DSN": database.dsn},
        )  # fmt: skip
        assert await asyncio.wait_for(child.wait(), 60) == -signal.SIGKILL
        assert _file_versions(tmp_path).get(2) is True
        assert await _read(running, stored) == stored  # a process that knew only the old key
        stored |= await _fill(running, 2, "after the crash ")
        async with PostgresBackend.open(database.dsn, tmp_path) as restarted:
            assert await _read(restarted, stored) == stored
            assert _file_versions(tmp_path) == {1: False, 2: True}  # the start finished the work
            assert await _key_versions(database) == ({2}, {2})
            assert await _read(running, stored) == stored
            assert await restarted.rotate_kek() == 3
            assert await _read(restarted, stored) == stored


async def test_a_key_file_from_before_is_refused(make_database: Make, tmp_path: Path) -> None:
    database = await make_database()
    path = tmp_path / "vault-kek.json"
    async with PostgresBackend.open(database.dsn, tmp_path) as backend:
        await _fill(backend, 1)
        old = path.read_bytes()
        await backend.rotate_kek()
    path.write_bytes(old)
    with pytest.raises(VaultMisconfigured, match="older than the database"):
        async with PostgresBackend.open(database.dsn, tmp_path):
            pytest.fail("opened")


async def test_a_stranger_s_key_file_is_refused(make_database: Make, tmp_path: Path) -> None:
    database = await make_database()
    async with PostgresBackend.open(database.dsn, tmp_path / "a") as backend:
        await _fill(backend, 1)
    with pytest.raises(VaultMisconfigured, match="not the key of this database"):
        async with PostgresBackend.open(database.dsn, tmp_path / "b"):
            pytest.fail("opened")


async def test_an_altered_row_stops_the_rotation_and_loses_nothing(
    make_database: Make, tmp_path: Path
) -> None:
    database = await make_database()
    async with PostgresBackend.open(database.dsn, tmp_path) as backend:
        stored = await _fill(backend, 9)
        ref = next(iter(stored))
        await database.rows(
            "UPDATE vault.credentials SET wrapped_key = set_byte(wrapped_key, 20, "
            "get_byte(wrapped_key, 20) # 1) WHERE credential_ref = $1",
            ref,
        )
        del stored[ref]
        with pytest.raises(CredentialUnreadable):
            await backend.rotate_kek()
        assert _file_versions(tmp_path) == {1: True, 2: True}
        assert await _read(backend, stored) == stored
