"""Four eyes hold to the end: nobody runs what they granted, by whatever token, name or worker."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.services.approvals.test_lifecycle import House, furnish
from tests.services.approvals.test_waiting import work
from tests.support.governed import owner
from tests.support.platform import NewPlatform
from tests.support.receiver import Receiver, receiver


@pytest.fixture(scope="module")
def target() -> Any:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
async def house(new_platform: NewPlatform, target: Receiver) -> AsyncIterator[House]:
    async with new_platform(environ={"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}) as running:
        made = await furnish(running, "careful")
        await four_eyes(made, True)
        yield made


async def four_eyes(house: House, wanted: bool) -> None:
    async with house.as_("second") as http:
        answer = await http.patch("/v1/workspaces/careful", json={"four_eyes": wanted})
    assert answer.status_code == 200, answer.text


async def send(
    house: House, target: Receiver, number: int, who: str, **more: Any
) -> dict[str, Any]:
    args = {"url": target.url, "payload": {"n": number}}
    async with house.as_(who) as http:
        answer = await http.post(
            "/v1/runs", json={"skill_key": "webhook-send", "input": args, **more}, timeout=60
        )
    document: dict[str, Any] = answer.json()
    return document


async def asked(house: House, target: Receiver, number: int, who: str) -> str:
    found = await send(house, target, number, who)
    assert found["code"] == "approval_required", found
    return str(found["approval_request_id"])


async def token(house: House, maker: str, role: str, name: str) -> int:
    """Made by `maker`; the house knows it by its name from now on."""
    async with house.as_(maker) as http:
        answer = await http.post("/v1/tokens", json={"role": role, "name": name})
    if answer.status_code == 201:
        house.tokens[name] = answer.json()["token"]
    return answer.status_code


async def test_nobody_runs_what_they_granted(house: House, target: Receiver) -> None:
    approval = await asked(house, target, 1, "member")
    assert (await house.take("grant", approval, "admin"))[0] == 200
    refused = await send(house, target, 1, "admin", approval_id=approval)
    assert refused["code"] == "approval_invalid"
    assert "four eyes" in refused["detail"]
    assert "somebody else grant it" in refused["remedy"]
    kept = dict(await house.entries(refused["run_id"]))["run.denied"]
    assert "four eyes" in kept["reasons"][0]
    assert (await house.show(approval))["state"] == "granted"
    # The way out, as written: ask again, and somebody else grants it.
    again = await asked(house, target, 1, "admin")
    assert again != approval
    assert (await house.take("grant", again, "second"))[0] == 200
    assert (await send(house, target, 1, "admin", approval_id=again))["code"] == "tool_ok"
    # Who asked first is still let on.
    assert (await send(house, target, 1, "member", approval_id=approval))["code"] == "tool_ok"


async def test_who_asked_as_well_does_not_grant(house: House, target: Receiver) -> None:
    approval = await asked(house, target, 2, "member")
    assert await asked(house, target, 2, "admin") == approval
    status, problem = await house.take("grant", approval, "admin")
    assert (status, problem["code"]) == (403, "forbidden")
    assert "four eyes" in problem["detail"]
    assert (await house.take("grant", approval, "twin"))[0] == 403  # the member by name
    assert (await house.take("grant", approval, "second"))[0] == 200
    assert (await send(house, target, 2, "admin", approval_id=approval))["code"] == "tool_ok"


async def test_it_is_as_it_is_at_the_moment_of_the_run(house: House, target: Receiver) -> None:
    approval = await asked(house, target, 3, "member")
    await four_eyes(house, False)
    try:
        other = await asked(house, target, 4, "admin")
        for item in (approval, other):
            assert (await house.take("grant", item, "admin"))[0] == 200
        assert (await send(house, target, 4, "admin", approval_id=other))["code"] == "tool_ok"
    finally:
        await four_eyes(house, True)
    refused = await send(house, target, 3, "admin", approval_id=approval)
    assert refused["code"] == "approval_invalid"


async def test_a_run_that_waits_keeps_its_caller(house: House, target: Receiver) -> None:
    """Asked for and granted while four eyes are off, started by a worker when they are on."""
    await four_eyes(house, False)
    try:
        parked = await send(house, target, 5, "admin", wait_for_approval=True)
        assert parked["status"] == "awaiting_approval"
        assert (await house.take("grant", parked["approval_id"], "admin"))[0] == 200
    finally:
        await four_eyes(house, True)
    await work(house.running)
    async with house.as_("admin") as http:
        found = (await http.get(f"/v1/runs/{parked['run_id']}")).json()
    assert (found["status"], found["code"]) == ("denied", "approval_invalid"), found
    assert "four eyes" in found["envelope"]["error"]["message"]


async def test_two_tokens_of_one_hand_are_one_person(house: House, target: Receiver) -> None:
    for maker, role, name in (
        ("admin", "customer_admin", "helper"),
        ("admin", "customer_member", "runner"),
        ("helper", "customer_admin", "deputy"),
        ("second", "customer_admin", "bobs own"),
    ):
        assert await token(house, maker, role, name) == 201
    number = 20
    hers = ("admin", "helper", "runner", "deputy")
    for starter in hers:
        for grantor in ("admin", "helper", "deputy"):
            number += 1
            approval = await asked(house, target, number, starter)
            assert (await house.take("grant", approval, grantor))[0] == 403, (starter, grantor)
        for grantor in ("second", "bobs own", "approver"):
            number += 1
            approval = await asked(house, target, number, starter)
            assert (await house.take("grant", approval, grantor))[0] == 200, (starter, grantor)
    # Whose grant it is, nobody of that hand uses.
    approval = await asked(house, target, 19, "member")
    assert (await house.take("grant", approval, "helper"))[0] == 200
    for user in hers:
        refused = await send(house, target, 19, user, approval_id=approval)
        assert refused["code"] == "approval_invalid", user
    done = await send(house, target, 19, "bobs own", approval_id=approval)
    assert done["code"] == "tool_ok"
    # A standing approval neither.
    async with house.as_("helper") as http:
        await http.post("/v1/workspaces/careful/targets", json={"target": target.host})
        body = {"skill": "webhook-send", "target": target.host, "runs": 3, "workspace": "careful"}
        standing = (await http.post("/v1/standing-approvals", json=body)).json()["approval_id"]
    for user in hers:
        await asked(house, target, 18, user)
    assert (await send(house, target, 18, "second"))["approval_id"] == standing
    async with house.as_("helper") as http:
        await http.post(f"/v1/standing-approvals/{standing}/revoke", json={"reason": "done"})


async def test_a_name_that_is_read_as_anothers_is_not_given(house: House) -> None:
    async with house.as_("admin") as http:
        for name in ("Alice", " alice", "\uff41lice", "ali\u200bce"):
            answer = await http.post("/v1/tokens", json={"role": "customer_member", "name": name})
            assert (answer.status_code, answer.json()["code"]) == (409, "already_exists"), name
            assert "exactly 'alice'" in answer.json()["remedy"]
        # That very name is hers: one person with two tokens.
        for name, status in (("alice", 201), ("\u200b", 422)):
            answer = await http.post("/v1/tokens", json={"role": "customer_member", "name": name})
            assert answer.status_code == status
    # Another workspace has its own people; so do staff.
    await furnish(house.running, "elsewhere")
    async with house.as_("operator") as http:
        body = {"role": "customer_member", "name": "Helga", "workspace": "elsewhere"}
        assert (await http.post("/v1/tokens", json=body)).status_code == 201
        body = {"role": "customer_member", "name": "HELGA", "workspace": "careful"}
        assert (await http.post("/v1/tokens", json=body)).status_code == 201
        answer = await http.post("/v1/tokens", json={"role": "approver", "name": "Dora"})
        assert answer.status_code == 409


async def test_a_token_knows_the_line_of_who_made_it(house: House) -> None:
    assert await token(house, "admin", "customer_admin", "lieutenant") == 201
    assert await token(house, "lieutenant", "customer_member", "private") == 201
    async with owner(house.running) as connection:
        made = await connection.fetch("select name, hand, makers from livery.token")
    known = {row["name"]: (row["hand"], row["makers"]) for row in made}
    assert {"n:alice", "n:lieutenant"} <= set(known["private"][0])
    assert known["bob"][0] == []
    assert any(key.startswith("n:") for key in known["bob"][1])
