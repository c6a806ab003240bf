"""Explanations of what waits, of what somebody's role cannot run, and of a target that is refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.services.approvals.test_lifecycle import House, body, furnish
from tests.support.governed import add_skill, priced
from tests.support.platform import NewPlatform

from livery.cli import explain as command
from livery.cli.screen import Screen
from livery.kernel.policy import DEFAULT_POLICIES


@pytest.fixture(scope="module")
async def house(new_platform: NewPlatform) -> AsyncIterator[House]:
    async with new_platform() as running:
        yield await furnish(running, "house")


async def call(house: House, who: str = "member", **sent: Any) -> dict[str, Any]:
    async with house.as_(who) as http:
        answer = await http.post("/v1/runs", json=sent)
    document: dict[str, Any] = answer.json()
    return document


async def explained(house: House, run_id: str, who: str = "admin") -> dict[str, Any]:
    async with house.as_(who) as http:
        answer = await http.get(f"/v1/runs/{run_id}/explain")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def commands(found: dict[str, Any]) -> list[str]:
    return [step["command"] for step in found["would_allow"]]


async def test_a_run_that_waits_names_the_floor_and_what_lets_it_on(house: House) -> None:
    waits = await call(house, **body(1, wait_for_approval=True))
    assert waits["status"] == "awaiting_approval"
    approval = waits["approval_id"]
    found = await explained(house, waits["run_id"])
    assert (found["status"], found["code"]) == ("awaiting_approval", "approval_required")
    assert found["reason"] == (
        f"It waits for the approval {approval}. The effect send needs an approval of exactly these arguments."
    )
    assert found["rule"]["name"] == "approval"
    floor, policy = found["rule"]["policies"]
    assert (floor["id"], "No policy lifts it" in floor["text"]) == ("floor", True)
    assert policy["id"] == "effects-need-an-approval"
    assert policy["text"].startswith("forbid (principal")
    assert commands(found) == [
        f"livery approvals show {approval}",
        f"livery approvals grant {approval}",
        "livery workspaces targets add house hooks.example.com",
        "livery approvals standing grant webhook-send hooks.example.com --runs 10 --workspace house",
    ]
    assert found["now"]["code"] == "approval_required"
    async with house.as_("admin") as http:
        await http.post(f"/v1/approvals/{approval}/grant")
    queued = await explained(house, waits["run_id"])
    if queued["status"] == "queued":  # a worker may be faster
        assert (queued["rule"]["name"], queued["would_allow"]) == ("approval", [])
        assert "about to be started" in queued["rule"]["says"]


async def test_one_that_was_refused_for_want_of_an_approval(house: House) -> None:
    refused = await call(house, **body(2))
    found = await explained(house, refused["run_id"])
    assert [item["id"] for item in found["rule"]["policies"]] == [
        "floor",
        "effects-need-an-approval",
    ]
    assert commands(found)[-1].startswith("livery approvals standing grant webhook-send")
    await add_skill(house.running, priced("touch", effects=["write"]))
    refused = await call(house, skill_key="touch", input={"code": "1"})
    found = await explained(house, refused["run_id"])
    assert not any("standing" in item for item in commands(found)), "it does not only send"


async def test_whom_nothing_permits_hears_of_the_role(house: House) -> None:
    refused = await call(house, "author", **body(3, workspace="house"))
    said = "Denied by policy: no policy permits the role author to run webhook-send."
    assert (refused["code"], refused["detail"]) == ("policy_denied", said)
    found = await explained(house, refused["run_id"])
    assert (found["rule"]["name"], found["rule"]["policies"]) == ("policy", [])
    assert found["reason"] == said
    assert found["would_allow"][0]["command"].startswith("livery token new --role")
    assert found["now"] == {"decision": "deny", "code": "policy_denied", "reasons": [said]}


async def test_a_target_that_is_refused(house: House) -> None:
    args = {"url": "http://169.254.169.254/", "payload": {}}
    refused = await call(house, skill_key="webhook-send", input=args)
    found = await explained(house, refused["run_id"])
    assert (found["code"], found["rule"]["name"]) == ("provider_policy_denied", "target")
    assert found["reason"] == (
        "169.254.169.254 is a link-local address; private targets are refused."
    )
    assert commands(found) == ["LIVERY_ALLOW_PRIVATE_TARGETS=169.254.169.254:80"]


async def test_the_floor_stands_where_a_policy_asks_no_more(house: House) -> None:
    policies = house.running.platform.services.policies
    spared = DEFAULT_POLICIES.replace(
        "unless { resource.effects.isEmpty()",
        'unless { resource.key == "webhook-send" || resource.effects.isEmpty()',
    )
    made = await policies.add(house.running.operator, spared, [], "For tests.")
    await policies.activate(house.running.operator, made.version)
    refused = await call(house, **body(4))
    assert refused["code"] == "approval_required"
    found = await explained(house, refused["run_id"])
    assert [item["id"] for item in found["rule"]["policies"]] == ["floor"]


async def test_how_a_person_reads_it(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    waits = await call(house, **body(5, wait_for_approval=True))
    found = await explained(house, waits["run_id"])
    Screen().show(*command._parts(found))
    shown = " ".join(capsys.readouterr().out.split())
    assert "webhook-send@1.0.1 · awaiting_approval" in shown
    assert "The floor" in shown
    assert f"livery approvals grant {waits['approval_id']}" in shown
    assert "The same call now: it asks for an approval." in shown


async def test_a_run_that_was_refused_inside_says_so_and_by_which_capability(house: House) -> None:
    asked = {"kind": "network", "value": "https://example.com/"}
    async with house.running.http() as http:
        ran = (
            await http.post("/v1/runs", json={"skill_key": "capability-probe", "input": asked})
        ).json()
        assert (ran["status"], ran["code"]) == ("failed", "skill_capability_denied")
        found = (await http.get(f"/v1/runs/{ran['run_id']}/explain")).json()
        listed = (await http.get("/v1/runs", params={"code": "skill_capability_denied"})).json()
    assert ran["run_id"] in [item["run_id"] for item in listed["items"]]  # as the README says
    assert found["rule"]["name"] == "capabilities"
    assert found["rule"]["says"].startswith("The run was admitted; the skill was refused inside")
    assert (found["now"]["decision"], found["now"]["code"]) == ("allow", "skill_capability_denied")
    assert "did not declare network 'example.com'" in found["now"]["reasons"][0]
    first = found["would_allow"][0]
    assert "capabilities.network" in first["do"]
    assert first["command"] == "livery skills add FOLDER --certify"
    screen = Screen()
    with screen.out.capture() as said:
        screen.show(*command._parts(found))
    assert "The same call now: allowed" not in said.get()
    assert "admitted, and then refused inside, skill_capability_denied" in said.get()
