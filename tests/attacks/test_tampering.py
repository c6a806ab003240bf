"""What somebody with the database in their hands can change of a certified skill, and what is said of it.

What changes on disk is in tests/execution/test_store.py; through the MCP door in tests/api/mcp/test_tampered.py.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from tests.support.governed import owner, superuser
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package, run
from uuid_utils.compat import uuid7

from livery.integrations.postgres import EmbeddedPostgres
from livery.manifest.package import PackageFile, package_digest
from livery.storage.archives import pack

KEY, OTHER = "held", "other"
OK = {"code": "result = 1"}
MINE = "skill_id = (select skill_id from livery.skill where skill_key = 'held')"
Change = Callable[[Any, list[PackageFile]], Awaitable[Any]]


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        await certified(made, package(KEY, version="0.9.0"))
        await certified(made, package(KEY))
        await certified(made, package(OTHER))
        yield made


def widened() -> list[PackageFile]:
    """The same skill with a file more."""
    return [*package(KEY), PackageFile("scripts/more.py", b"import os\n")]


async def _wider_contract(rows: Any, _: Any) -> None:
    await rows.execute(
        f"update livery.skill_version set contract = jsonb_set(contract, '{{capabilities}}',"
        f" '{{\"effects\": [\"send\"]}}') where {MINE} and version = '1.0.0'"
    )


async def _other_entry(rows: Any, _: Any) -> None:
    await rows.execute(
        f"update livery.skill_version set contract = jsonb_set(contract, '{{runtime,timeout_s}}', '30')"
        f" where {MINE} and version = '1.0.0'"
    )


async def _other_digest(rows: Any, files: list[PackageFile]) -> None:
    digest = package_digest(files)
    await rows.execute(
        "insert into livery.package (digest, archive) values ($1, $2) on conflict do nothing",
        digest, pack(files),
    )  # fmt: skip
    await rows.execute(
        f"update livery.skill_version set digest = $1 where {MINE} and version = '1.0.0'", digest
    )


async def _other_digest_and_row(rows: Any, files: list[PackageFile]) -> None:
    await _other_digest(rows, files)
    await rows.execute(
        f"update livery.certificate set digest = $1 where {MINE} and version = '1.0.0'",
        package_digest(files),
    )


async def _copied(rows: Any, _: Any) -> None:
    await rows.execute(f"delete from livery.certificate where {MINE} and version = '1.0.0'")
    await rows.execute(
        "insert into livery.certificate (certificate_id, skill_id, workspace_id, version, digest, state, key_id,"
        " signed_at, expires_at, checks, statement, basis) select $1, v.skill_id, v.workspace_id, v.version, v.digest,"
        " c.state, c.key_id, c.signed_at, c.expires_at, c.checks, c.statement, c.basis"
        " from livery.certificate c, livery.skill_version v join livery.skill s using (skill_id)"
        " where s.skill_key = 'held' and v.version = '1.0.0' and c.version = '0.9.0'"
        " and c.skill_id = v.skill_id",
        uuid7(),
    )


async def _statement_of_another(rows: Any, _: Any) -> None:
    await rows.execute(
        "update livery.certificate set statement = (select statement from livery.certificate c"
        f" join livery.skill s using (skill_id) where s.skill_key = 'other') where {MINE} and version = '1.0.0'"
    )


async def _edited_statement(rows: Any, _: Any) -> None:
    await rows.execute(
        "update livery.certificate set statement = jsonb_set(statement, '{payload}',"
        " to_jsonb(translate(encode(replace(convert_from(decode(statement ->> 'payload', 'base64'), 'UTF8'),"
        " 'PASSED', 'WARNED')::bytea, 'base64'), E'\\n', '')))"
        f" where {MINE} and version = '1.0.0'"
    )


async def _no_certificate(rows: Any, _: Any) -> None:
    await rows.execute(f"delete from livery.certificate where {MINE} and version = '1.0.0'")


async def _later_expiry(rows: Any, _: Any) -> None:
    await rows.execute(
        f"update livery.certificate set expires_at = now() - interval '1 day' where {MINE} and version = '1.0.0'"
    )


ROWS: dict[str, tuple[Change, str]] = {
    "capabilities of the contract": (_wider_contract, "The certificate is that of another contract."),
    "the contract's time limit": (_other_entry, "The certificate is that of another contract."),
    "the version's digest": (_other_digest, "held@1.0.0 has no certificate for this code."),
    "the digest, and the certificate's": (_other_digest_and_row, "The certificate is that of other code."),
    "the certificate of another version": (_copied, "The certificate is that of other code."),
    "the statement of another skill": (_statement_of_another, "The certificate is that of other code."),
    "a word of the statement": (_edited_statement, "The certificate is not signed by this platform."),
    "no certificate": (_no_certificate, "held@1.0.0 has no certificate for this code."),
    "an earlier expiry": (_later_expiry, "The certificate expired at"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
async def test_rows_that_were_changed_certify_nothing(running: Running, name: str) -> None:
    tamper, says = ROWS[name]
    call = {"version": "1.0.0"}
    assert (await run(running, KEY, OK, **call))["ok"]
    async with owner(running) as rows:
        kept = {
            table: await rows.fetch(f"select to_jsonb(t) as row from livery.{table} t where {MINE}")
            for table in ("certificate", "skill_version")
        }
        async with rows.transaction():
            await tamper(rows, widened())
            await rows.execute("update livery.epoch set value = value + 1")
        refused = await run(running, KEY, OK, **call)
        assert (refused["code"], refused["status"]) == ("skill_not_certified", "denied"), refused
        assert refused["error"]["message"].startswith(says)
        async with rows.transaction():
            await rows.execute(f"delete from livery.certificate where {MINE}")
            for row in kept["skill_version"]:
                known = json.loads(row["row"])
                await rows.execute(
                    f"update livery.skill_version set digest = $1, contract = $2 where {MINE} and version = $3",
                    known["digest"], json.dumps(known["contract"]), known["version"],
                )  # fmt: skip
            for row in kept["certificate"]:
                await rows.execute(
                    "insert into livery.certificate select * from jsonb_populate_record(null::livery.certificate, $1)",
                    row["row"],
                )
            await rows.execute("update livery.epoch set value = value + 1")
    # Put back, it runs again.
    assert (await run(running, KEY, OK, **call))["ok"]


async def test_no_role_of_a_process_changes_an_archive(running: Running) -> None:
    for dsn in (running.urls.api, running.urls.worker, running.urls.auditor):
        connection = await asyncpg.connect(dsn)
        for statement in (
            "update livery.package set archive = ''",
            "delete from livery.package",
            "truncate livery.package",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        await connection.close()


async def test_an_archive_that_a_superuser_changed_runs_nowhere_else(
    running: Running, new_platform: NewPlatform, embedded_postgres: EmbeddedPostgres
) -> None:
    """A machine that has the code goes on by the bytes that it verified; a new one refuses what it is given."""
    done = await certified(running, package("archived"))
    assert (await run(running, "archived", OK))["ok"]
    evil = pack([*package("archived"), PackageFile("scripts/more.py", b"import os\n")])
    async with superuser(embedded_postgres, running) as rows:
        good = await rows.fetchval(
            "select archive from livery.package where digest = $1", done.digest
        )
        change = "update livery.package set archive = $2 where digest = $1"
        await rows.execute(change, done.digest, evil)
        assert (await run(running, "archived", OK))["ok"]
        async with new_platform(urls=running.urls, seeded=False) as fresh:
            refused = await run(fresh, "archived", OK)
            assert (refused["code"], refused["status"]) == ("security_hash_mismatch", "denied")
            assert refused["error"]["message"] == (
                "The code of this version is not the code that was certified."
            )
            await rows.execute(change, done.digest, good)
            await rows.execute("update livery.epoch set value = value + 1")
            assert (await run(fresh, "archived", OK))["ok"]
