"""A version that is refused is refused with the line that names it, at every door, and with the way out."""

from typing import Any

import pytest
from tests.api.test_packages import load, tree
from tests.services.catalog.test_catalog import upload, zipped
from tests.services.catalog.test_releases import NARROW, skill
from tests.support.platform import Running
from tests.support.skills import certified

from livery.manifest.package import PackageFile
from livery.services.catalog.places import Places


def line_with(files: list[PackageFile], path: str, text: str) -> int:
    """The one line of this text, counted by hand."""
    data = next(file.data for file in files if file.path == path).decode()
    [found] = [n for n, line in enumerate(data.split("\n"), 1) if line.strip() == text]
    return found


async def refused(running: Running, files: list[PackageFile]) -> list[dict[str, Any]]:
    [bad] = (await load(running, tree(x=files)))["rejected"]
    return [item for item in bad["diagnostics"] if item["severity"] == "error"]


async def test_a_broken_promise_names_the_line_of_its_version_and_fields(platform: Running) -> None:
    await certified(platform, skill("placed", "1.0.0"))
    files = skill("placed", "1.1.0", NARROW)
    first, *fields = await refused(platform, files)
    version = line_with(files, "contract.yaml", "version: 1.1.0")
    assert version > 1
    assert (first["code"], first["file"], first["line"]) == (
        "contract_invalid", "contract.yaml", version,
    )  # fmt: skip
    assert "2.0.0" in first["remedy"]
    assert f"contract.yaml, line {version}" in first["remedy"]
    by_field = {item["message"].partition(":")[0]: item["line"] for item in fields}
    assert by_field == {
        "/interface/input/properties/code": line_with(files, "contract.yaml", "code:"),
        "/interface/input/properties/unit": line_with(files, "contract.yaml", "unit:"),
        "/version": version,
    }
    problem = (await upload(platform, zipped(files))).json()
    assert f"contract.yaml, line {version}" in problem["remedy"]


@pytest.mark.parametrize("lead", [0, 1, 7])
async def test_other_bytes_name_the_line_of_the_version(platform: Running, lead: int) -> None:
    name = f"moved-{lead}"
    await certified(platform, skill(name, "1.0.0"))
    files = [
        PackageFile(f.path, b"# a comment\n" * lead + f.data) if f.path == "contract.yaml" else f
        for f in [*skill(name, "1.0.0"), PackageFile("references/more.md", b"x")]
    ]
    [said] = await refused(platform, files)
    line = line_with(files, "contract.yaml", "version: 1.0.0")
    assert (said["code"], said["file"], said["line"]) == (
        "precedence_conflict", "contract.yaml", line,
    )  # fmt: skip
    assert f"contract.yaml, line {line}" in said["remedy"]
    problem = (await upload(platform, zipped(files))).json()
    assert (problem["status"], problem["code"]) == (409, "already_exists")
    assert f"raise the version in contract.yaml, line {line}" in problem["remedy"]


async def test_without_a_contract_it_is_the_metadata(platform: Running) -> None:
    def instructions(body: bytes, head: bytes) -> list[PackageFile]:
        text = b"---\nname: told\ndescription: X.\n" + head + b"---\n" + body
        return [PackageFile("SKILL.md", text)]

    head = b"metadata:\n  author: me\n  version: 1.2.0\n"
    assert (await upload(platform, zipped(instructions(b"one", head)))).status_code == 201
    [said] = await refused(platform, instructions(b"two", head))
    assert (said["code"], said["file"], said["line"]) == ("precedence_conflict", "SKILL.md", 6)
    assert "SKILL.md, line 6" in said["remedy"]


async def test_a_deleted_number_too(platform: Running) -> None:
    files = skill("gone-again", "1.0.0")
    await platform.platform.services.catalog.register(files, by="test")
    await platform.platform.services.retirement.delete(platform.operator, "gone-again", None)
    said = (await refused(platform, files))[0]
    assert said["line"] == line_with(files, "contract.yaml", "version: 1.0.0")


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ([], ("SKILL.md", 2)),
        ([PackageFile("SKILL.md", b"\xff\xfe")], ("SKILL.md", 2)),
        ([PackageFile("SKILL.md", b"---\nname: x\n---\n")], ("SKILL.md", 2)),
        ([PackageFile("SKILL.md", b"---\nname: x\nmetadata: {}\n---\n")], ("SKILL.md", 3)),
        ([PackageFile("contract.yaml", b"a: 1\n\nversion: 1.0.0\n")], ("contract.yaml", 3)),
        ([PackageFile("contract.yaml", b"{version: 1.0.0}")], ("contract.yaml", 1)),
        ([PackageFile("contract.yaml", b"a: [")], ("contract.yaml", 1)),
    ],
)
def test_there_is_always_a_place(files: list[PackageFile], place: tuple[str, int]) -> None:
    found = Places(files)
    assert (found.file, found.line("/version")) == place
