"""SemVer at registration: a version that breaks what its line promised is refused, field by field."""

import asyncio
from typing import Any

import pytest
import yaml
from tests.services.catalog.test_catalog import upload, zipped
from tests.support.platform import Running
from tests.support.skills import NOTHING, certified, package

from livery.manifest.package import PackageFile, package_digest

BASE = {
    "input": {"type": "object", "properties": {"code": {"type": "string"}}},
    "output": True,
}
NARROW = {
    "input": {
        "type": "object",
        "properties": {"code": {"type": "string"}, "unit": {"type": "string"}},
        "required": ["code", "unit"],
    },
    "output": True,
}


def skill(name: str, version: str, interface: Any = BASE, release: Any = None) -> list[PackageFile]:
    files = package(name, version=version, fixtures=(NOTHING,))
    kept = []
    for file in files:
        if file.path == "contract.yaml":
            contract = yaml.safe_load(file.data) | {"interface": interface}
            if release:
                contract["release"] = release
            kept.append(PackageFile(file.path, yaml.safe_dump(contract).encode()))
        else:
            kept.append(file)
    return kept


async def send(running: Running, *args: Any, **more: Any) -> Any:
    return await upload(running, zipped(skill(*args, **more)))


async def test_a_broken_interface_needs_a_new_major(platform: Running) -> None:
    await certified(platform, skill("line", "1.0.0"))
    answer = await send(platform, "line", "1.1.0", NARROW)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "contract_invalid")
    assert [(item["pointer"], item["message"]) for item in problem["violations"]] == [
        ("/interface/input/properties/code", "input: `code` is now required"),
        ("/interface/input/properties/unit", "input: `unit` is now required"),
        ("/version", "must be 2.0.0 or a later one: it breaks what 1.0.0 promised"),
    ]
    assert problem["details"] == {
        "baseline": "1.0.0",
        "offered": "1.1.0",
        "right_version": "2.0.0",
    }
    assert "2.0.0" in problem["remedy"]
    assert (await send(platform, "line", "2.0.0", NARROW)).status_code == 201
    # 2 is taken now: what breaks 1 again is right as 3.
    again = await send(platform, "line", "1.1.0", NARROW)
    assert again.json()["details"]["right_version"] == "3.0.0"


async def test_below_one_a_minor_may_break(platform: Running) -> None:
    await certified(platform, skill("early", "0.3.0"))
    answer = await send(platform, "early", "0.3.1", NARROW)
    assert (answer.status_code, answer.json()["details"]["right_version"]) == (422, "0.4.0")
    assert (await send(platform, "early", "0.4.0", NARROW)).status_code == 201


async def test_what_nobody_could_rely_on_may_be_broken(platform: Running) -> None:
    assert (await send(platform, "pending", "1.0.0")).status_code == 201
    assert (await send(platform, "pending", "1.0.1", NARROW)).status_code == 201  # 1.0.0 is pending
    await certified(platform, skill("tries", "1.0.0-rc.1"))
    assert (await send(platform, "tries", "1.0.0", NARROW)).status_code == 201  # only tried out
    await certified(platform, skill("taken-back", "1.0.0"))
    await platform.platform.services.catalog.revoke(platform.operator, "taken-back", None, "wrong")
    assert (await send(platform, "taken-back", "1.0.1", NARROW)).status_code == 201


async def test_a_deprecated_version_is_still_relied_on(platform: Running) -> None:
    await certified(platform, skill("aged", "1.0.0"))
    services = platform.platform.services
    aged = await services.catalog.get(platform.operator, "aged")
    version = await services.catalog.version(aged, None)
    await services.catalog.advance(platform.operator, aged, version, "deprecate", {}, "")
    assert (await send(platform, "aged", "1.0.1", NARROW)).status_code == 422


async def test_saying_breaking_is_believed(platform: Running) -> None:
    breaking = {"compatibility": "breaking", "migration": "Everything differs."}
    await certified(platform, skill("honest", "1.0.0", release=breaking))  # nothing before it
    answer = await send(platform, "honest", "1.1.0", release=breaking)
    assert answer.status_code == 422
    assert [item["pointer"] for item in answer.json()["violations"]] == [
        "/release/compatibility",
        "/version",
    ]
    assert (await send(platform, "honest", "2.0.0", release=breaking)).status_code == 201


async def test_a_patch_of_an_older_line_is_not_the_newest(platform: Running) -> None:
    await certified(platform, skill("patched", "1.2.3"))
    await certified(platform, skill("patched", "2.0.0", NARROW, {"compatibility": "breaking"}))
    assert (await send(platform, "patched", "1.2.4")).status_code == 201
    assert (await send(platform, "patched", "1.10.0")).status_code == 201
    async with platform.http() as http:
        found = (await http.get("/v1/skills/patched")).json()
        versions = (await http.get("/v1/skills/patched/versions")).json()["items"]
    assert (found["version"], found["status"]) == ("2.0.0", "certified")
    assert [item["version"] for item in versions] == ["2.0.0", "1.10.0", "1.2.4", "1.2.3"]
    # It is held against its own line, not against the newest.
    assert (await send(platform, "patched", "1.10.1", NARROW)).json()["details"][
        "baseline"
    ] == "1.2.3"


async def test_the_same_package_is_never_judged_again(platform: Running) -> None:
    assert (await send(platform, "twice", "1.0.0")).status_code == 201
    assert (await send(platform, "twice", "1.0.1", NARROW)).status_code == 201
    services = platform.platform.services
    await services.certifier.certify(platform.operator, "twice", "1.0.0")
    assert (await send(platform, "twice", "1.0.1", NARROW)).status_code == 201


async def test_two_at_once_with_other_files(platform: Running) -> None:
    one = skill("race", "1.0.0")
    two = [*one, PackageFile("extra.txt", b"1")]
    answers = await asyncio.gather(upload(platform, zipped(one)), upload(platform, zipped(two)))
    assert sorted(item.status_code for item in answers) == [201, 409]
    won = next(item for item in answers if item.status_code == 201)
    lost = next(item for item in answers if item.status_code == 409).json()
    assert lost["code"] == "already_exists"
    assert {lost["details"]["registered"], lost["details"]["offered"]} == {
        package_digest(one),
        package_digest(two),
    }
    assert lost["details"]["registered"] == won.json()["digest"]
    for digest in lost["details"].values():
        assert digest in lost["detail"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"q": "invoice"}, ["ledger", "net-terms"]),
        ({"q": "invoices -overdue"}, ["ledger"]),
        ({"q": '"overdue invoices"'}, ["net-terms"]),
        ({"q": "net"}, ["net-terms"]),
        ({"q": "Net te"}, ["net-terms"]),
        ({"q": "net_terms"}, ["net-terms"]),
        ({"q": "%"}, []),
        ({"q": "the"}, []),
        ({"category": "books"}, ["ledger", "net-terms"]),
        ({"category": "books", "status": "certified"}, []),
        ({"owner": "nobody"}, []),
    ],
    ids=str,
)
async def test_listing(platform: Running, filters: dict[str, str], found: list[str]) -> None:
    client = platform.http()
    async with client as http:
        for key, text in (("ledger", "Sorts invoices."), ("net-terms", "Finds overdue invoices.")):
            body = {"name": key, "description": text, "category": "books"}
            assert (await http.post("/v1/skills", json=body)).status_code in (201, 409)
        answer = await http.get("/v1/skills", params=filters)
    assert [item["skill_key"] for item in answer.json()["items"]] == found


async def test_pages_of_a_search_are_whole(platform: Running) -> None:
    async with platform.http() as http:
        for number in range(5):
            body = {"name": f"page {number}", "description": "Turns a leaf.", "category": "pages"}
            await http.post("/v1/skills", json=body)
        seen, cursor = [], None
        while True:
            params = {"q": "leaf", "limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await http.get("/v1/skills", params=params)).json()
            seen += [item["skill_key"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    assert seen == [f"page-{number}" for number in range(5)]


async def test_a_status_that_is_none_says_which_are(platform: Running) -> None:
    async with platform.http() as http:
        answer = await http.get("/v1/skills", params={"status": "cerified"})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert answer.json()["violations"] == [
        {
            "pointer": "/status",
            "message": "one of: certified, deleted, deprecated, draft, pending_certification, revoked",
        }
    ]
