"""Workspaces: one slug, one tenant."""

from typing import Any

import pytest
from tests.support.platform import Running


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ({"name": "Acme Inc."}, "acme-inc"),
        ({"name": "Other", "slug": "mine"}, "mine"),
        ({"name": "Ünïcode GmbH"}, "n-code-gmbh"),
        ({"name": "x" * 200}, "x" * 64),
        ({"name": "Berlin", "timezone": "Europe/Berlin"}, "berlin"),
    ],
)
async def test_slugs(platform: Running, body: dict[str, Any], slug: str) -> None:
    async with platform.http() as http:
        answer = await http.post("/v1/workspaces", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["slug"] == slug
        again = await http.post("/v1/workspaces", json={"name": slug})
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
async def test_names_that_are_none(platform: Running, name: str) -> None:
    async with platform.http() as http:
        assert (await http.post("/v1/workspaces", json={"name": name})).status_code == 422


async def test_a_new_workspace_can_be_used_at_once_by_slug_and_by_id(platform: Running) -> None:
    async with platform.http() as http:
        made = (await http.post("/v1/workspaces", json={"name": "At once"})).json()
        for ref in (made["slug"], made["workspace_id"]):
            body = {"skill_key": "add", "input": {"a": 1, "b": 2}, "workspace": ref}
            answer = (await http.post("/v1/runs", json=body)).json()
            assert answer["result"] == 3
        run = (await http.get(f"/v1/runs/{answer['run_id']}")).json()
    assert run["workspace"] == "at-once"
