"""The catalog: versions are immutable, and what goes in comes out byte for byte."""

import asyncio
import io
import zipfile
from typing import Any

import pytest
from tests.support.platform import Running
from tests.support.skills import package

from livery.manifest.package import PackageFile, package_digest


def zipped(files: list[PackageFile], folder: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in files:
            archive.writestr(f"{folder}{file.path}", file.data)
    return buffer.getvalue()


async def upload(running: Running, data: bytes) -> Any:
    async with running.http() as http:
        return await http.post("/v1/skills", files={"package": ("skill.zip", data)})


async def test_an_upload_comes_out_as_it_went_in(platform: Running) -> None:
    files = package("round", extra={"assets/data.bin": bytes(range(256)), "references/ü.md": b"x"})
    answer = await upload(platform, zipped(files, "round/"))
    assert answer.status_code == 201, answer.text
    assert answer.json()["digest"] == package_digest(files)
    async with platform.http() as http:
        packed = await http.get("/v1/skills/round/versions/1.0.0/package")
    assert packed.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            file.path: file.data for file in files
        }


async def test_a_version_is_immutable(platform: Running) -> None:
    files = package("fixed")
    assert (await upload(platform, zipped(files))).status_code == 201
    assert (await upload(platform, zipped(files))).status_code == 201  # the same is the same
    changed = [*files, PackageFile("extra.txt", b"1")]
    answer = await upload(platform, zipped(changed))
    assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
    assert answer.json()["details"] == {
        "registered": package_digest(files),
        "offered": package_digest(changed),
    }
    assert (await upload(platform, zipped(package("fixed", version="1.0.1")))).status_code == 201
    async with platform.http() as http:
        versions = (await http.get("/v1/skills/fixed/versions")).json()["items"]
    assert [item["version"] for item in versions] == ["1.0.1", "1.0.0"]


async def test_registered_at_once_is_registered_once(platform: Running) -> None:
    data = zipped(package("at-once"))
    answers = await asyncio.gather(*(upload(platform, data) for _ in range(6)))
    assert {item.status_code for item in answers} == {201}
    assert len({item.json()["skill_id"] for item in answers}) == 1


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([PackageFile("README.md", b"x")], "missing_skill_md"),
        ([PackageFile("SKILL.md", b"no frontmatter")], "malformed_frontmatter"),
        ([PackageFile("SKILL.md", b"---\nname: A B\ndescription: x\n---\n")], "invalid_name"),
        (
            [
                PackageFile("SKILL.md", b"---\nname: x\ndescription: x\n---\n"),
                PackageFile(
                    "contract.yaml", b"apiVersion: livery/v1\nversion: 1\nruntime: {kind: python}\n"
                ),
            ],
            "contract_invalid",
        ),
        (package("x", capabilities={"teleport": ["home"]}), "unknown_capability"),
    ],
)
async def test_a_package_that_is_none(
    platform: Running, files: list[PackageFile], code: str
) -> None:
    answer = await upload(platform, zipped(files))
    assert (answer.status_code, answer.json()["code"]) == (422, "contract_invalid")
    assert code in [item["code"] for item in answer.json()["violations"]]


async def test_keys_aliases_and_ids_name_one_skill(platform: Running) -> None:
    body = {
        "name": "KV store",
        "description": "Keep.",
        "category": "storage",
        "skill_key": "kv_store",
    }
    async with platform.http() as http:
        made = (await http.post("/v1/skills", json=body)).json()
        assert made["skill_key"] == "kv-store"
        for ref in ("kv-store", "kv_store", "kv.store", made["skill_id"]):
            assert (await http.get(f"/v1/skills/{ref}")).json()["skill_id"] == made["skill_id"], ref
        again = await http.post("/v1/skills", json={**body, "skill_key": "KV Store"})
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")


@pytest.mark.parametrize(
    "description",
    [
        'quotes " and \\',
        "two\nlines",
        "---",
        "# not a comment: {x}",
        "ünï \U0001f600",
        "x" * 1024,
        "a\tb",
        "- x",
    ],
)
async def test_any_description_is_kept(platform: Running, description: str) -> None:
    async with platform.http() as http:
        name = f"described {abs(hash(description))}"
        body = {"name": name, "description": description, "category": "x"}
        answer = await http.post("/v1/skills", json=body)
        assert answer.status_code == 201, answer.text
        assert (await http.get(f"/v1/skills/{answer.json()['skill_key']}")).json()[
            "description"
        ] == description
