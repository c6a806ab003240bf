"""Every route, every role: the expected status of each is written here by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from tests.api.conftest import ROLES, World

ALL = dict.fromkeys(ROLES, 200)


def only(*roles: str, status: int = 200, other: int = 403) -> dict[str, int]:
    return {role: status if role in roles else other for role in ROLES}


# An agent sees its own skills, runs and artifacts, and of `add`, the operator's run and its artifacts nothing.
NOT_THE_AGENTS = {**ALL, "agent": 404}
PEOPLE = {**ALL, "agent": 403}
# The body is read before the role is asked.
ALL_UNREADABLE = dict.fromkeys(ROLES, 422)
NOBODY = "00000000-0000-0000-0000-000000000009"
MEMBERS = ("customer_admin", "customer_member", "agent")
TABLE: dict[tuple[str, str], tuple[Any, dict[str, int]]] = {
    ("GET", "/v1/whoami"): (None, ALL),
    ("GET", "/v1/tokens"): (None, only("operator", "auditor", "customer_admin")),
    ("POST", "/v1/tokens"): (
        {"role": "customer_member", "workspace": "acme"},
        only("operator", "customer_admin", status=201),
    ),
    ("DELETE", "/v1/tokens/00000000-0000-0000-0000-000000000009"): (
        None,
        only("operator", "customer_admin", status=404),
    ),
    ("GET", "/v1/workspaces"): (None, ALL),
    ("POST", "/v1/workspaces"): ({"name": "acme"}, only("operator", status=409)),
    ("GET", "/v1/skills"): (None, ALL),
    ("GET", "/v1/skills/add"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/skills/add/versions"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/skills/add/versions/1.0.0/certificate"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/skills/add/versions/1.0.0/package"): (None, NOT_THE_AGENTS),
    ("POST", "/v1/skills"): (
        {"name": "add", "description": "x", "category": "x"},
        only("operator", "author", "customer_admin", status=409),
    ),
    ("GET", "/v1/skill-diagnostics"): (None, PEOPLE),
    ("POST", "/v1/skills/batch"): (
        {},
        only("operator", "author", "customer_admin", status=415),
    ),
    ("POST", "/v1/skills/add/certify"): ({}, only("operator", "approver")),
    ("POST", "/v1/skills/add/versions/1.0.0/certify"): ({}, only("operator", "approver")),
    ("POST", "/v1/skills/add/revoke"): ({"reason": "  "}, only("operator", status=422)),
    ("POST", "/v1/skills/add/versions/1.0.0/revoke"): (
        {"reason": "  "},
        only("operator", status=422),
    ),
    ("POST", "/v1/skills/add/restore"): (None, only("operator")),
    ("POST", "/v1/skills/add/versions/1.0.0/restore"): (None, only("operator")),
    ("POST", "/v1/skills/add/deprecate"): ({"reason": "\x00"}, ALL_UNREADABLE),
    ("POST", "/v1/skills/add/versions/1.0.0/deprecate"): ({"reason": "\x00"}, ALL_UNREADABLE),
    # A version that was used is never deleted.
    ("DELETE", "/v1/skills/weekly-digest"): (None, only("operator", status=409)),
    ("DELETE", "/v1/skills/weekly-digest/versions/1.1.0"): (None, only("operator", status=409)),
    ("POST", "/v1/skills/add/promote"): ({"channel": "staging"}, only("operator", "approver")),
    ("POST", "/v1/skills/add/versions/1.0.0/promote"): (
        {"channel": "staging"},
        only("operator", "approver"),
    ),
    ("POST", "/v1/skills/add/rollback"): (
        {"channel": "production"},
        only("operator", "approver", status=409),
    ),
    ("GET", "/v1/skills/add/channels"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/skills/add/diff?from=1.0.0&to=1.0.0"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/skills/add/impact"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/skills/add/versions/1.0.0/impact"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/certification-jobs"): (None, PEOPLE),
    ("GET", "/v1/certification-jobs/00000000-0000-0000-0000-000000000009"): (
        None,
        {**only(other=404), "agent": 403},
    ),
    ("GET", "/v1/skills/add/versions/1.0.0/sign-offs"): (None, NOT_THE_AGENTS),
    ("POST", "/v1/skills/add/versions/1.0.0/sign-offs"): (
        {"note": "  "},
        only("operator", "approver", status=422),
    ),
    ("GET", "/v1/skills/add/versions/1.0.0/suppressions"): (None, NOT_THE_AGENTS),
    ("POST", "/v1/skills/add/versions/1.0.0/suppressions"): (
        {"fingerprint": "0", "reason": "short"},
        only("operator", "approver", status=422),
    ),
    ("POST", "/v1/runs"): (
        {
            "skill_key": "weekly-digest",
            "input": {"from": "2026-01-05", "to": "2026-01-11"},
            "workspace": "acme",
        },
        only("operator", "author", *MEMBERS),
    ),
    ("GET", "/v1/runs"): (None, ALL),
    ("GET", "/v1/runs/{run_id}"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/runs/{run_id}/explain"): (None, NOT_THE_AGENTS),
    ("POST", "/v1/runs/{run_id}/resolve"): (
        {"outcome": "failed", "evidence": {"a": 1}},
        only("operator", "approver", "customer_admin", status=409),
    ),
    ("GET", "/v1/effects"): (None, ALL),
    ("GET", "/v1/kill-switches"): (None, ALL),
    ("POST", "/v1/kill-switches"): (
        {"scope": "workspace", "target": "no-such", "reason": "x"},
        only("operator", "customer_admin", status=404),
    ),
    ("POST", "/v1/kill-switches/release"): (
        {"scope": "workspace", "target": "acme", "reason": "x"},
        only("operator", "customer_admin", status=409),
    ),
    ("POST", "/v1/hired-agents/no-such/pause"): (
        {"reason": "x"},
        only("operator", "customer_admin", status=404),
    ),
    ("POST", "/v1/hired-agents/no-such/resume"): (
        {"reason": "x"},
        only("operator", "customer_admin", status=404),
    ),
    ("GET", "/v1/policies"): (None, only("operator", "auditor", "approver")),
    ("POST", "/v1/policies"): (
        {"text": "permit (", "cases": [], "note": "x"},
        only("operator", status=422),
    ),
    ("GET", "/v1/policies/99"): (None, only("operator", "auditor", "approver", status=404)),
    ("GET", "/v1/policies/99/preview"): (None, only("operator", "auditor", "approver", status=404)),
    ("POST", "/v1/policies/99/activate"): (None, only("operator", status=404)),
    ("GET", "/v1/artifacts"): (None, ALL),
    ("GET", "/v1/artifacts/{artifact_id}"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/artifacts/{artifact_id}/content"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/artifacts/{artifact_id}/provenance"): (None, NOT_THE_AGENTS),
    ("GET", "/v1/audit"): (None, only("operator", "auditor", "approver", "customer_admin")),
    ("GET", "/v1/audit/checkpoint"): (None, only("operator", "auditor")),
    ("GET", "/v1/audit/checkpoints"): (None, only("operator", "auditor")),
    ("GET", "/v1/audit/verify"): (None, only("operator", "auditor")),
    ("GET", "/v1/audit/export"): (None, only("operator", "auditor")),
    ("GET", "/v1/agent-types"): (None, ALL),
    ("GET", "/v1/hired-agents"): (None, ALL),
    ("POST", "/v1/hired-agents"): (
        {"agent_type": "analytics.weekly_digest.v1", "workspace": "acme"},
        only("operator", "customer_admin", status=409),
    ),
    ("GET", "/v1/job-roles"): (None, ALL),
    ("POST", "/v1/job-roles"): (
        {"name": "x", "description": "x", "skills": ["no-such"]},
        only("operator", "author", status=422),
    ),
    ("GET", "/v1/job-roles/add"): (None, only(status=404, other=404)),
    ("PUT", "/v1/job-roles/add"): (
        {"name": "x", "description": "x", "skills": ["add"]},
        only("operator", "author", status=404),
    ),
    ("PATCH", "/v1/job-roles/add"): ({"name": "x"}, only("operator", "author", status=404)),
    ("POST", "/v1/job-roles/add/certify"): (None, only("operator", "approver", status=404)),
    ("POST", "/v1/job-roles/add/versions/1/certify"): (
        None,
        only("operator", "approver", status=404),
    ),
    ("POST", "/v1/job-roles/add/revoke"): ({"reason": "x"}, only("operator", status=404)),
    ("POST", "/v1/job-roles/add/versions/1/revoke"): (
        {"reason": "x"},
        only("operator", status=404),
    ),
    ("GET", "/v1/bindings"): (None, ALL),
    ("GET", "/v1/bindings/none?workspace=acme"): (None, only(status=404, other=404)),
    ("PUT", "/v1/bindings/none?workspace=acme"): (
        {"skill": "no-such", "version": "1.0.0"},
        only("operator", "customer_admin", status=422),
    ),
    ("POST", "/v1/bindings/none/rollback?workspace=acme"): (
        None,
        only("operator", "customer_admin", status=404),
    ),
    ("DELETE", "/v1/bindings/none?workspace=acme"): (
        None,
        only("operator", "customer_admin", status=404),
    ),
    # An agent cancels what it started and nothing else.
    ("POST", "/v1/runs/{run_id}/cancel"): (
        None,
        {
            **only("operator", "customer_admin", "customer_member", status=409),
            "agent": 404,
        },
    ),
    ("PATCH", "/v1/workspaces/acme"): (
        {"four_eyes": False},
        only("operator", "customer_admin"),
    ),
    ("GET", "/v1/approvals"): (None, ALL),
    ("GET", "/v1/approvals/APR-none"): (None, only(status=404, other=404)),
    ("POST", "/v1/approvals/APR-none/revoke"): (
        {"reason": "x"},
        only("operator", "approver", "customer_admin", status=404),
    ),
    ("GET", "/v1/workspaces/acme/targets"): (None, ALL),
    ("POST", "/v1/workspaces/acme/targets"): (
        {"target": "https://no"},
        only("approver", "customer_admin", status=422),
    ),
    ("DELETE", "/v1/workspaces/acme/targets/no.example"): (
        None,
        only("approver", "customer_admin", status=404),
    ),
    ("GET", "/v1/standing-approvals"): (None, ALL),
    ("GET", "/v1/standing-approvals/STA-none"): (None, only(status=404, other=404)),
    # `acme` has delegated nothing: its operators approve nothing there.
    ("POST", "/v1/standing-approvals"): (
        {"skill": "no-such", "target": "no.example", "runs": 1, "workspace": "acme"},
        only("approver", "customer_admin", status=404),
    ),
    ("POST", "/v1/standing-approvals/STA-none/revoke"): (
        {"reason": "x"},
        only("operator", "approver", "customer_admin", status=404),
    ),
    ("GET", "/v1/code-grants"): (None, ALL),
    ("DELETE", f"/v1/code-grants/{NOBODY}"): (
        None,
        only("operator", "approver", "customer_admin", status=404),
    ),
    ("POST", "/v1/approvals/APR-none/grant"): (
        None,
        only("operator", "approver", "customer_admin", status=404),
    ),
    ("POST", "/v1/approvals/APR-none/deny"): (
        None,
        only("operator", "approver", "customer_admin", status=404),
    ),
    ("GET", "/v1/session-logs/cursors?workspace=acme"): (None, only("operator", *MEMBERS)),
    ("POST", "/v1/session-logs?workspace=acme"): (None, only("operator", *MEMBERS, status=422)),
}
OPEN = (
    "/v1/health",
    "/v1/ready",
    "/v1/keys",
    "/v1/metrics",
    "/health",
    "/ready",
    "/keys",
    "/metrics",
)
# What only the other workspace has, as an admin of `other` sees it.
FOREIGN = {
    "/v1/runs/{run_id}": 404,
    "/v1/artifacts/{artifact_id}": 404,
    "/v1/artifacts/{artifact_id}/content": 404,
    "/v1/artifacts/{artifact_id}/provenance": 404,
}


def path_of(world: World, path: str) -> str:
    return path.replace("{run_id}", world.run_id).replace("{artifact_id}", world.artifact_id)


async def call(world: World, token: str, method: str, path: str, body: Any) -> Any:
    async with world.running.http(token) as http:
        return (
            await http.request(method, path_of(world, path), json=body)
            if body is not None
            else await http.request(method, path_of(world, path))
        )


def check_problem(answer: Any) -> dict[str, Any]:
    """A problem document like every other."""
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == answer.status_code
    assert document["correlation_id"] == answer.headers["x-correlation-id"]
    assert {"type", "title", "detail", "code", "violations", "remedy"} <= document.keys()
    return document


def test_the_table_knows_every_route(world: World) -> None:
    listed = {
        (method, path.partition("?")[0].replace("weekly-digest", "add").replace("1.1.0", "1.0.0"))
        for method, path in TABLE
    }
    schema = world.running.platform.app.openapi()
    for path, operations in schema["paths"].items():
        for method in operations:
            shown = path.replace("{key}", "add").replace("{version}", "1.0.0")
            shown = shown.replace("{token_id}", "00000000-0000-0000-0000-000000000009")
            shown = shown.replace("{approval_id}", "APR-none").replace("{slot}", "none")
            shown = shown.replace("{number}", "1")
            shown = shown.replace("{agent}", "no-such").replace("policies/1.0.0", "policies/99")
            shown = shown.replace("{standing_id}", "STA-none").replace("{target}", "no.example")
            shown = shown.replace("{workspace}", "acme").replace("{grant_id}", NOBODY)
            shown = shown.replace("{job_id}", "00000000-0000-0000-0000-000000000009")
            assert (method.upper(), shown) in listed or shown in OPEN, (method, path)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", TABLE, ids=" ".join)
async def test_roles(world: World, route: tuple[str, str], role: str) -> None:
    body, expected = TABLE[route]
    answer = await call(world, world.tokens[role], *route, body)
    assert answer.status_code == expected[role], answer.text
    if answer.status_code >= 400:
        document = check_problem(answer)
        if expected[role] == 403:
            assert document["code"] in ("forbidden", "policy_denied")


async def test_an_agent_sees_its_own_and_nothing_else(world: World) -> None:
    async with world.running.http(world.tokens["agent"]) as http:
        ran = (await http.post("/v1/runs", json={"skill_key": "weekly-digest", "input": {}})).json()
        refused = (await http.post("/v1/runs", json={"skill_key": "add", "input": {}})).json()
        assert (ran["status"], refused["code"]) == ("succeeded", "skill_not_allowed")
        for query in ("", "?q=add", "?category=math", "?limit=1"):
            listed = (await http.get(f"/v1/skills{query}")).json()["items"]
            expected = [] if query in ("?q=add", "?category=math") else ["weekly-digest"]
            assert [item["skill_key"] for item in listed] == expected
        assert (await http.get("/v1/skills/weekly-digest")).status_code == 200
        runs = {item["run_id"] for item in (await http.get("/v1/runs?limit=500")).json()["items"]}
        assert {ran["run_id"], refused["run_id"]} <= runs
        assert world.run_id not in runs
        own = ran["artifacts"][0]["artifact_id"]
        for path in (f"runs/{ran['run_id']}", f"artifacts/{own}", f"artifacts/{own}/provenance"):
            assert (await http.get(f"/v1/{path}")).status_code == 200
        items = (await http.get("/v1/artifacts?limit=500")).json()["items"]
        assert {item["run_id"] for item in items} <= runs
        agents = (await http.get("/v1/hired-agents")).json()["items"]
        assert [item["hired_agent_id"] for item in agents] == [world.agent_id]
    async with world.running.http(world.tokens["customer_member"]) as http:
        seen = {item["run_id"] for item in (await http.get("/v1/runs?limit=500")).json()["items"]}
        assert {world.run_id, ran["run_id"]} <= seen
        assert len((await http.get("/v1/skills")).json()["items"]) > 1


@pytest.mark.parametrize("route", TABLE, ids=" ".join)
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer lvy_nonsense",
        "Basic bHZ5Og==",
        "Bearer lvy_" + "x" * 10_000,
        "Bearer lvy_\u00ff",
        "{token}",
        "Bearer {token}x",
        "Bearer {token} {token}",
        "Token {token}",
    ],
)
async def test_without_a_token(world: World, route: tuple[str, str], header: str | None) -> None:
    body, _ = TABLE[route]
    async with world.running.http() as http:
        del http.headers["authorization"]
        if header is not None:
            value = header.replace("{token}", world.running.token).encode("latin-1")
            http.headers.update({b"authorization": value})  # type: ignore[dict-item]
        answer = await http.request(route[0], path_of(world, route[1]), json=body)
    assert answer.status_code == 401
    assert check_problem(answer)["code"] == "unauthenticated"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", OPEN)
async def test_open_routes(world: World, path: str) -> None:
    async with world.running.http() as http:
        del http.headers["authorization"]
        assert (await http.get(path)).status_code == 200


async def test_expired_and_revoked_tokens(world: World) -> None:
    async with world.running.http() as http:
        made = (await http.post("/v1/tokens", json={"role": "operator"})).json()
        short = await http.post("/v1/tokens", json={"role": "operator", "expires_in_days": 1})
        assert short.status_code == 201
    call_run = {"skill_key": "add", "input": {"a": 1, "b": 1}}
    async with world.running.http(made["token"]) as http:
        assert (await http.post("/v1/runs", json=call_run)).status_code == 200
    async with world.running.http(short.json()["token"]) as http:
        assert (await http.post("/v1/runs", json=call_run)).status_code == 200
    async with world.running.http() as http:
        assert (await http.delete(f"/v1/tokens/{made['token_id']}")).status_code == 204
        again = await http.delete(f"/v1/tokens/{made['token_id']}")
        assert again.status_code == 404
    owner = await asyncpg.connect(world.running.urls.owner)
    await owner.execute(
        "update livery.token set expires_at = $2 where token_id = $1",
        short.json()["token_id"],
        datetime.now(UTC) - timedelta(seconds=1),
    )
    await owner.close()
    for token in (made["token"], short.json()["token"]):
        for route in TABLE:
            if token != made["token"] and route == ("POST", "/v1/runs"):
                continue  # its expiry was moved behind the platform's back; see below
            answer = await call(world, token, *route, TABLE[route][0])
            assert answer.status_code == 401, route


async def test_an_expiry_is_kept_on_the_hot_path_too(world: World) -> None:
    second = 1 / 86400
    async with world.running.http() as http:
        made = (
            await http.post("/v1/tokens", json={"role": "operator", "expires_in_days": second})
        ).json()
    call_run = {"skill_key": "add", "input": {"a": 1, "b": 1}}
    statuses = []
    async with world.running.http(made["token"]) as http:
        statuses.append((await http.post("/v1/runs", json=call_run)).status_code)
        ends = datetime.fromisoformat(made["expires_at"].replace("Z", "+00:00"))
        while datetime.now(UTC) <= ends:
            await http.post("/v1/runs", json=call_run)
        statuses.append((await http.post("/v1/runs", json=call_run)).status_code)
    assert statuses[-1] == 401
    assert statuses[0] in (200, 401)  # 401 where a busy machine took the second before


@pytest.mark.parametrize("path", FOREIGN)
async def test_another_workspace_is_not_there(world: World, path: str) -> None:
    answer = await call(world, world.other_admin, "GET", path, None)
    assert answer.status_code == FOREIGN[path]
    assert "acme" not in answer.text


async def test_lists_show_the_own_workspace_only(world: World) -> None:
    async with world.running.http(world.other_admin) as http:
        assert (await http.get("/v1/runs")).json()["items"] == []
        assert (await http.get("/v1/artifacts")).json()["items"] == []
        assert [item["slug"] for item in (await http.get("/v1/workspaces")).json()["items"]] == [
            "other"
        ]
        agents = (await http.get("/v1/hired-agents")).json()["items"]
        assert [item["hired_agent_id"] for item in agents] == [world.other_agent_id]
        for item in (await http.get("/v1/audit?limit=500")).json()["items"]:
            assert item["workspace_id"] != world.workspace_id
        tokens = (await http.get("/v1/tokens")).json()["items"]
        assert len(tokens) == 1
        assert world.other_admin not in str(tokens)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/runs", {"skill_key": "add", "input": {"a": 1, "b": 1}, "workspace": "acme"}),
        (
            "POST",
            "/v1/hired-agents",
            {"agent_type": "analytics.weekly_digest.v1", "workspace": "acme"},
        ),
        ("POST", "/v1/tokens", {"role": "customer_member", "workspace": "acme"}),
        ("GET", "/v1/session-logs/cursors?workspace=acme", None),
        (
            "POST",
            "/v1/runs",
            {"skill_key": "add", "input": {"a": 1, "b": 1}, "hired_agent_id": "{acme_agent}"},
        ),
        ("POST", "/v1/tokens", {"role": "agent", "hired_agent_id": "{acme_agent}"}),
    ],
)
async def test_nobody_acts_in_another_workspace(
    world: World, method: str, path: str, body: Any
) -> None:
    if body and "hired_agent_id" in body:
        body = {**body, "hired_agent_id": world.agent_id}
    answer = await call(world, world.other_admin, method, path, body)
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    ("token", "body", "status"),
    [
        ("customer_admin", {"role": "operator"}, 403),
        ("customer_admin", {"role": "auditor"}, 403),
        ("customer_admin", {"role": "customer_admin"}, 201),
        ("operator", {"role": "agent", "workspace": "acme"}, 422),
        ("operator", {"role": "root"}, 422),
        ("operator", {"role": "customer_member", "workspace": "nowhere"}, 404),
        (
            "operator",
            {
                "role": "agent",
                "workspace": "acme",
                "hired_agent_id": "00000000-0000-0000-0000-000000000001",
            },
            404,
        ),
        ("operator", {"role": "operator", "expires_in_days": 0}, 422),
        ("operator", {"role": "operator", "expires_in_days": -1}, 422),
        ("operator", {"role": "operator", "expires_in_days": 1e308}, 422),
    ],
)
async def test_which_tokens_can_be_made(world: World, token: str, body: Any, status: int) -> None:
    answer = await call(world, world.tokens[token], "POST", "/v1/tokens", body)
    assert answer.status_code == status, answer.text


async def test_an_agent_runs_its_skills_and_nothing_else(world: World) -> None:
    async with world.running.http(world.tokens["agent"]) as http:
        refused = await http.post("/v1/runs", json={"skill_key": "add", "input": {"a": 1, "b": 2}})
        assert refused.status_code == 403
        assert refused.json()["code"] == "skill_not_allowed"
        assert refused.json()["envelope"]["run_id"] == refused.json()["run_id"]
        as_other = {
            "skill_key": "weekly-digest",
            "input": {},
            "hired_agent_id": world.other_agent_id,
        }
        assert (await http.post("/v1/runs", json=as_other)).status_code == 404
