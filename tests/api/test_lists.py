"""Pages by cursor: every item once, in one order, whatever the size of a page."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.api.conftest import World
from tests.support.skills import certified, evaluate, package

IDS = {
    "/v1/skills": "skill_key",
    "/v1/runs": "run_id",
    "/v1/artifacts": "artifact_id",
    "/v1/audit": ("chain_id", "seq"),
}


@pytest.fixture(scope="module")
async def filled(world: World) -> World:
    await certified(world.running, package("many"))
    async with world.running.http() as http:
        for number in range(15):
            body = {"name": f"Listed {number}", "description": "x", "category": "x"}
            assert (await http.post("/v1/skills", json=body)).status_code == 201
        # At once, so that batches of the journal write many entries at one moment.
        await asyncio.gather(
            *(
                http.post("/v1/runs", json={"skill_key": "add", "input": {"a": 1, "b": n}})
                for n in range(40)
            )
        )
    code = "[ctx.artifact(str(n), 'text/plain', 'x') for n in range(20)]"
    assert (await evaluate(world.running, "many", code))["ok"]
    return world


async def pages(
    http: httpx.AsyncClient, path: str, limit: int, **more: Any
) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    for _ in range(1000):
        params = {"limit": limit, **more, **({"cursor": cursor} if cursor else {})}
        page = (await http.get(path, params=params)).json()
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
    raise AssertionError("the pages do not end")


def identity(path: str, item: dict[str, Any]) -> Any:
    key = IDS[path]
    return item[key] if isinstance(key, str) else tuple(item[part] for part in key)


@pytest.mark.parametrize("path", IDS)
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 499])
async def test_no_loss_and_no_doubling(filled: World, path: str, limit: int) -> None:
    async with filled.running.http() as http:
        whole = [
            identity(path, item)
            for item in (await http.get(path, params={"limit": 500})).json()["items"]
        ]
        found = [identity(path, item) for item in await pages(http, path, limit)]
    assert len(whole) > 15
    assert found == whole
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("path", "more", "least"),
    [
        ("/v1/skills", {"q": "listed"}, 15),
        ("/v1/skills", {"status": "certified"}, 5),
        ("/v1/runs", {"skill_key": "add"}, 40),
        ("/v1/runs", {"status": "succeeded"}, 40),
        ("/v1/audit", {"kind": "run.*"}, 80),
        ("/v1/audit", {"kind": "skill.certified"}, 5),
    ],
)
async def test_filters_go_through_the_pages(
    filled: World, path: str, more: Any, least: int
) -> None:
    async with filled.running.http() as http:
        found = await pages(http, path, 6, **more)
    assert len(found) >= least
    assert len({identity(path, item) for item in found}) == len(found)


async def test_a_page_holds_when_new_runs_come_in_between(filled: World) -> None:
    async with filled.running.http() as http:
        first = (await http.get("/v1/runs", params={"limit": 10})).json()
        await http.post("/v1/runs", json={"skill_key": "add", "input": {"a": 1, "b": 1}})
        second = (
            await http.get("/v1/runs", params={"limit": 10, "cursor": first["next_cursor"]})
        ).json()
    ids = [item["run_id"] for item in (*first["items"], *second["items"])]
    assert len(set(ids)) == 20
    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tokens",
        "/v1/workspaces",
        "/v1/agent-types",
        "/v1/hired-agents",
        "/v1/skills/add/versions",
    ],
)
async def test_short_lists_come_whole(filled: World, path: str) -> None:
    async with filled.running.http() as http:
        page = (await http.get(path)).json()
    assert page["items"]
    assert page["next_cursor"] is None
