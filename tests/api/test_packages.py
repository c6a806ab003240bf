"""Many packages through the HTTP door: each by itself."""

import asyncio
import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest
from tests.support.platform import Running
from tests.support.skills import package

from livery.entrypoints.seed import built_in
from livery.manifest.package import PackageFile, package_digest, parse_package


def tree(**folders: list[PackageFile]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for folder, files in folders.items():
            for file in files:
                path = f"{folder.replace('__', '/')}/{file.path}" if folder else file.path
                archive.writestr(path, file.data)
    return buffer.getvalue()


async def load(running: Running, data: bytes, query: str = "") -> Any:
    headers = {"Content-Type": "application/zip"}
    async with running.http() as http:
        answer = await http.post(f"/v1/skills/batch{query}", content=data, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def skill_md(name: str, more: str = "") -> list[PackageFile]:
    return [PackageFile("SKILL.md", f"---\nname: {name}\ndescription: X.\n{more}---\n".encode())]


async def test_each_package_by_itself(platform: Running) -> None:
    good = package("first-of-many")
    found = await load(platform, tree(a=good, b=[PackageFile("SKILL.md", b"x")], c=good))
    same = {
        "key": "first-of-many",
        "version": "1.0.0",
        "digest": package_digest(good),
        "status": "pending_certification",
    }
    assert [{k: item[k] for k in same} for item in found["loaded"]] == [same, same]
    assert [item["path"] for item in found["loaded"]] == ["a", "c"]
    [bad] = found["rejected"]
    assert bad["path"] == "b"
    assert [item["code"] for item in bad["diagnostics"]] == ["malformed_frontmatter"]
    async with platform.http() as http:
        detail = (await http.get("/v1/skills/first-of-many")).json()
        packed = await http.get("/v1/skills/first-of-many/versions/1.0.0/package")
    assert len(detail["versions"]) == 1
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            file.path: file.data for file in good
        }


async def test_a_version_with_other_bytes_loses_to_the_first_by_path(platform: Running) -> None:
    one, other = package("twice"), package("twice", extra={"x.txt": b"1"})
    found = await load(platform, tree(b=other, a=one))
    assert [item["path"] for item in found["loaded"]] == ["a"]
    [bad] = found["rejected"]
    said = bad["diagnostics"][0]
    assert (bad["path"], said["code"]) == ("b", "precedence_conflict")
    for word in (package_digest(one), package_digest(other), " a."):
        assert word in said["message"]
    [again] = (await load(platform, tree(z=other)))["rejected"]
    assert again["diagnostics"][0]["code"] == "precedence_conflict"


async def test_two_versions_in_one_tree(platform: Running) -> None:
    found = await load(platform, tree(a=package("grows"), b=package("grows", version="1.1.0")))
    assert [item["version"] for item in found["loaded"]] == ["1.0.0", "1.1.0"]


def bundled(name: str, version: str) -> list[PackageFile]:
    """A built-in, as another version of itself."""
    files = dict(built_in())[name]
    old, new = b"version: 1.0.0", f"version: {version}".encode()
    assert any(old in file.data for file in files if file.path == "contract.yaml")
    return [replace(f, data=f.data.replace(old, new)) for f in files]


async def test_a_users_version_prevails_over_the_bundled_one(platform: Running) -> None:
    loader = platform.platform.services.loader
    newer, _ = parse_package(bundled("multiply", "1.2.0"))
    assert newer is not None
    assert await loader.outranked(newer) is None
    [item] = (await load(platform, tree(multiply=bundled("multiply", "1.1.0"))))["loaded"]
    [said] = item["diagnostics"]
    assert (said["code"], said["severity"]) == ("precedence_conflict", "warning")
    # What Livery bundles later stays out; what it bundled before is as it was.
    assert "multiply@1.1.0" in (await loader.outranked(newer) or "")
    known, _ = parse_package(bundled("multiply", "1.0.0"))
    assert known is not None
    assert await loader.outranked(known) is None
    async with platform.http() as http:
        assert (await http.get("/v1/skills/multiply")).json()["version"] == "1.1.0"


async def test_one_package_is_judged_like_many(platform: Running) -> None:
    async def send(files: list[PackageFile]) -> Any:
        async with platform.http() as http:
            return await http.post("/v1/skills", files={"package": ("x.zip", tree(x=files))})

    elsewhere = await send(skill_md("elsewhere", "metadata:\n  os: windows\n"))
    assert elsewhere.status_code == 422
    assert [item["code"] for item in elsewhere.json()["violations"]] == ["ineligible"]
    clash = await send(skill_md("clash", "metadata:\n  aliases: add\n"))
    assert [item["code"] for item in clash.json()["violations"]] == ["command_alias_collision"]
    assert (await send(skill_md("told-one", "author: me\n"))).status_code == 201
    async with platform.http() as http:
        shown = (await http.get("/v1/skills/told-one")).json()
    assert [item["line"] for item in shown["diagnostics"]] == [4]


async def test_a_tool_that_comes_later_is_not_missing_any_more(platform: Running) -> None:
    needs = package("needs-it", capabilities={"tools": ["livery:comes-later"]})
    [item] = (await load(platform, tree(**{"needs-it": needs})))["loaded"]
    assert [said["code"] for said in item["diagnostics"]] == ["missing_required_tools"]
    await load(platform, tree(**{"comes-later": package("comes-later")}))
    async with platform.http() as http:
        assert (await http.get("/v1/skills/needs-it")).json()["diagnostics"] == []


async def test_two_loads_at_once_do_not_wait_in_a_ring(platform: Running) -> None:
    names = [f"ring-{number}" for number in range(30)]
    forth = tree(**{name: skill_md(name) for name in names})
    back = tree(**{f"z{99 - n}": skill_md(name) for n, name in enumerate(names)})
    found = await asyncio.gather(*(load(platform, data) for data in (forth, back, forth, back)))
    assert [len(item["loaded"]) for item in found] == [30] * 4
    async with platform.http() as http:
        versions = (await http.get("/v1/skills/ring-7/versions")).json()["items"]
    assert len(versions) == 1


async def test_what_is_no_zip_and_what_is_too_large(
    platform: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    [bad] = (await load(platform, b"no zip"))["rejected"]
    assert (bad["path"], bad["diagnostics"][0]["code"]) == ("", "contract_invalid")
    monkeypatch.setattr("livery.api.http.packages.MAX_TREE", 10)
    async with platform.http() as http:
        headers = {"Content-Type": "application/zip"}
        large = await http.post("/v1/skills/batch", content=b"x" * 11, headers=headers)
        bad_commit = await http.post("/v1/skills/batch?commit=HEAD", content=b"x", headers=headers)
    assert (large.status_code, large.json()["code"]) == (413, "payload_too_large")
    assert bad_commit.status_code == 422


async def test_packages_that_multiply_are_refused(platform: Running) -> None:
    """Each folder of a chain is a package and holds all below it."""
    chain = {"__".join(["d"] * n): skill_md(f"chain-{n}") for n in range(1, 9)}
    found = await load(platform, tree(**chain))
    assert [item["key"] for item in found["loaded"]] == [f"chain-{n}" for n in range(1, 6)]
    assert len(found["rejected"]) == 3


@pytest.mark.parametrize(
    ("folders", "rejected"),
    [
        ({"a": skill_md("kv_store1"), "b": skill_md("kv-store1")}, ["a"]),
        ({"a": skill_md("al-a", "metadata:\n  aliases: al-b\n"), "al-b": skill_md("al-b")}, ["a"]),
        (
            {
                "a": skill_md("al-c", "metadata:\n  aliases: x-1, x2\n"),
                "b": skill_md("al-d", "metadata:\n  aliases: X.1\n"),
            },
            ["b"],
        ),
        ({"a": skill_md("al-e", "metadata:\n  aliases: add\n")}, ["a"]),
        ({"a": skill_md("x-1")}, ["a"]),  # al-c of a load before claims it
    ],
)
async def test_two_skills_of_one_name(
    platform: Running, folders: dict[str, list[PackageFile]], rejected: list[str]
) -> None:
    found = await load(platform, tree(**folders))
    assert [item["path"] for item in found["rejected"]] == rejected
    for item in found["rejected"]:
        assert "command_alias_collision" in [said["code"] for said in item["diagnostics"]]
    assert len(found["loaded"]) == len(folders) - len(rejected)


@pytest.mark.parametrize("name", [".git/config", "deep/.hg/hgrc", ".git", "GIT~1/config", "r/HEAD"])
async def test_version_control_is_refused_at_both_doors(platform: Running, name: str) -> None:
    """Its settings run programs on whoever exports the package and asks git."""
    runs = PackageFile(name, b'[core]\n\tfsmonitor = "touch PWN;false"\n')
    files = [*skill_md("versioned"), runs]
    files += [PackageFile(f"r/{part}/x", b"") for part in ("objects", "refs")]
    async with platform.http() as http:
        one = await http.post("/v1/skills", files={"package": ("x.zip", tree(versioned=files))})
    assert (one.status_code, one.json()["code"]) == (422, "contract_invalid")
    assert one.json()["remedy"]
    assert [item["pointer"] for item in one.json()["violations"]] == [f"/{name}"]
    inside = {"versioned__.git": skill_md("inside")}
    found = await load(platform, tree(versioned=files, beside=skill_md("beside"), **inside))
    assert [item["key"] for item in found["loaded"]] == ["beside"]
    said = {item["path"]: item["diagnostics"] for item in found["rejected"]}
    assert set(said) == {"versioned", "versioned/.git"}
    assert all(item["remedy"] for items in said.values() for item in items)
    assert name in [item["file"] for item in said["versioned"]]


async def test_a_zip_of_version_control_alone_is_no_package(platform: Running) -> None:
    data = tree(**{".git": [*skill_md("alone"), PackageFile("config", b"x")]})
    async with platform.http() as http:
        one = await http.post("/v1/skills", files={"package": ("x.zip", data)})
    assert (one.status_code, one.json()["code"]) == (422, "contract_invalid")
    assert (await load(platform, data))["loaded"] == []
