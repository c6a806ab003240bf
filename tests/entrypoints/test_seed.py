"""Seeding: what every platform has, once."""

import os
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.support.platform import NewPlatform, Running
from tests.support.postgres import NewDatabase

from livery.entrypoints import seed as seeding
from livery.entrypoints.seed import Seeded, built_in, operator_token, seed
from livery.manifest.package import PackageFile

TABLES = (
    "workspace", "token", "skill", "skill_version", "package", "certificate", "channel", "policy_set",
    "agent_type", "hired_agent", "budget", "journal", "run", "epoch",
)  # fmt: skip
PACKS = {
    "add", "subtract", "multiply", "capability-probe", "weekly-digest", "session-totals", "webhook-send",
}  # fmt: skip


async def content(running: Running) -> dict[str, list[Any]]:
    owner = await asyncpg.connect(running.urls.owner)
    try:
        return {
            table: [
                tuple(row)
                for row in await owner.fetch(f"select * from livery.{table} order by 1, 2")
            ]
            for table in TABLES
        }
    finally:
        await owner.close()


async def test_what_is_there(platform: Running) -> None:
    async with platform.http() as http:
        skills = (await http.get("/v1/skills")).json()["items"]
        types = (await http.get("/v1/agent-types")).json()["items"]
        workspaces = (await http.get("/v1/workspaces")).json()["items"]
    assert {item["skill_key"]: item["status"] for item in skills} == dict.fromkeys(
        PACKS, "certified"
    )
    assert {item["owner"] for item in skills} == {"livery"}
    assert [item["agent_type"] for item in types] == ["analytics.weekly_digest.v1"]
    assert [item["slug"] for item in workspaces] == ["default"]
    assert {name for name, _ in built_in()} == PACKS


async def test_twice_changes_nothing(platform: Running) -> None:
    before = await content(platform)
    told: list[Seeded] = []
    await seed(platform.platform, platform.settings, told.append)
    assert await content(platform) == before
    assert {item.folder for item in told} == PACKS
    assert {item.error for item in told} == {None}
    assert all(item.certification and item.certification.status == "certified" for item in told)


async def test_a_restart_keeps_what_an_operator_decided(
    new_database: NewDatabase, new_platform: NewPlatform, tmp_path: Path
) -> None:
    urls = await new_database()
    async with new_platform(urls=urls, home=tmp_path) as first:
        async with first.http() as http:
            answer = await http.post("/v1/skills/add/revoke", json={"reason": "Not here."})
            assert answer.json()["status"] == "revoked"
        before = await content(first)
    async with new_platform(urls=urls, home=tmp_path) as second:
        assert second.token == first.token
        after = await content(second)
        async with second.http() as http:
            shown = (await http.get("/v1/skills/add")).json()
            refused = await http.post(
                "/v1/runs", json={"skill_key": "add", "input": {"a": 1, "b": 1}}
            )
            served = await http.post(
                "/v1/runs", json={"skill_key": "subtract", "input": {"a": 1, "b": 1}}
            )
    assert (shown["status"], shown["versions"][0]["reason"]) == ("revoked", "Not here.")
    assert refused.json()["code"] == "skill_revoked"
    assert served.json()["result"] == 0
    changed = {table for table in TABLES if before[table] != after[table]}
    assert changed == set(), changed


async def test_the_operators_token(
    new_database: NewDatabase, new_platform: NewPlatform, tmp_path: Path
) -> None:
    kept = os.umask(0)
    try:
        async with new_platform(urls=await new_database(), home=tmp_path) as running:
            path = running.settings.run_dir / "operator.token"
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.read_text() == running.token + "\n"
            assert running.settings.run_dir.stat().st_mode & 0o777 == 0o700
            assert await operator_token(running.platform, running.settings) == running.token
            for damage in (
                path.unlink,
                lambda: path.write_text(""),
                lambda: path.write_text("lvy_of-another-home\n"),
                lambda: path.write_bytes(b"\xff\xfe"),
                lambda: [path.unlink(), path.symlink_to("/nowhere")],
            ):
                damage()
                before = running.token
                made = await operator_token(running.platform, running.settings)
                assert made != before
                assert path.read_text() == made + "\n"
                assert path.stat().st_mode & 0o777 == 0o600
                assert not path.is_symlink()
                async with running.http(made) as http:
                    assert (await http.get("/v1/whoami")).json()["role"] == "operator"
            # A revoked one is no token either.
            principal = await running.platform.services.tokens.authenticate(made)
            await running.platform.services.tokens.revoke(running.operator, principal.token_id)
            assert await operator_token(running.platform, running.settings) != made
            assert [item.name for item in path.parent.iterdir() if "token" in item.name] == [
                "operator.token"
            ]
    finally:
        os.umask(kept)


async def test_a_pack_that_is_refused_stops_no_other(
    new_database: NewDatabase,
    new_platform: NewPlatform,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = list(built_in())
    broken: list[tuple[str, list[PackageFile]]] = [
        ("broken", [PackageFile("SKILL.md", b"nothing")]),
        (
            "changed",
            [*next(files for name, files in real if name == "add"), PackageFile("x", b"1")],
        ),
    ]
    async with new_platform(urls=await new_database(), home=tmp_path) as running:
        monkeypatch.setattr(seeding, "built_in", lambda: iter([*broken, *real]))
        told: list[Seeded] = []
        await seed(running.platform, running.settings, told.append)
        errors = {item.folder: item.error for item in told if item.error}
        assert errors.keys() == {"broken", "changed"}
        assert "is there with sha256:" in (errors["changed"] or "")
        async with running.http() as http:
            assert (await http.get("/v1/skills/add")).json()["status"] == "certified"
