"""A workspace's own skills at the HTTP door: registered there, and not there for anybody else."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.support.governed import workspace
from tests.support.owned import manifest, owned
from tests.support.platform import NewPlatform, Running
from tests.support.skills import package

from livery.manifest.package import PackageFile
from livery.services.catalog.types import Skill

BODIES: dict[str, Any] = {
    "promote": {"channel": "staging"},
    "rollback": {"channel": "staging"},
    "revoke": {"reason": "x"},
    "deprecate": {"reason": "x"},
    "sign-offs": {"note": "looked at"},
    "suppressions": {"fingerprint": "x", "reason": "long enough a reason"},
}
ABSENT = "there-is-none"
NO_ID = "01900000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Two:
    running: Running
    skills: dict[str, Skill]
    tokens: dict[str, str]
    job_id: str


@pytest.fixture(scope="module")
async def two(new_platform: NewPlatform) -> AsyncIterator[Two]:
    async with new_platform() as running:
        tokens = {"operator": running.token}
        async with running.http() as http:
            for slug in ("acme", "umbra"):
                await workspace(running, slug)
                for role in ("customer_admin", "customer_member"):
                    body = {"role": role, "workspace": slug}
                    answer = await http.post("/v1/tokens", json=body)
                    tokens[f"{slug}:{role}"] = answer.json()["token"]
            for role in ("author", "approver", "auditor"):
                tokens[role] = (await http.post("/v1/tokens", json={"role": role})).json()["token"]
        skills = {"acme": await owned(running, "acme", manifest("private", "mine"))}
        async with running.http() as http:
            jobs = await http.get("/v1/certification-jobs")
            assert jobs.json()["items"] == []  # certified without one
            again = await owned(
                running, "acme", manifest("private", "mine", version="1.1.0"), certify=False
            )
            done = await http.post(f"/v1/skills/{again.skill_id}/certify")
            assert done.json()["status"] == "certified", done.text
            [job] = (await http.get("/v1/certification-jobs")).json()["items"]
        yield Two(running, skills, tokens, job["job_id"])


def zipped(files: list[PackageFile], folder: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in files:
            archive.writestr(f"{folder}{file.path}", file.data)
    return buffer.getvalue()


def routes(running: Running) -> list[tuple[str, str]]:
    """Every route that names a skill in its path."""
    paths = running.platform.app.openapi()["paths"]
    return [
        (method.upper(), path)
        for path, methods in sorted(paths.items())
        if path.startswith("/v1/skills/{key}")
        for method in methods
    ]


async def ask(two: Two, who: str, method: str, path: str, key: str, **more: Any) -> httpx.Response:
    address = path.replace("{key}", key).replace("{version}", "1.0.0")
    body = BODIES.get(path.rpartition("/")[2], {}) if method == "POST" else None
    async with two.running.http(two.tokens[who]) as http:
        return await http.request(method, address, json=body, **more)


def shape(answer: httpx.Response, *names: str) -> Any:
    """Status and document without what names the request, to compare two answers."""
    document = answer.json()
    for member in ("correlation_id", "instance"):
        document.pop(member, None)
    text = json.dumps(document)
    for name in names:
        text = text.replace(name, "…")
    return answer.status_code, text


async def test_no_route_tells_of_another_workspaces_skill(two: Two) -> None:
    skill = two.skills["acme"]
    found = routes(two.running)
    assert len(found) >= 23, "the routes are read from the document that is served"
    for who in ("umbra:customer_admin", "umbra:customer_member"):
        for method, path in found:
            for foreign, absent in (
                ("private", ABSENT),
                (str(skill.skill_id), NO_ID),
                ("acme:private", f"nowhere:{ABSENT}"),
            ):
                theirs = await ask(two, who, method, path, foreign)
                none = await ask(two, who, method, path, absent)
                assert theirs.status_code in (403, 404), (method, path, theirs.text)
                assert shape(theirs, foreign, "private", "acme") == shape(
                    none, absent, ABSENT, "nowhere"
                ), (method, path)
                if method == "GET":
                    assert theirs.status_code == 404, (path, theirs.text)
    # The same for its own workspace, and for staff: there is something not to tell.
    for method, path in found:
        if method == "GET":
            for who, ref in (
                ("acme:customer_admin", "private"),
                ("acme:customer_member", str(skill.skill_id)),
                ("auditor", "acme:private"),
            ):
                answer = await ask(two, who, method, path, ref)
                assert answer.status_code == 200, (path, answer.text)


async def test_no_body_reaches_another_workspaces_skill(two: Two) -> None:
    skill = two.skills["acme"]
    table: list[tuple[str, str, dict[str, Any], int]] = []
    for ref in ("private", str(skill.skill_id), "acme:private"):
        named = "skill_id" if ref == str(skill.skill_id) else "skill_key"
        run = {named: ref, "input": {}, "workspace": "umbra"}
        table += [
            ("POST", "/v1/runs", run, 404),
            ("POST", "/v1/runs", {**run, "dry_run": True}, 404),
            ("POST", "/v1/runs", {**run, "version": "1.0.0"}, 404),
            ("POST", "/v1/runs", {**run, "approval_id": "APR-none"}, 404),
            ("POST", "/v1/runs", {**run, "wait_for_approval": True}, 404),
            ("PUT", "/v1/bindings/a.b?workspace=umbra", {"skill": ref, "version": "1.0.0"}, 422),
            ("PUT", "/v1/bindings/a.b?workspace=umbra", {"skill": ref, "channel": "staging"}, 422),
        ]
    for who in ("umbra:customer_admin", "operator"):
        async with two.running.http(two.tokens[who]) as http:
            for method, path, body, status in table:
                answer = await http.request(method, path, json=body)
                assert answer.status_code == status, (who, path, body, answer.text)
                if status == 422:
                    assert [item["code"] for item in answer.json()["violations"]] == ["not_found"]
    roles = {"name": "R", "description": "x", "skills": [str(skill.skill_id)]}
    async with two.running.http(two.tokens["author"]) as http:
        answer = await http.post("/v1/job-roles", json=roles)
    assert answer.status_code == 422
    assert [item["code"] for item in answer.json()["violations"]] == ["skill_not_allowed"]


async def test_no_list_shows_it(two: Two) -> None:
    lists = (
        "/v1/skills?limit=500",
        "/v1/skills?q=private",
        "/v1/skills?owner=acme",
        "/v1/skill-diagnostics?limit=500",
        "/v1/certification-jobs",
        "/v1/audit?limit=500",
        "/v1/bindings",
        "/v1/job-roles",
    )
    for path in lists:
        async with two.running.http(two.tokens["umbra:customer_admin"]) as http:
            answer = await http.get(path)
        assert answer.status_code == 200, answer.text
        assert "private" not in answer.text, path
    async with two.running.http(two.tokens["umbra:customer_admin"]) as http:
        assert (await http.get("/v1/skills?workspace=acme")).status_code == 404
        assert (await http.get(f"/v1/certification-jobs/{two.job_id}")).status_code == 404
    async with two.running.http(two.tokens["acme:customer_admin"]) as http:
        [mine] = (await http.get("/v1/skills?workspace=acme")).json()["items"]
        assert (mine["skill_key"], mine["workspace"]) == ("private", "acme")
        assert mine["certificate"]["state"] == "valid"
        [job] = (await http.get("/v1/certification-jobs")).json()["items"]
        assert (job["key"], job["workspace"]) == ("private", "acme")


# Registered ----------------------------------------------------------------------------------------------

WHO = ("operator", "author", "approver", "auditor", "acme:customer_admin", "acme:customer_member")


@pytest.mark.parametrize("who", WHO)
async def test_who_registers_for_a_workspace(two: Two, who: str) -> None:
    may = who in ("operator", "author", "acme:customer_admin")
    key = f"by-{who.replace(':', '-').replace('_', '-')}"
    body = {"name": key, "description": "x", "category": "x"}
    files = {"package": ("x.zip", zipped(manifest(f"{key}-zip")))}
    head = {"Content-Type": "application/zip"}
    tree = zipped(manifest(f"{key}-tree"), f"{key}-tree/")
    async with two.running.http(two.tokens[who]) as http:
        made = [
            await http.post("/v1/skills?workspace=acme", json=body),
            await http.post("/v1/skills", json={**body, "name": f"{key}-b", "workspace": "acme"}),
            await http.post("/v1/skills?workspace=acme", files=files),
            await http.post("/v1/skills/batch?workspace=acme", content=tree, headers=head),
        ]
    assert [item.status_code for item in made] == ([201, 201, 201, 200] if may else [403] * 4)
    if may:
        assert [item.json()["workspace"] for item in made[:3]] == ["acme"] * 3
        assert [item["key"] for item in made[3].json()["loaded"]] == [f"{key}-tree"]
        async with two.running.http() as http:
            for name in (key, f"{key}-b", f"{key}-zip", f"{key}-tree"):
                assert (await http.get(f"/v1/skills/acme:{name}")).status_code == 200


async def test_an_admin_registers_in_the_own_workspace_only(two: Two) -> None:
    body = {"name": "At home", "description": "x", "category": "x"}
    files = {"package": ("x.zip", zipped(manifest("at-home-too")))}
    async with two.running.http(two.tokens["acme:customer_admin"]) as http:
        assert (await http.post("/v1/skills", json=body)).json()["workspace"] == "acme"
        assert (await http.post("/v1/skills", files=files)).json()["workspace"] == "acme"
        assert (await http.post("/v1/skills", json=body)).status_code == 409
        for address, sent in (
            ("/v1/skills?workspace=umbra", {"json": body}),
            ("/v1/skills?workspace=umbra", {"files": files}),
            ("/v1/skills", {"json": {**body, "workspace": "umbra"}}),
            ("/v1/skills?workspace=nowhere", {"json": body}),
        ):
            answer = await http.post(address, **sent)  # type: ignore[arg-type]
            assert answer.status_code == 404, answer.text
        both = await http.post("/v1/skills?workspace=acme", json={**body, "workspace": "umbra"})
        assert both.status_code == 422
    # Without a workspace staff register for the platform, as before.
    async with two.running.http(two.tokens["author"]) as http:
        made = await http.post("/v1/skills", json={**body, "name": "Everywhere"})
        assert (made.status_code, made.json()["workspace"]) == (201, None)


async def test_code_is_refused_with_its_place(two: Two) -> None:
    code = package("with-code")
    async with two.running.http(two.tokens["acme:customer_admin"]) as http:
        answer = await http.post("/v1/skills", files={"package": ("x.zip", zipped(code))})
        head = {"Content-Type": "application/zip"}
        loaded = await http.post(
            "/v1/skills/batch", content=zipped(code, "with-code/"), headers=head
        )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "contract_invalid")
    assert {item["code"] for item in problem["violations"]} == {"ineligible"}
    assert {item["pointer"] for item in problem["violations"]} == {
        "/contract.yaml", "/scripts/skill.py"
    }  # fmt: skip
    [bad] = loaded.json()["rejected"]
    assert loaded.json()["loaded"] == []
    kind = next(item for item in bad["diagnostics"] if item["file"] == "contract.yaml")
    text = next(file.data for file in code if file.path == "contract.yaml").decode().splitlines()
    assert text[kind["line"] - 1].strip() == "kind: python"
    assert "pipeline" in kind["remedy"]


async def test_a_taken_key_is_409_with_a_way_out(two: Two) -> None:
    async with two.running.http(two.tokens["acme:customer_admin"]) as http:
        answer = await http.post("/v1/skills", files={"package": ("x", zipped(manifest("add")))})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
    assert "another name" in answer.json()["remedy"]
    head = {"Content-Type": "application/zip"}
    tree = zipped(package("private"), "private/")
    async with two.running.http() as http:
        one = await http.post("/v1/skills", files={"package": ("x", zipped(package("private")))})
        assert (one.status_code, one.json()["code"]) == (409, "already_exists")
        [bad] = (await http.post("/v1/skills/batch", content=tree, headers=head)).json()["rejected"]
        short = await http.post(
            "/v1/skills", json={"name": "private", "description": "x", "category": "x"}
        )
        assert short.status_code == 409
    [said] = bad["diagnostics"]
    assert (said["code"], said["file"], said["line"]) == ("precedence_conflict", "SKILL.md", 2)
    assert "acme" in said["message"]


@pytest.mark.parametrize("cursor", ["private:x", "private:", ":", "a:b:c"])
async def test_a_cursor_that_is_none(two: Two, cursor: str) -> None:
    async with two.running.http() as http:
        for path in ("/v1/skills", "/v1/skill-diagnostics"):
            answer = await http.get(path, params={"cursor": cursor})
            assert answer.status_code in (200, 422), answer.text
            if cursor in ("private:x", "a:b:c"):
                assert answer.json()["violations"][0]["pointer"] == "/cursor"
