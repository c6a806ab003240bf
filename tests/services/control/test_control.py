"""Stop, let go, explain, settle: over the real doors."""

from typing import Any

import pytest
from tests.support.governed import workspace
from tests.support.platform import NewPlatform, Running

from livery.kernel.policy import DEFAULT_POLICIES


async def ask(
    running: Running, method: str, path: str, body: Any = None, token: str | None = None
) -> tuple[int, Any]:
    async with running.http(token) as http:
        answer = await http.request(method, path, json=body)
    return answer.status_code, answer.json() if answer.content else None


async def add(running: Running, token: str | None = None, **more: Any) -> tuple[int, Any]:
    body = {"skill_key": "add", "input": {"a": 1, "b": 2}, **more}
    return await ask(running, "POST", "/v1/runs", body, token)


async def explained(running: Running, document: Any) -> Any:
    status, found = await ask(running, "GET", f"/v1/runs/{document['run_id']}/explain")
    assert status == 200
    return found


async def test_a_kill_switch_stops_the_next_call_in_every_process(
    new_platform: NewPlatform,
) -> None:
    async with new_platform() as one, new_platform(urls=one.urls, seeded=False) as two:
        for running in (one, two):
            assert (await add(running))[0] == 200
        status, switch = await ask(
            one, "POST", "/v1/kill-switches", {"scope": "all", "reason": "wrong sums"}
        )
        assert (status, switch["scope"]) == (201, "all")
        for running in (one, two):
            status, denied = await add(running)
            assert (status, denied["code"]) == (403, "kill_switch")
            assert "wrong sums" in denied["detail"]
        found = await explained(one, denied)
        assert found["rule"]["name"] == "kill switch"
        assert found["facts"]["now"]["kill_switch"] == "wrong sums"
        assert any("kill-switch release" in step["command"] for step in found["would_allow"])
        assert found["now"] == {
            "decision": "deny",
            "code": "kill_switch",
            "reasons": ["wrong sums"],
        }
        order = {"scope": "all", "reason": "mended"}
        assert (await ask(two, "POST", "/v1/kill-switches/release", order))[0] == 200
        for running in (one, two):
            assert (await add(running))[0] == 200
        assert (await explained(one, denied))["now"]["decision"] == "allow"
        assert (await ask(two, "POST", "/v1/kill-switches/release", order))[0] == 409


async def test_a_workspace_stops_alone_and_an_operators_switch_stays_the_operators(
    platform: Running,
) -> None:
    tokens = platform.platform.services.tokens
    await workspace(platform, "stopped")
    await workspace(platform, "other")
    admin, _ = await tokens.create(platform.operator, "customer_admin", workspace="stopped")
    other, _ = await tokens.create(platform.operator, "customer_admin", workspace="other")
    order = {"scope": "workspace", "target": "stopped", "reason": "an incident"}
    assert (await ask(platform, "POST", "/v1/kill-switches", order))[0] == 201
    assert (await add(platform, admin))[1]["code"] == "kill_switch"
    assert (await add(platform, other))[0] == 200
    # Engaged once more by the customer, it is still not theirs to release.
    assert (await ask(platform, "POST", "/v1/kill-switches", order, admin))[0] == 201
    assert (await ask(platform, "POST", "/v1/kill-switches/release", order, admin))[0] == 403
    assert (await ask(platform, "POST", "/v1/kill-switches", order, other))[0] == 404
    everything = {"scope": "all", "reason": "x"}
    assert (await ask(platform, "POST", "/v1/kill-switches", everything, admin))[0] == 403
    _, seen = await ask(platform, "GET", "/v1/kill-switches", token=other)
    assert seen["items"] == []
    assert (await ask(platform, "POST", "/v1/kill-switches/release", order))[0] == 200
    assert (await add(platform, admin))[0] == 200


async def test_a_paused_agent_does_nothing_until_it_is_resumed(platform: Running) -> None:
    _, agents = await ask(platform, "GET", "/v1/hired-agents")
    agent = agents["items"][0]
    call = {"skill_key": "weekly-digest", "input": {}, "hired_agent_id": agent["hired_agent_id"]}
    path = f"/v1/hired-agents/{agent['hired_agent_id']}"
    status, paused = await ask(platform, "POST", f"{path}/pause", {"reason": "holidays"})
    assert (status, paused["status"]) == (200, "paused")
    status, denied = await ask(platform, "POST", "/v1/runs", call)
    assert (status, denied["code"]) == (403, "agent_paused")
    assert (await explained(platform, denied))["facts"]["now"]["agent_status"] == "paused"
    assert (await ask(platform, "POST", f"{path}/pause", {"reason": "again"}))[0] == 409
    assert (await ask(platform, "POST", f"{path}/resume", {"reason": "back"}))[0] == 200
    assert (await ask(platform, "POST", "/v1/runs", call))[1].get("code") != "agent_paused"
    assert (await ask(platform, "POST", f"{path}/pause", {"reason": " "}))[0] == 422


STRICT = DEFAULT_POLICIES + (
    '@id("no-sums-for-staff") forbid (principal in Role::"operator", action == Action::"execute", resource)'
    ' when { resource.key == "add" };'
)


async def test_a_policy_is_tested_previewed_activated_and_taken_back(
    new_platform: NewPlatform,
) -> None:
    async with new_platform() as running:
        for _ in range(3):
            assert (await add(running))[0] == 200
        case = {"name": "no sums", "role": "operator", "skill": {"key": "add"}, "expect": "deny"}
        wrong = {**case, "expect": "allow"}
        body = {"text": STRICT, "cases": [wrong], "note": "no sums for staff"}
        status, refused = await ask(running, "POST", "/v1/policies", body)
        assert status == 403
        assert "expected allow, got deny by no-sums-for-staff" in str(refused["violations"])
        for text, cases in (("permit (", []), (STRICT, [{"name": "x"}]), (" ", [])):
            body = {"text": text, "cases": cases, "note": "x"}
            assert (await ask(running, "POST", "/v1/policies", body))[0] == 422, text
        # Whoever may do everything still asks before an effect.
        body = {"text": "permit (principal, action, resource);", "cases": [], "note": "all"}
        status, refused = await ask(running, "POST", "/v1/policies", body)
        assert (status, refused["code"]) == (403, "policy_denied")
        assert "without an approval" in str(refused["violations"])
        body = {"text": DEFAULT_POLICIES, "cases": [], "note": "as shipped"}
        _, shipped = await ask(running, "POST", "/v1/policies", body)
        body = {"text": STRICT, "cases": [case], "note": "no sums for staff"}
        status, added = await ask(running, "POST", "/v1/policies", body)
        assert (status, added["active"]) == (201, False)
        assert (await add(running))[0] == 200, "a version that is not active decides nothing"
        _, preview = await ask(running, "GET", f"/v1/policies/{added['version']}/preview")
        changed = [item for item in preview["changes"] if item["skill_key"] == "add"]
        assert len(changed) == 4
        assert {(item["before"], item["after"]) for item in changed} == {("allow", "deny")}
        assert preview["same"] + len(preview["changes"]) == preview["runs"]
        await ask(running, "POST", f"/v1/policies/{added['version']}/activate")
        status, denied = await add(running)
        assert (status, denied["code"]) == (403, "policy_denied")
        found = await explained(running, denied)
        [policy] = found["rule"]["policies"]
        assert policy["id"] == "no-sums-for-staff"
        assert 'resource.key == "add"' in policy["text"]
        await ask(running, "POST", f"/v1/policies/{shipped['version']}/activate")
        assert (await add(running))[0] == 200


async def test_explaining_needs_the_run_to_be_ones_own(platform: Running) -> None:
    tokens = platform.platform.services.tokens
    await workspace(platform, "reader")
    token, _ = await tokens.create(platform.operator, "customer_member", workspace="reader")
    _, document = await add(platform)
    path = f"/v1/runs/{document['run_id']}/explain"
    assert (await ask(platform, "GET", path, token=token))[0] == 404
    assert (await ask(platform, "GET", "/v1/runs/nonsense/explain"))[0] in (404, 422)
    found = await explained(platform, document)
    assert (found["status"], found["would_allow"]) == ("succeeded", [])


@pytest.mark.parametrize(
    ("outcome", "evidence", "status"),
    [
        ("maybe", {"a": 1}, 422),
        ("failed", {}, 422),
        ("failed", {"api_key": "sk-" + "a" * 40}, 422),
        ("failed", {"a": 1}, 409),
    ],
)
async def test_only_what_is_unknown_is_settled(
    platform: Running, outcome: str, evidence: dict[str, Any], status: int
) -> None:
    _, document = await add(platform)
    body = {"outcome": outcome, "evidence": evidence}
    path = f"/v1/runs/{document['run_id']}/resolve"
    assert (await ask(platform, "POST", path, body))[0] == status
