"""Standing approvals, over real doors to a real server that counts: exactly so many, to that target, until then."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import yaml
from tests.services.approvals.test_lifecycle import House, furnish
from tests.support.governed import owner, principal, together, workspace
from tests.support.platform import NewPlatform, Running
from tests.support.receiver import Receiver, receiver
from tests.support.skills import certified, package

from livery.kernel.policy import DEFAULT_POLICIES
from livery.manifest.package import PackageFile
from livery.services import PLATFORM as TYPE_HOME
from livery.services.audit.types import Entry
from livery.services.hiring.types import AgentType

TARGETS = "/v1/workspaces/house/targets"
STANDING = "/v1/standing-approvals"


@pytest.fixture(scope="module")
def target() -> Any:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
async def house(new_platform: NewPlatform, target: Receiver) -> AsyncIterator[House]:
    async with new_platform(environ={"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}) as running:
        made = await furnish(running, "house")
        answer = await ask(made, "POST", TARGETS, {"target": target.host, "note": "counts"})
        assert answer.status_code == 201, answer.text
        yield made


async def ask(
    house: House, method: str, path: str, body: Any = None, who: str = "admin", **headers: str
) -> httpx.Response:
    async with house.as_(who) as http:
        return await http.request(
            method, path, timeout=60, headers=headers, **({"json": body} if body is not None else {})
        )  # fmt: skip


async def grant(house: House, target: Receiver | str, runs: int, **more: Any) -> str:
    who = more.pop("who", "admin")
    body = {"skill": "webhook-send", "workspace": "house", "runs": runs, **more}
    body.setdefault("target", target if isinstance(target, str) else target.host)
    answer = await ask(house, "POST", STANDING, body, who)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["approval_id"])


async def send(
    house: House, target: Receiver, number: int, who: str = "member", key: str = "", **more: Any
) -> dict[str, Any]:
    args = {"url": target.url, "payload": {"n": number}}
    body = {"skill_key": "webhook-send", "input": args, "workspace": "house", **more}
    headers = {"Idempotency-Key": key} if key else {}
    answer = await ask(house, "POST", "/v1/runs", body, who, **headers)
    document: dict[str, Any] = answer.json()
    return document


async def used(house: House, approval_id: str) -> tuple[str, int]:
    found = (await ask(house, "GET", f"{STANDING}/{approval_id}")).json()
    return found["state"], found["used"]


async def revoke(house: House, approval_id: str, who: str = "admin") -> httpx.Response:
    return await ask(house, "POST", f"{STANDING}/{approval_id}/revoke", {"reason": "done"}, who)


def arrived(target: Receiver, *numbers: int) -> list[int]:
    seen = (json.loads(item.body)["n"] for item in target.received)
    return sorted(number for number in seen if number in numbers)


async def test_it_admits_what_fits_and_is_named_by_what_it_admitted(
    house: House, target: Receiver
) -> None:
    assert (await send(house, target, 1))["code"] == "approval_required"
    approval = await grant(house, target, 2)
    assert approval.startswith("STA-")
    done = await send(house, target, 1)
    assert (done["status"], done["approval_id"]) == ("succeeded", approval), done
    assert done["provenance"]["approval"] == approval
    assert [item["state"] for item in done["side_effects"]] == ["confirmed"]
    # Other words to the same target; a member's or an admin's: whoever is no agent.
    again = await send(house, target, 2, who="second")
    assert (again["status"], again["approval_id"]) == ("succeeded", approval)
    assert await used(house, approval) == ("spent", 2)
    asked = await send(house, target, 3)
    assert (asked["code"], asked["approval_request_id"][:4]) == ("approval_required", "APR-")
    assert arrived(target, 1, 2, 3) == [1, 2]
    found = (await ask(house, "GET", f"/v1/runs/{done['run_id']}")).json()
    assert found["approval_id"] == approval
    [(granted, body)] = await house.entries(approval)
    assert granted == "standing_approval.granted"
    assert (body["target"], body["runs"], body["by"]) == (target.host, 2, "customer_admin:alice")
    started = dict(await house.entries(done["run_id"]))["run.started"]
    assert started["approval"] == approval


async def test_of_fifty_at_once_ten_run(
    house: House, target: Receiver, new_platform: NewPlatform
) -> None:
    """In two processes, one of which was asked before and keeps what it compiled."""
    environ = {"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}
    async with new_platform(urls=house.running.urls, environ=environ) as second:
        elsewhere = House(second, house.workspace_id, house.tokens)
        for where in (house, elsewhere):
            assert (await send(where, target, 10))["code"] == "approval_required"
        approval = await grant(house, target, 10)
        numbers = range(1000, 1050)
        done = await asyncio.gather(*(send((house, elsewhere)[n % 2], target, n) for n in numbers))
        codes = Counter(item["code"] for item in done)
        assert codes == {"tool_ok": 10, "approval_required": 40}
        assert {item["approval_id"] for item in done if item["code"] == "tool_ok"} == {approval}
        assert await used(house, approval) == ("spent", 10)
        expected = sorted(
            n for n, item in zip(numbers, done, strict=True) if item["code"] == "tool_ok"
        )
        assert arrived(target, *numbers) == expected


async def test_two_of_them_add_up(house: House, target: Receiver) -> None:
    approvals = [await grant(house, target, n, expires_in_days=n) for n in (3, 4)]
    numbers = range(1100, 1120)
    done = await asyncio.gather(*(send(house, target, n) for n in numbers))
    assert Counter(item["code"] for item in done) == {"tool_ok": 7, "approval_required": 13}
    assert [await used(house, item) for item in approvals] == [("spent", 3), ("spent", 4)]
    assert Counter(item.get("approval_id") for item in done if item["code"] == "tool_ok") == {
        approvals[0]: 3,
        approvals[1]: 4,
    }


async def test_what_counts_and_what_does_not(house: House, target: Receiver) -> None:
    approval = await grant(house, target, 3)
    assert (await send(house, target, 20, dry_run=True))["result"]["status"] == "draft"
    assert await used(house, approval) == ("active", 0)
    first = await send(house, target, 21, key="k-21")
    again = await send(house, target, 21, key="k-21")
    assert (again["run_id"], again["from_cache"]) == (first["run_id"], True)
    assert await used(house, approval) == ("active", 1)
    assert (await send(house, target, 22, key="k-21"))["code"] == "idempotency_conflict"
    # Not fitting: nothing is used.
    elsewhere = {"url": "https://hooks.example.com/", "payload": {"n": 23}}
    refused = await send(house, target, 23, input=elsewhere)
    assert refused["code"] == "approval_required"
    broken = await send(house, target, 24, input={"url": target.url})
    assert broken["code"] == "tool_input_invalid"
    assert await used(house, approval) == ("active", 1)
    # A failed run has used its turn.
    target.status = 500
    failed = await send(house, target, 25)
    target.status = 200
    assert (failed["status"], failed["code"]) == ("failed", "webhook_error")
    assert failed["approval_id"] == approval
    assert await used(house, approval) == ("active", 2)
    # An approval of the action goes first.
    asked = await send(house, target, 26, approval_id="APR-none")
    assert asked["code"] == "approval_invalid"
    assert await used(house, approval) == ("active", 2)
    last = await send(house, target, 27, key="k-27", approval_id=approval)
    assert last["approval_id"] == approval
    assert await used(house, approval) == ("spent", 3)
    # Sent again when nothing is left, it is still the same call: answered, not asked about.
    again = await send(house, target, 27, key="k-27")
    assert (again.get("run_id"), again.get("from_cache")) == (last["run_id"], True)
    again = await send(house, target, 27, key="k-27", approval_id=approval)
    assert (again.get("run_id"), again.get("from_cache")) == (last["run_id"], True)
    conflict = await send(house, target, 28, key="k-27")
    assert conflict["code"] == "idempotency_conflict"
    assert (await send(house, target, 28, key="k-28"))["code"] == "approval_required"
    named = await send(house, target, 28, approval_id=approval)
    assert (named["code"], approval in named["detail"]) == ("approval_invalid", True)
    assert arrived(target, *range(20, 29)) == [21, 25, 27]


async def test_revoking_ends_it_at_once_in_every_process(
    house: House, target: Receiver, new_platform: NewPlatform
) -> None:
    environ = {"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}
    async with new_platform(urls=house.running.urls, environ=environ) as second:
        elsewhere = House(second, house.workspace_id, house.tokens)
        approval = await grant(house, target, 100)
        assert (await send(elsewhere, target, 30))["code"] == "tool_ok"
        assert (await revoke(house, approval)).status_code == 200
        for where in (elsewhere, house):
            assert (await send(where, target, 31))["code"] == "approval_required"
            named = await send(where, target, 31, approval_id=approval)
            assert named["code"] == "approval_invalid"
        assert await used(house, approval) == ("revoked", 1)
        answer = await revoke(house, approval)
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
        kinds = [kind for kind, _ in await house.entries(approval)]
        assert kinds == ["standing_approval.granted", "standing_approval.revoked"]
        assert arrived(target, 31) == []


async def test_revoked_while_many_run_it_counts_what_ran(house: House, target: Receiver) -> None:
    approval = await grant(house, target, 1000)
    numbers = range(1200, 1230)
    calls = [asyncio.create_task(send(house, target, n)) for n in numbers]
    while not arrived(target, *numbers):
        await asyncio.sleep(0.005)
    await revoke(house, approval)
    done = await asyncio.gather(*calls)
    # What the target's own rate held back (workspace_run_quota) began, and has used its turn.
    ran = [item for item in done if item.get("approval_id") == approval]
    sent = [item for item in ran if item["code"] == "tool_ok"]
    others = {item["code"] for item in done} - {"tool_ok", "workspace_run_quota"}
    assert others <= {"approval_required"}
    assert await used(house, approval) == ("revoked", len(ran))
    assert len(arrived(target, *numbers)) == len(sent) >= 1
    async with owner(house.running) as connection:
        late = await connection.fetchval(
            "select count(*) from livery.run r join livery.standing_approval s on s.standing_id = r.approval_id"
            " where s.standing_id = $1 and r.created_at > s.revoked_at", approval
        )  # fmt: skip
    assert late == 0
    await asyncio.sleep(2.1)  # until the target takes a burst of twenty again, ten a second


async def test_it_ends_by_time_without_anybody(house: House, target: Receiver) -> None:
    approval = await grant(house, target, 5)
    assert (await send(house, target, 40))["code"] == "tool_ok"
    async with owner(house.running) as connection:
        await connection.execute(
            "update livery.standing_approval set expires_at = clock_timestamp() where standing_id = $1",
            approval,
        )
    # What was compiled believes in it still: the transaction that begins the run does not.
    assert (await send(house, target, 41))["code"] == "approval_required"
    assert await used(house, approval) == ("expired", 1)


async def test_another_version_or_policy_is_another_thing(house: House, target: Receiver) -> None:
    policies = house.running.platform.services.policies
    approval = await grant(house, target, 5)
    text = DEFAULT_POLICIES + "\n// read once more\n"
    made = await policies.add(house.running.operator, text, [], "For tests.")
    await policies.activate(house.running.operator, made.version)
    assert (await send(house, target, 50))["code"] == "approval_required"
    newer = await grant(house, target, 5)
    assert (await send(house, target, 51))["approval_id"] == newer
    assert await used(house, approval) == ("active", 0)
    for item in (approval, newer):
        await revoke(house, item)


async def test_removing_a_target_revokes_what_was_approved_for_it(
    house: House, target: Receiver
) -> None:
    approval = await grant(house, target, 5)
    removed = await ask(house, "DELETE", f"{TARGETS}/{target.host}")
    assert removed.status_code == 204
    assert (await send(house, target, 60))["code"] == "approval_required"
    assert (await used(house, approval))[0] == "revoked"
    body = {"skill": "webhook-send", "target": target.host, "runs": 1, "workspace": "house"}
    refused = await ask(house, "POST", STANDING, body)
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_error")
    assert f"livery workspaces targets add house {target.host}" in refused.json()["remedy"]
    again = await ask(house, "POST", TARGETS, {"target": target.host.upper()})
    assert (again.status_code, again.json()["target"]) == (201, target.host)
    twice = await ask(house, "POST", TARGETS, {"target": target.host})
    assert (twice.status_code, twice.json()["code"]) == (409, "already_exists")
    assert (await send(house, target, 61))["code"] == "approval_required"
    kinds = [kind for kind, _ in await house.entries(target.host)]
    assert kinds == ["target.registered", "target.removed", "target.registered"]


async def test_who_may(house: House, target: Receiver) -> None:
    body = {"skill": "webhook-send", "target": target.host, "runs": 1, "workspace": "house"}
    await workspace(house.running, "next-door")
    stranger = await house.running.platform.services.tokens.create(
        house.running.operator, "customer_admin", workspace="next-door", name="mallory"
    )
    house.tokens["neighbour"] = stranger[0]
    expected = {
        "member": 403, "author": 403, "auditor": 403, "operator": 403, "neighbour": 404,
        "admin": 201, "approver": 201,
    }  # fmt: skip
    for who, status in expected.items():
        answer = await ask(house, "POST", STANDING, body, who)
        assert answer.status_code == status, (who, answer.text)
        made = await ask(house, "POST", TARGETS, {"target": f"{who}.example"}, who)
        assert made.status_code == status, (who, made.text)
        if status == 201:
            approval = answer.json()["approval_id"]
            for other in ("member", "operator", "neighbour"):
                refused = await revoke(house, approval, other)
                assert refused.status_code == (404 if other == "neighbour" else 403)
            assert (await revoke(house, approval, who)).status_code == 200
            seen = await ask(house, "GET", f"{STANDING}/{approval}", who="neighbour")
            assert seen.status_code == 404
    assert (await ask(house, "GET", STANDING, who="neighbour")).json()["items"] == []
    assert (await ask(house, "GET", TARGETS, who="neighbour")).status_code == 404
    # Where the customer delegates it, operators may.
    await ask(house, "PATCH", "/v1/workspaces/house", {"delegated_approval": True})
    answer = await ask(house, "POST", STANDING, body, "operator")
    assert answer.status_code == 201
    await ask(house, "PATCH", "/v1/workspaces/house", {"delegated_approval": False})
    assert (await revoke(house, answer.json()["approval_id"])).status_code == 200


async def test_with_four_eyes_nobody_uses_what_they_granted(house: House, target: Receiver) -> None:
    await ask(house, "PATCH", "/v1/workspaces/house", {"four_eyes": True})
    try:
        approval = await grant(house, target, 5, who="twin")  # twin and member are carol
        assert (await send(house, target, 70, who="twin"))["code"] == "approval_required"
        assert (await send(house, target, 71, who="member"))["code"] == "approval_required"
        assert (await send(house, target, 72, who="admin"))["approval_id"] == approval
        assert await used(house, approval) == ("active", 1)
    finally:
        await ask(house, "PATCH", "/v1/workspaces/house", {"four_eyes": False})
    assert (await send(house, target, 73, who="twin"))["approval_id"] == approval
    await revoke(house, approval)


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"runs": 0}, 422, "/runs"),
        ({"runs": 10_001}, 422, "/runs"),
        ({"runs": True}, 422, "/runs"),
        ({"expires_in_days": 0}, 422, "/expires_in_days"),
        ({"expires_in_days": 91}, 422, "/expires_in_days"),
        ({"target": "*"}, 422, "/target"),
        ({"target": "https://hooks.example.com/"}, 422, "/target"),
        ({"skill": "no-such"}, 404, None),
        ({"version": "9.9.9"}, 404, None),
        ({"hired_agent_id": "00000000-0000-0000-0000-000000000001"}, 404, None),
        ({"action": "write"}, 422, "/action"),
        ({"skill": "add"}, 403, None),
    ],
)
async def test_what_is_no_standing_approval(
    house: House, target: Receiver, change: dict[str, Any], status: int, pointer: str | None
) -> None:
    body = {"skill": "webhook-send", "target": target.host, "runs": 1, "workspace": "house"}
    answer = await ask(house, "POST", STANDING, {**body, **change})
    assert answer.status_code == status, answer.text
    if pointer is not None:
        assert [item["pointer"] for item in answer.json()["violations"]] == [pointer]


def contract(name: str, **members: Any) -> list[PackageFile]:
    """A python skill with these members in its contract."""
    kept = []
    for file in package(name, capabilities={"effects": ["send"], "network": ["input:/code"]}):
        data = file.data
        if file.path == "contract.yaml":
            data = yaml.safe_dump({**yaml.safe_load(data), **members}).encode()
        kept.append(PackageFile(file.path, data))
    return kept


async def test_a_fixed_review_policy_forbids_it(house: House, target: Receiver) -> None:
    await certified(house.running, contract("fixed-send", review_policy="fixed"))
    await certified(
        house.running,
        contract("write-too", capabilities={"effects": ["send", "write"], "network": []}),
    )
    body = {"target": target.host, "runs": 1, "workspace": "house"}
    for skill, said in (
        ("fixed-send", "fixed-send@1.0.0: The contract says review_policy: fixed"),
        ("write-too", "write-too@1.0.0: Only a skill whose sole effect is send"),
    ):
        answer = await ask(house, "POST", STANDING, {**body, "skill": skill})
        document = answer.json()
        assert (answer.status_code, document["code"]) == (403, "policy_denied"), document
        assert document["detail"].startswith(said)
        assert "livery approvals grant" in document["remedy"]
    # A row that is there all the same admits nothing: the kernel asks the contract itself.
    async with owner(house.running) as connection:
        await connection.execute(
            "insert into livery.standing_approval select 'STA-forged', $1, null, s.skill_id, s.skill_key, v.version,"
            " v.digest, 'send', 'hooks.example.com', p.policy_hash, 5, 0, clock_timestamp() + interval '1 day', 'x',"
            " gen_random_uuid() from livery.skill s join livery.skill_version v using (skill_id), livery.policy_set p"
            " where s.skill_key = 'fixed-send' and p.active", house.workspace_id
        )  # fmt: skip
    call = {
        "skill_key": "fixed-send",
        "workspace": "house",
        "input": {"code": "https://hooks.example.com/"},
    }
    answer = await ask(house, "POST", "/v1/runs", call)
    assert answer.json()["code"] == "approval_required"
    answer = await ask(house, "POST", "/v1/runs", {**call, "approval_id": "STA-forged"})
    assert answer.json()["code"] == "approval_invalid"


async def test_an_agent_has_its_own(house: House, target: Receiver) -> None:
    kind = AgentType("test.teller", 1, "Teller", "For tests.", ("webhook-send",), "published")
    running: Running = house.running
    await running.platform.hiring.add_type(
        kind, Entry("agent_type.published", TYPE_HOME, kind.ref, {})
    )
    ids = []
    for name in ("one", "two"):
        hired = await running.platform.services.hiring.hire(
            running.operator, kind.ref, "house", name
        )
        ids.append(str(hired.hired_agent_id))
        house.tokens[name], _ = await running.platform.services.tokens.create(
            running.operator, "agent", workspace="house", hired_agent_id=hired.hired_agent_id
        )
    approval = await grant(house, target, 5, hired_agent_id=ids[0])
    plain = {"workspace": None}
    assert (await send(house, target, 80, who="one", **plain))["approval_id"] == approval
    assert (await send(house, target, 81, who="two", **plain))["code"] == "approval_required"
    assert (await send(house, target, 82, who="member"))["code"] == "approval_required"
    as_agent = await send(house, target, 83, who="admin", hired_agent_id=ids[0])
    assert as_agent["approval_id"] == approval
    named = await send(house, target, 84, who="two", approval_id=approval, **plain)
    assert named["code"] == "approval_invalid"
    for who, count in (("one", 1), ("two", 0)):
        items = (await ask(house, "GET", STANDING, who=who)).json()["items"]
        assert len(items) == count, who
    refused = await ask(
        house, "POST", STANDING,
        {"skill": "webhook-send", "target": target.host, "runs": 9, "workspace": "house"}, "one",
    )  # fmt: skip
    assert refused.status_code == 403
    await revoke(house, approval)


async def test_a_call_that_would_wait_does_not_where_one_admits_it(
    house: House, target: Receiver
) -> None:
    approval = await grant(house, target, 1)
    done = await send(house, target, 90, wait_for_approval=True)
    assert (done["status"], done["approval_id"]) == ("succeeded", approval)
    waits = await send(house, target, 91, wait_for_approval=True)
    assert waits["status"] == "awaiting_approval"


async def test_one_key_at_once_uses_one(house: House, target: Receiver) -> None:
    approval = await grant(house, target, 5)
    done = await together(*(send(house, target, 95, key="k-95") for _ in range(8)))
    assert {item["code"] for item in done} <= {"tool_ok", "idempotency_in_flight"}
    assert await used(house, approval) == ("active", 1)
    assert arrived(target, 95) == [95]
    await revoke(house, approval)


async def test_another_workspace_gets_nothing_of_it(house: House, target: Receiver) -> None:
    approval = await grant(house, target, 5)
    await workspace(house.running, "across")
    caller = await principal(house.running, "customer_admin", "across")
    token, _ = await house.running.platform.services.tokens.create(
        house.running.operator, "customer_admin", workspace="across", name="nell"
    )
    assert caller.workspace_id != house.workspace_id
    house.tokens["across"] = token
    for more in ({}, {"approval_id": approval}):
        denied = await send(house, target, 99, who="across", **{"workspace": None, **more})
        assert denied["code"] in ("approval_required", "approval_invalid")
    assert await used(house, approval) == ("active", 0)
    await revoke(house, approval)
