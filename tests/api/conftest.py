"""One seeded platform with a caller of every kind."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.support.platform import NewPlatform, Running

STAFF = ("operator", "approver", "author", "auditor")
CUSTOMER = ("customer_admin", "customer_member", "agent")
ROLES = (*STAFF, *CUSTOMER)


@dataclass(frozen=True, slots=True)
class World:
    """The platform, a token for each role (customers': workspace `acme`), and ids that exist."""

    running: Running
    tokens: dict[str, str]
    other_admin: str
    agent_id: str
    other_agent_id: str
    run_id: str
    artifact_id: str
    workspace_id: str


@pytest.fixture(scope="module")
async def world(new_platform: NewPlatform) -> AsyncIterator[World]:
    async with new_platform() as running:
        yield await make_world(running)


async def make_world(running: Running) -> World:
    async with running.http() as http:
        ids: dict[str, tuple[str, str]] = {}
        for slug in ("acme", "other"):
            made = await http.post("/v1/workspaces", json={"name": slug})
            hired = await http.post(
                "/v1/hired-agents",
                json={"agent_type": "analytics.weekly_digest.v1", "workspace": slug},
            )
            assert hired.status_code == 201, hired.text
            ids[slug] = made.json()["workspace_id"], hired.json()["hired_agent_id"]
        tokens = {"operator": running.token}
        for role in ROLES[1:]:
            body: dict[str, str] = {"role": role}
            if role in CUSTOMER:
                body["workspace"] = "acme"
            if role == "agent":
                body["hired_agent_id"] = ids["acme"][1]
            answer = await http.post("/v1/tokens", json=body)
            assert answer.status_code == 201, answer.text
            tokens[role] = answer.json()["token"]
        other = await http.post("/v1/tokens", json={"role": "customer_admin", "workspace": "other"})
        digest = await http.post(
            "/v1/runs", json={"skill_key": "weekly-digest", "input": {}, "workspace": "acme"}
        )
        assert digest.json()["ok"], digest.text
    return World(
        running,
        tokens,
        other.json()["token"],
        ids["acme"][1],
        ids["other"][1],
        digest.json()["run_id"],
        digest.json()["artifacts"][0]["artifact_id"],
        ids["acme"][0],
    )
