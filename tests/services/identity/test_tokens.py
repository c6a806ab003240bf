"""Tokens: shown once, kept as a hash, refused everywhere at once."""

from hashlib import sha256

import asyncpg
from tests.support.platform import NewPlatform, Running

from livery.services.identity.tokens import PREFIX, token_hash


def test_the_stored_form_is_sha256_of_the_text() -> None:
    assert token_hash("lvy_x") == sha256(b"lvy_x").digest()
    assert len(token_hash("\ud800")) == 32  # any text has one


async def test_a_token_is_shown_once_and_never_stored(platform: Running) -> None:
    async with platform.http() as http:
        made = (await http.post("/v1/tokens", json={"role": "auditor", "name": "Ada"})).json()
        listed = (await http.get("/v1/tokens")).json()["items"]
    token = made["token"]
    assert token.startswith(PREFIX)
    assert len(token) - len(PREFIX) >= 43  # 256 bits
    shown = next(item for item in listed if item["token_id"] == made["token_id"])
    assert (shown["name"], shown["role"], shown["revoked_at"]) == ("Ada", "auditor", None)
    assert token not in str(listed)
    owner = await asyncpg.connect(platform.urls.owner)
    row = await owner.fetchrow("select * from livery.token where token_id = $1", made["token_id"])
    journal = await owner.fetch("select * from livery.journal")
    await owner.close()
    assert row["token_hash"] == sha256(token.encode()).digest()
    assert token not in str(dict(row))
    assert token not in str(journal)


async def test_a_revoked_token_is_refused_in_every_process(new_platform: NewPlatform) -> None:
    call = {"skill_key": "add", "input": {"a": 1, "b": 1}}
    async with new_platform() as first, new_platform(urls=first.urls) as second:
        async with first.http() as http:
            made = (await http.post("/v1/tokens", json={"role": "operator"})).json()
        for running in (first, second):  # so that both keep the caller
            async with running.http(made["token"]) as http:
                assert (await http.post("/v1/runs", json=call)).status_code == 200
        async with first.http() as http:
            assert (await http.delete(f"/v1/tokens/{made['token_id']}")).status_code == 204
        for running in (first, second):
            async with running.http(made["token"]) as http:
                for _ in range(2):
                    assert (await http.post("/v1/runs", json=call)).status_code == 401
                assert (await http.get("/v1/whoami")).status_code == 401


async def test_a_role_that_there_is_not_is_pointed_at(platform: Running) -> None:
    async with platform.http() as http:
        problem = (await http.post("/v1/tokens", json={"role": "king"})).json()
    assert problem["code"] == "validation_error"
    assert [violation["pointer"] for violation in problem["violations"]] == ["/role"]
