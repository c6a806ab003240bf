"""What an attacker once got through, and does not any more. Each test is one such attack."""

from typing import Any

import pytest
from tests.support.governed import owner
from tests.support.platform import Running
from uuid_utils.compat import uuid7


async def _token(platform: Running, role: str, **more: Any) -> Any:
    async with platform.http() as http:
        return (await http.post("/v1/tokens", json={"role": role, **more})).json()


@pytest.mark.parametrize("role", ["operator", "auditor", "approver", "author"])
async def test_a_customer_revokes_no_staff_token(platform: Running, role: str) -> None:
    admin = await _token(platform, "customer_admin", workspace="default")
    staff = await _token(platform, role)
    async with platform.http(admin["token"]) as http:
        assert (await http.delete(f"/v1/tokens/{staff['token_id']}")).status_code == 404
    async with platform.http(staff["token"]) as http:
        assert (await http.get("/v1/whoami")).status_code == 200


async def test_a_dry_run_stands_for_no_run(platform: Running) -> None:
    call = {"skill_key": "add", "input": {"a": 20, "b": 22}}
    key = {"Idempotency-Key": "dry"}
    async with platform.http() as http:
        dry = (await http.post("/v1/runs", json={**call, "dry_run": True}, headers=key)).json()
        real = (await http.post("/v1/runs", json=call, headers=key)).json()
        again = (await http.post("/v1/runs", json=call, headers=key)).json()
    assert dry["provenance"]["dry_run"] is True
    assert "dry_run" not in real["provenance"]
    assert (real["from_cache"], real["run_id"] == dry["run_id"]) == (False, False)
    assert (again["from_cache"], again["run_id"]) == (True, real["run_id"])


async def test_a_row_is_no_certificate(platform: Running) -> None:
    new = {"name": "Evil", "description": "x", "category": "x"}
    call = {"skill_key": "evil", "input": {}}
    async with platform.http() as http:
        assert (await http.post("/v1/skills", json=new)).status_code == 201
        async with owner(platform) as rows:
            await rows.execute(
                "update livery.skill_version v set status = 'certified' from livery.skill s"
                " where s.skill_id = v.skill_id and s.skill_key = 'evil'"
            )
            await rows.execute(
                "insert into livery.certificate select $1, s.skill_id, s.workspace_id, v.version,"
                " v.digest, 'valid', 'nokey', now(), now() + interval '1 day', '[]', '{}'"
                " from livery.skill s join livery.skill_version v using (skill_id)"
                " where s.skill_key = 'evil'",
                uuid7(),
            )
            await rows.execute("update livery.epoch set value = value + 1")
        answer = await http.post("/v1/runs", json=call)
    assert (answer.status_code, answer.json()["code"]) == (403, "skill_not_certified")
    assert "not signed" in answer.json()["detail"]


async def test_another_skill_s_certificate_does_not_fit(platform: Running) -> None:
    async with platform.http() as http:
        async with owner(platform) as rows:
            await rows.execute(
                "update livery.certificate c set statement = (select statement from"
                " livery.certificate o join livery.skill s using (skill_id)"
                " where s.skill_key = 'add') from livery.skill s"
                " where s.skill_id = c.skill_id and s.skill_key = 'subtract'"
            )
            await rows.execute("update livery.epoch set value = value + 1")
        call = {"skill_key": "subtract", "input": {"a": 1, "b": 1}}
        answer = await http.post("/v1/runs", json=call)
    assert (answer.status_code, answer.json()["code"]) == (403, "skill_not_certified")
