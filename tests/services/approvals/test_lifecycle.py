"""The life of an approval: asked once, shown whole, decided by who may, used once, over in time, never forgotten."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.support.governed import owner, together, workspace
from tests.support.platform import NewPlatform, Running

URL = "https://hooks.example.com/orders?x=1"


@dataclass
class House:
    """A workspace with its people; `as_` is an HTTP client of one of them."""

    running: Running
    workspace_id: UUID
    tokens: dict[str, str]

    def as_(self, who: str) -> httpx.AsyncClient:
        return self.running.http(self.tokens[who])

    async def ask(self, number: int, who: str = "member", **more: Any) -> str:
        async with self.as_(who) as http:
            answer = await http.post("/v1/runs", json={**body(number), **more})
        assert (answer.status_code, answer.json()["code"]) == (403, "approval_required")
        return str(answer.json()["approval_request_id"])

    async def take(
        self, step: str, approval_id: str, who: str = "admin", **sent: Any
    ) -> tuple[int, dict[str, Any]]:
        async with self.as_(who) as http:
            answer = await http.post(
                f"/v1/approvals/{approval_id}/{step}", json=sent if sent else None
            )
        return answer.status_code, answer.json()

    async def show(self, approval_id: str, who: str = "admin") -> dict[str, Any]:
        async with self.as_(who) as http:
            found: dict[str, Any] = (await http.get(f"/v1/approvals/{approval_id}")).json()
        return found

    async def lapse(self, approval_id: str) -> None:
        async with owner(self.running) as connection:
            await connection.execute(
                "update livery.approval set expires_at = clock_timestamp() where approval_id = $1",
                approval_id,
            )

    async def entries(self, subject: str) -> list[tuple[str, dict[str, Any]]]:
        async with owner(self.running) as connection:
            rows = await connection.fetch(
                "select kind, body from livery.journal where subject_id = $1 order by at_us, seq", subject
            )  # fmt: skip
        return [(row["kind"], json.loads(row["body"])) for row in rows]


def body(number: int, **more: Any) -> dict[str, Any]:
    args = {"url": URL, "payload": {"n": number}, "credential_ref": "cred_" + "0" * 32}
    return {"skill_key": "webhook-send", "input": args, **more}


async def furnish(running: Running, slug: str) -> House:
    home = await workspace(running, slug)
    tokens = {"operator": running.token}
    people = {
        "admin": ("customer_admin", "alice"),
        "second": ("customer_admin", "bob"),
        "member": ("customer_member", "carol"),
        "twin": ("customer_admin", "carol"),
        "approver": ("approver", "dora"),
        "author": ("author", "emil"),
        "auditor": ("auditor", "fay"),
    }
    make = running.platform.services.tokens.create
    for who, (role, name) in people.items():
        where = slug if role.startswith("customer") else None
        tokens[who], _ = await make(running.operator, role, workspace=where, name=name)
    return House(running, home, tokens)


@pytest.fixture(scope="module")
async def house(new_platform: NewPlatform) -> AsyncIterator[House]:
    async with new_platform() as running:
        yield await furnish(running, "house")


async def test_it_shows_what_would_be_done(house: House) -> None:
    found = await house.show(await house.ask(1), "member")
    assert found["state"] == "requested"
    assert (found["skill_key"], found["version"], found["action"]) == (
        "webhook-send",
        "1.0.1",
        "send",
    )
    assert found["target"] == "hooks.example.com"
    assert found["input"] == body(1)["input"]
    assert (found["workspace"], found["requested_by"]) == ("house", "customer_member:carol")
    assert (found["agent"], found["decided_by"], found["decision"]) == (None, None, None)
    for name in ("digest", "args_hash", "policy_hash", "security_hash"):
        assert found[name].startswith("sha256:"), name
    assert found["expires_at"] > found["created_at"]


async def test_asking_again_is_asking_once(house: House) -> None:
    first = await house.ask(2)
    assert await house.ask(2) == await house.ask(2, "admin") == first
    assert [kind for kind, _ in await house.entries(first)] == ["approval.requested"]
    assert await house.ask(3) != first


async def test_the_list_is_paged_and_filtered(house: House) -> None:
    asked = [await house.ask(100 + n) for n in range(3)]
    await house.take("deny", asked[1], "admin")
    async with house.as_("member") as http:
        seen, cursor = [], None
        while True:
            page = (
                await http.get("/v1/approvals", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
            ).json()  # fmt: skip
            seen += [item["approval_id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen[:3] == asked[::-1]
        assert len(set(seen)) == len(seen)
        denied = (await http.get("/v1/approvals?state=denied")).json()["items"]
        assert asked[1] in [item["approval_id"] for item in denied]
        assert (await http.get("/v1/approvals?state=odd")).status_code == 422
    neighbour = await furnish(house.running, "next-door")
    async with neighbour.as_("admin") as http:
        assert (await http.get("/v1/approvals")).json()["items"] == []
        assert (await http.get(f"/v1/approvals/{asked[0]}")).status_code == 404
    assert (await neighbour.take("grant", asked[0]))[0] == 404


@pytest.mark.parametrize("who", ["member", "author", "auditor", "operator"])
@pytest.mark.parametrize("step", ["grant", "deny", "revoke"])
async def test_who_may_not(house: House, who: str, step: str) -> None:
    asked = await house.ask(4)
    status, problem = await house.take(
        step, asked, who, **({"reason": "x"} if step == "revoke" else {})
    )
    assert (status, problem["code"]) == (403, "forbidden")
    if who == "operator":
        assert "delegated" in problem["detail"]
    assert (await house.show(asked))["state"] == "requested"


@pytest.mark.parametrize("who", ["admin", "second", "approver"])
async def test_who_may(house: House, who: str) -> None:
    asked = await house.ask(5 + ord(who[0]))
    status, done = await house.take("grant", asked, who)
    assert (status, done["state"], done["decision"]) == (200, "granted", "run_once")
    assert done["decided_by"].split(":")[1] in ("alice", "bob", "dora")
    assert done["requested_by"] == "customer_member:carol"
    [_, (kind, kept)] = await house.entries(asked)
    assert kind == "approval.granted"
    assert (kept["by"], kept["requested_by"]) == (done["decided_by"], done["requested_by"])


async def test_a_customer_delegates_and_takes_it_back(house: House) -> None:
    asked = await house.ask(6)
    assert (await house.take("grant", asked, "operator"))[0] == 403
    async with house.running.http() as http:
        # Delegation is the customer's to give.
        answer = await http.patch("/v1/workspaces/house", json={"delegated_approval": True})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    for order, expected in (
        ({"delegated_approval": True}, 200),
        ({"delegated_approval": False}, 403),
    ):
        async with house.as_("admin") as http:
            answer = await http.patch("/v1/workspaces/house", json=order)
            assert answer.json()["delegated_approval"] is order["delegated_approval"]
        assert (await house.take("grant", asked, "operator"))[0] == expected
        asked = await house.ask(7)
    kinds = [kind for kind, _ in await house.entries(str(house.workspace_id))]
    assert kinds.count("workspace.changed") >= 2


async def test_who_sets_a_workspace(house: House) -> None:
    for who, ref, order, status in (
        ("member", "house", {"four_eyes": True}, 403),
        ("author", "house", {"four_eyes": True}, 403),
        ("admin", "default", {"four_eyes": True}, 404),
        ("admin", "house", {}, 422),
        ("admin", "house", {"timezone": "UTC"}, 422),
        ("operator", "house", {"four_eyes": False}, 200),
    ):
        async with house.as_(who) as http:
            answer = await http.patch(f"/v1/workspaces/{ref}", json=order)
        assert answer.status_code == status, (who, order, answer.text)


async def test_four_eyes(new_platform: NewPlatform) -> None:
    async with new_platform() as running:
        house = await furnish(running, "careful")
        own = await house.ask(1, "admin")
        assert (await house.take("grant", own, "admin"))[0] == 200  # a person may, by default
        async with house.as_("admin") as http:
            await http.patch("/v1/workspaces/careful", json={"four_eyes": True})
        own = await house.ask(2, "admin")
        status, problem = await house.take("grant", own, "admin")
        assert (status, problem["code"]) == (403, "forbidden")
        assert "four eyes" in problem["detail"]
        assert (await house.take("grant", own, "second"))[0] == 200
        # Another token of the same name is the same person.
        hers = await house.ask(3, "member")
        assert (await house.take("grant", hers, "twin"))[0] == 403
        assert (await house.take("deny", hers, "twin"))[0] == 200


async def test_what_was_granted_is_revoked(house: House) -> None:
    asked = await house.ask(8)
    assert (await house.take("revoke", asked, reason="early"))[0] == 409
    await house.take("grant", asked)
    assert (await house.take("revoke", asked))[0] == 422
    status, done = await house.take("revoke", asked, reason="wrong target")
    assert (status, done["state"], done["reason"]) == (200, "revoked", "wrong target")
    assert (await house.take("grant", asked))[0] == 409
    async with house.as_("member") as http:
        answer = await http.post("/v1/runs", json=body(8, approval_id=asked))
    assert answer.json()["code"] == "approval_invalid"
    kind, kept = (await house.entries(asked))[-1]
    assert (kind, kept["reason"]) == ("approval.revoked", "wrong target")


async def test_past_its_time_it_is_expired_everywhere_at_once(house: House) -> None:
    asked, granted = await house.ask(9), await house.ask(10)
    await house.take("grant", granted)
    for item in (asked, granted):
        await house.lapse(item)
        assert (await house.show(item))["state"] == "expired"
        assert (await house.take("grant", item))[0] == 409
    async with house.as_("admin") as http:
        listed = (await http.get("/v1/approvals?state=expired")).json()["items"]
        assert {asked, granted} <= {item["approval_id"] for item in listed}
        answer = await http.post("/v1/runs", json=body(10, approval_id=granted))
        assert answer.json()["code"] == "approval_invalid"
    again = await house.ask(9)
    assert again != asked, "what ran out came to life again"
    assert [kind for kind, _ in await house.entries(asked)] == [
        "approval.requested",
        "approval.expired",
    ]


async def test_it_is_noted_once_by_whoever_sweeps(house: House, new_platform: NewPlatform) -> None:
    lapsed = [await house.ask(200 + n) for n in range(6)]
    for item in lapsed:
        await house.lapse(item)
    async with new_platform(urls=house.running.urls) as second:
        sweeps = [running.platform.services.approvals.expire for running in (house.running, second)]
        await together(*(sweep() for sweep in sweeps * 4))
    for item in lapsed:
        assert [kind for kind, _ in await house.entries(item)] == [
            "approval.requested",
            "approval.expired",
        ]


async def test_twenty_runs_of_one_approval_are_one(new_platform: NewPlatform) -> None:
    async with new_platform() as running:
        house = await furnish(running, "rush")
        asked = await house.ask(1)
        await house.take("grant", asked)
        async with house.as_("member") as http:
            answers = await together(
                *(http.post("/v1/runs", json=body(1, approval_id=asked)) for _ in range(20))
            )
        codes = [answer.json()["code"] for answer in answers]
        assert codes.count("approval_invalid") == 19, codes
        found = await house.show(asked)
        assert (found["state"], found["run_id"] is not None) == ("consumed", True)


async def test_a_restart_forgets_nothing(new_platform: NewPlatform) -> None:
    async with new_platform() as first:
        house = await furnish(first, "durable")
        requested, granted = await house.ask(1), await house.ask(2)
        await house.take("grant", granted)
        async with new_platform(urls=first.urls) as second:
            after = House(second, house.workspace_id, house.tokens)
            assert (await after.show(requested))["state"] == "requested"
            assert (await after.take("grant", requested))[0] == 200
            async with after.as_("member") as http:
                answer = await http.post("/v1/runs", json=body(2, approval_id=granted))
            assert answer.json()["approval_id"] == granted
        assert (await house.show(granted))["state"] == "consumed"


async def test_metrics_say_what_waits_and_how_long(new_platform: NewPlatform) -> None:
    async with new_platform() as running:
        house = await furnish(running, "metered")
        sweep = running.platform.approvals
        await sweep.sweep()
        assert measured(running) == (0.0, 0.0)
        asked = [await house.ask(n) for n in range(3)]
        async with owner(running) as connection:
            await connection.execute(
                "update livery.approval set created_at = clock_timestamp() - interval '1 hour'"
                " where approval_id = $1", asked[0],
            )  # fmt: skip
        await sweep.sweep()
        count, oldest = measured(running)
        assert count == 3.0
        assert 3600 <= oldest < 3700
        await house.take("deny", asked[0])
        await sweep.sweep()
        count, oldest = measured(running)
        assert count == 2.0
        assert oldest < 3600


def measured(running: Running) -> tuple[float, float]:
    text = running.platform.services.metrics().decode()
    values = dict(line.split() for line in text.splitlines() if line.startswith("livery_approvals"))
    return float(values["livery_approvals_waiting"]), float(
        values["livery_approvals_oldest_seconds"]
    )
