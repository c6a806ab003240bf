"""Job roles and bindings over HTTP, and a run through a slot."""

from typing import Any

import pytest
from tests.api.conftest import World
from tests.api.test_roles import check_problem

ROLE = {"name": "Adder", "description": "Adds.", "skills": ["add", "weekly-digest@1.1.0"]}


async def ask(
    world: World, method: str, path: str, body: Any = None, role: str = "operator"
) -> Any:
    async with world.running.http(world.tokens[role]) as http:
        more = {} if body is None else {"json": body}
        return await http.request(method, f"/v1{path}", **more)


async def test_a_job_role(world: World) -> None:
    made = await ask(world, "POST", "/job-roles", ROLE, "author")
    assert made.status_code == 201
    role = made.json()
    assert (role["role_key"], role["version"], role["status"]) == (
        "adder",
        1,
        "pending_certification",
    )
    assert role["certified_version"] is None
    assert [(item["skill_key"], item["version"], item["status"]) for item in role["skills"]] == [
        ("add", "1.0.0", "certified"),
        ("weekly-digest", "1.1.0", "certified"),
    ]
    done = await ask(world, "POST", "/job-roles/adder/certify", role="approver")
    assert (done.status_code, done.json()["status"]) == (200, "certified")
    assert (await ask(world, "POST", "/job-roles/adder/certify")).json() == done.json()
    body = {"name": "Adder", "description": "Adds more.", "skills": ["add"]}
    edited = (await ask(world, "PUT", "/job-roles/adder", body)).json()
    assert (edited["version"], edited["certified_version"], edited["description"]) == (
        2,
        1,
        "Adds more.",
    )
    patched = (await ask(world, "PATCH", "/job-roles/adder", {"name": "A"})).json()
    assert (patched["version"], patched["name"], patched["description"]) == (3, "A", "Adds more.")
    assert [item["version"] for item in patched["versions"]] == [3, 2, 1]
    listed = (await ask(world, "GET", "/job-roles?status=pending_certification")).json()
    assert [item["role_key"] for item in listed["items"]] == ["adder"]
    assert (await ask(world, "GET", "/job-roles?status=certified")).json()["items"] == []
    seen = (await ask(world, "GET", "/job-roles/adder", role="customer_member")).json()
    assert (seen["version"], seen["status"]) == (1, "certified")
    gone = await ask(world, "POST", "/job-roles/adder/versions/1/revoke", {"reason": "old"})
    assert gone.json()["versions"][-1]["reason"] == "old"
    assert (await ask(world, "GET", "/job-roles/adder", role="customer_member")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "pointers"),
    [
        (
            "POST",
            "/job-roles",
            {**ROLE, "name": "No", "skills": ["add", "nothing", "add@9.9.9"]},
            422,
            "skill_chain_uncertified",
            ["/skills/1", "/skills/2"],
        ),
        ("POST", "/job-roles", {**ROLE, "skills": []}, 422, "validation_error", ["/skills"]),
        ("POST", "/job-roles", {**ROLE, "more": 1}, 422, "validation_error", ["/more"]),
        ("POST", "/job-roles", {**ROLE, "name": "a\x00"}, 422, "validation_error", ["/name"]),
        (
            "POST",
            "/job-roles",
            {**ROLE, "description": "ghp_0123456789abcdefghij0123456789abcdef"},
            422,
            "secret_in_payload",
            ["/description"],
        ),
        ("PATCH", "/job-roles/none", {}, 422, "validation_error", []),
        ("POST", "/job-roles/none/versions/0/certify", None, 422, "validation_error", ["/number"]),
        ("POST", "/job-roles/none/versions/x/certify", None, 422, "validation_error", ["/number"]),
        ("GET", "/job-roles/a%00b", None, 404, "not_found", []),
        ("PUT", "/bindings/A", {"skill": "add", "version": "1.0.0"}, 422, "validation_error", ["/slot"]),
        ("PUT", "/bindings/a", {"skill": "add"}, 422, "validation_error", ["/version"]),
        (
            "PUT",
            "/bindings/a",
            {"skill": "add", "version": "1.0.0", "channel": "production"},
            422,
            "validation_error",
            ["/version"],
        ),
        (
            "PUT",
            "/bindings/a",
            {"skill": "add", "channel": "staging"},
            422,
            "skill_chain_uncertified",
            ["/channel"],
        ),
        ("GET", "/bindings/a?workspace=none", None, 404, "not_found", []),
        ("GET", "/bindings/a%00b", None, 404, "not_found", []),
    ],
)  # fmt: skip
async def test_refusals(
    world: World,
    method: str,
    path: str,
    body: Any,
    status: int,
    code: str,
    pointers: list[str],
) -> None:
    answer = await ask(world, method, path, body)
    document = check_problem(answer)
    assert (answer.status_code, document["code"]) == (status, code), document
    assert [item["pointer"] for item in document["violations"]] == pointers


async def test_a_key_is_taken(world: World) -> None:
    body = {**ROLE, "role_key": "taken"}
    assert (await ask(world, "POST", "/job-roles", body)).status_code == 201
    again = await ask(world, "POST", "/job-roles", {**body, "name": "Another"})
    assert (again.status_code, check_problem(again)["code"]) == (409, "already_exists")


async def test_a_binding_and_a_run_through_it(world: World) -> None:
    slot = "/bindings/sums.main"
    digest = {"skill": "weekly-digest", "version": "1.1.0"}
    made = await ask(world, "PUT", slot, digest, "customer_admin")
    assert made.status_code == 200
    await ask(world, "PUT", slot, {"skill": "add", "version": "1.0.0"}, "customer_admin")
    found = (await ask(world, "GET", slot, role="agent")).json()
    assert (found["workspace"], found["skill_key"], found["resolved_version"]) == (
        "acme",
        "add",
        "1.0.0",
    )
    assert [(item["kind"], item["skill_key"]) for item in found["history"]] == [
        ("bind", "add"),
        ("bind", "weekly-digest"),
    ]
    call = {"binding": "sums.main", "input": {"a": 2, "b": 3}}
    answer = await ask(world, "POST", "/runs", call, "customer_member")
    assert (answer.json()["ok"], answer.json()["result"]) == (True, 5), answer.text
    assert answer.json()["skill_key"] == "add"
    # The slot is acme's: another workspace has none of that name, and neither has staff's default one.
    assert (await ask(world, "POST", "/runs", call)).status_code == 404
    async with world.running.http(world.other_admin) as http:
        assert (await http.post("/v1/runs", json=call)).status_code == 404
        assert (await http.get("/v1/bindings")).json()["items"] == []
    named = await ask(world, "POST", "/runs", {**call, "workspace": "acme"})
    assert named.json()["result"] == 5
    # An agent is entitled to its skills, whatever is bound.
    denied = await ask(world, "POST", "/runs", call, "agent")
    assert denied.json()["code"] == "skill_not_allowed"
    back = await ask(world, "POST", f"{slot}/rollback", role="customer_admin")
    assert (back.status_code, back.json()["skill_key"]) == (200, "weekly-digest")
    assert (await ask(world, "POST", f"{slot}/rollback", role="customer_admin")).status_code == 409
    assert (await ask(world, "DELETE", slot, role="customer_admin")).status_code == 204
    assert (await ask(world, "POST", "/runs", call, "customer_member")).status_code == 404


@pytest.mark.parametrize(
    "more",
    [{"version": "1.0.0"}, {"channel": "production"}, {"skill_key": "add"}, {"skill_id": "x"}],
)
async def test_a_run_names_one_thing(world: World, more: dict[str, str]) -> None:
    answer = await ask(world, "POST", "/runs", {"binding": "a", "input": {}, **more})
    assert (answer.status_code, check_problem(answer)["code"]) == (422, "validation_error")
