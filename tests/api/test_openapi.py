"""The OpenAPI document: valid, complete, and true of what happens."""

import re
from typing import Any

import jsonschema_rs
import pytest
from tests.api.conftest import World

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document(world: World) -> dict[str, Any]:
    made: dict[str, Any] = world.running.platform.app.openapi()
    return made


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


async def test_is_served_as_it_is(world: World, document: dict[str, Any]) -> None:
    async with world.running.http() as http:
        answer = await http.get("/v1/openapi.json")
    assert answer.json() == document
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])


def test_every_schema_is_a_valid_schema(document: dict[str, Any]) -> None:
    def schemas(node: Any) -> Any:
        if isinstance(node, dict):
            if isinstance(node.get("schema"), dict):
                yield node["schema"]
            for value in node.values():
                yield from schemas(value)
        elif isinstance(node, list):
            for value in node:
                yield from schemas(value)

    found = [*schemas(document), *document.get("components", {}).get("schemas", {}).values()]
    assert len(found) > 30
    for schema in found:
        jsonschema_rs.meta.validate(schema)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in re.findall(r'"\$ref": ?"#/([^"]+)"', __import__("json").dumps(document)):
        node: Any = document
        for part in reference.split("/"):
            node = node[part]


def test_operations_are_told_apart(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)


def test_every_path_parameter_is_described(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        named = set(re.findall(r"{(\w+)}", path))
        given = {item["name"] for item in operation.get("parameters", []) if item["in"] == "path"}
        assert given == named, path


def test_every_operation_says_what_it_is_and_how_it_fails(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert operation.get("description"), (method, path)
        responses = operation["responses"]
        if path.startswith(("/v1/health", "/v1/ready", "/v1/metrics", "/v1/keys")):
            assert "security" not in operation
            continue
        assert operation["security"] == [{"HTTPBearer": []}], (method, path)
        assert {"401", "500"} <= responses.keys(), (method, path)
        if "{" in path:
            assert "404" in responses, (method, path)
        for status, response in responses.items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (method, path)
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            assert {"413", "415", "422"} <= responses.keys(), (method, path)


def test_bodies_are_documented(document: dict[str, Any]) -> None:
    body = document["paths"]["/v1/runs"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["properties"]) == {
        "skill_key", "skill_id", "binding", "input", "version", "channel", "hired_agent_id", "workspace", "dry_run",
        "wait", "approval_id", "wait_for_approval",
    }  # fmt: skip
    names = {item["name"] for item in document["paths"]["/v1/runs"]["post"]["parameters"]}
    assert names == {"Idempotency-Key"}
    for path in (
        "/v1/tokens",
        "/v1/workspaces",
        "/v1/hired-agents",
        "/v1/skills",
        "/v1/skills/{key}/revoke",
    ):
        assert document["paths"][path]["post"]["requestBody"]["required"] is True


EXAMPLES: list[tuple[str, str, str, Any]] = [
    ("get", "/v1/whoami", "/v1/whoami", None),
    ("get", "/v1/skills/{key}", "/v1/skills/none", None),
    ("post", "/v1/skills", "/v1/skills", {"name": "add", "description": "x", "category": "x"}),
    ("post", "/v1/runs", "/v1/runs", {"skill_key": "none"}),
    ("post", "/v1/runs", "/v1/runs", {"skill_key": "add", "input": {}}),
    ("post", "/v1/runs", "/v1/runs", {}),
    ("get", "/v1/runs/{run_id}", "/v1/runs/none", None),
    ("get", "/v1/runs", "/v1/runs?limit=0", None),
    ("get", "/v1/runs", "/v1/runs?cursor=none", None),
    ("post", "/v1/workspaces", "/v1/workspaces", {"name": "acme"}),
    ("post", "/v1/skills/{key}/revoke", "/v1/skills/none/revoke", {"reason": "x"}),
    ("post", "/v1/hired-agents", "/v1/hired-agents", {"agent_type": "none"}),
    ("delete", "/v1/tokens/{token_id}", "/v1/tokens/none", None),
    ("get", "/v1/audit", "/v1/audit?cursor=x", None),
    ("post", "/v1/session-logs", "/v1/session-logs", None),
]


@pytest.mark.parametrize(("method", "template", "path", "body"), EXAMPLES)
async def test_what_happens_is_documented(
    world: World, document: dict[str, Any], method: str, template: str, path: str, body: Any
) -> None:
    async with world.running.http() as http:
        answer = await http.request(method, path, json=body)
    described = document["paths"][template][method]["responses"][str(answer.status_code)]
    if answer.status_code >= 400:
        schema = described["content"]["application/problem+json"]["schema"]
        jsonschema_rs.validator_for(schema).validate(answer.json())
