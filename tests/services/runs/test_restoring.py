"""Tampered, refused, restored, run: in one running platform, without a restart."""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.governed import owner, workspace
from tests.support.owned import manifest, owned
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package, run
from tests.support.terminal import Terminal

from livery.manifest.package import PackageFile

EXTRA = {"scripts/helper.py": b"X = 1\n", "references/note.md": b"note\n"}
OK = {"code": "result = 1"}


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        yield made


def folder_of(running: Running, digest: str) -> Path:
    return running.settings.home / "skills" / digest.removeprefix("sha256:")


def write(path: Path, data: bytes) -> None:
    path.parent.chmod(0o700)
    if path.exists():
        path.chmod(0o600)
    path.write_bytes(data)


def _byte(folder: Path) -> None:
    path = folder / "scripts/skill.py"
    data = path.read_bytes()
    write(path, data[:-1] + bytes([data[-1] ^ 1]))


def _linked_away(folder: Path) -> None:
    elsewhere = folder.with_name("elsewhere-" + folder.name[:8])
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)


def _as_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"x")


def _sealed(folder: Path) -> None:
    _byte(folder)
    (folder / "more").mkdir()
    (folder / "more" / "x").write_bytes(b"x")
    (folder / "more").chmod(0o000)
    folder.chmod(0o500)


TAMPERS: dict[str, Callable[[Path], Any]] = {
    "a byte": _byte,
    "a file more": lambda f: write(f / "scripts/more.py", b"import os"),
    "a file less": lambda f: (f / "scripts/helper.py").unlink(),
    "compiled": lambda f: write(f / "scripts/skill.pyc", b"x"),
    "a link": lambda f: (f / "link").symlink_to("/etc/hostname"),
    "a pipe": lambda f: os.mkfifo(f / "pipe"),
    "executable": lambda f: (f / "references/note.md").chmod(0o700),
    "gone": shutil.rmtree,
    "linked away": _linked_away,
    "a file in its place": _as_file,
    "sealed": _sealed,
}


async def restore(running: Running, ref: str, token: str | None = None) -> Any:
    async with running.http(token) as http:
        return await http.post(f"/v1/skills/{ref}/restore")


@pytest.mark.parametrize("how", TAMPERS)
async def test_tampered_refused_restored_and_run(running: Running, how: str) -> None:
    key = f"restored-{list(TAMPERS).index(how)}"
    digest = (await certified(running, package(key, extra=EXTRA))).digest
    folder = folder_of(running, digest)
    assert (await run(running, key, OK))["ok"]
    TAMPERS[how](folder)
    refused = await run(running, key, OK)
    assert (refused["code"], refused["status"]) == ("security_hash_mismatch", "denied")
    assert "livery skills restore" in refused["error"]["details"]["remedy"]

    answer = await restore(running, key)
    assert answer.status_code == 200, answer.text
    [done] = answer.json()["versions"]
    assert (done["version"], done["digest"], done["state"]) == ("1.0.0", digest, "restored")
    assert done["found"] == refused["error"]["message"], "it says what it put right"
    again = await run(running, key, OK)
    assert (again["ok"], again["digest"]) == (True, digest)
    assert {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    } == {file.path: file.data for file in package(key, extra=EXTRA)}
    # On record once, with what was found and by whom; a second time there is nothing to do.
    [same] = (await restore(running, key)).json()["versions"]
    assert (same["state"], same["found"]) == ("intact", None)
    async with running.http() as http:
        entries = (await http.get("/v1/audit", params={"kind": "skill.restored"})).json()["items"]
    [entry] = [item for item in entries if item["subject_id"] == f"{key}@1.0.0"]
    assert entry["body"]["found"] == done["found"]
    assert entry["body"]["by"] == "operator:local"
    assert [p.name for p in folder.parent.glob(".new-*")] == []


async def test_the_refusal_and_its_explanation_name_the_command(
    running: Running, tmp_path: Path
) -> None:
    terminal = Terminal(running, tmp_path)
    digest = (await certified(running, package("explained"))).digest
    assert (await run(running, "explained", OK))["ok"]
    _byte(folder_of(running, digest))
    refused = await run(running, "explained", OK)
    async with running.http() as http:
        told = (await http.get(f"/v1/runs/{refused['run_id']}/explain")).json()
    [command] = [s["command"] for s in told["would_allow"] if "restore" in s["command"]]
    assert command == "livery skills restore explained"
    done = await terminal(*command.split()[1:])
    assert done.exit_code == 0, done.output
    assert "explained@1.0.0" in done.stdout
    assert "scripts/skill.py was changed" in done.stdout
    assert (await run(running, "explained", OK))["ok"]


async def test_one_version_or_all_of_them(running: Running) -> None:
    digests = {}
    for version in ("1.0.0", "1.1.0"):
        digests[version] = (await certified(running, package("many", version=version))).digest
        assert (await run(running, "many", OK, version=version))["ok"]
        _byte(folder_of(running, digests[version]))
    async with running.http() as http:
        one = await http.post("/v1/skills/many/versions/1.0.0/restore")
        assert [item["version"] for item in one.json()["versions"]] == ["1.0.0"]
        none = await http.post("/v1/skills/many/versions/9.0.0/restore")
        assert none.status_code == 404
    assert (await run(running, "many", OK, version="1.0.0"))["ok"]
    assert (await run(running, "many", OK, version="1.1.0"))["code"] == "security_hash_mismatch"
    states = {
        item["version"]: item["state"]
        for item in (await restore(running, "many")).json()["versions"]
    }
    assert states == {"1.0.0": "intact", "1.1.0": "restored"}
    assert (await run(running, "many", OK, version="1.1.0"))["ok"]


@pytest.mark.parametrize("role", ["approver", "author", "auditor", "customer_admin"])
async def test_an_operator_only(running: Running, role: str) -> None:
    digest = (await certified(running, package(f"kept-{role.replace('_', '-')}"))).digest
    key = f"kept-{role.replace('_', '-')}"
    assert (await run(running, key, OK))["ok"]
    _byte(folder_of(running, digest))
    body: dict[str, Any] = {"role": role}
    if role == "customer_admin":
        body["workspace"] = "default"
    async with running.http() as http:
        token = (await http.post("/v1/tokens", json=body)).json()["token"]
    answer = await restore(running, key, token)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await run(running, key, OK))["code"] == "security_hash_mismatch"


async def test_a_stored_package_that_was_changed_restores_nothing(running: Running) -> None:
    files = package("both-changed")
    digest = (await certified(running, files)).digest
    assert (await run(running, "both-changed", OK))["ok"]
    from livery.storage.archives import pack

    other = [*files, PackageFile("scripts/more.py", b"import os\n")]
    async with owner(running) as rows:
        await rows.execute(
            "update livery.package set archive = $2 where digest = $1", digest, pack(other)
        )
    _byte(folder_of(running, digest))
    before = (folder_of(running, digest) / "scripts/skill.py").read_bytes()
    answer = await restore(running, "both-changed")
    assert (answer.status_code, answer.json()["code"]) == (403, "security_hash_mismatch")
    assert "backup" in answer.json()["remedy"]
    assert (folder_of(running, digest) / "scripts/skill.py").read_bytes() == before
    assert not (folder_of(running, digest) / "scripts/more.py").exists()
    assert (await run(running, "both-changed", OK))["code"] == "security_hash_mismatch"


async def test_a_workspaces_own_too(running: Running) -> None:
    await workspace(running, "acme")
    skill = await owned(running, "acme", manifest("mended", "mine"))
    asked = {"workspace": "acme"}
    assert (await run(running, "mended", {}, **asked))["result"] == "mine"
    write(folder_of(running, skill.digest) / "contract.yaml", b"x: 1\n")
    assert (await run(running, "mended", {}, **asked))["code"] == "security_hash_mismatch"
    [done] = (await restore(running, "acme:mended")).json()["versions"]
    assert done["state"] == "restored"
    assert (await run(running, "mended", {}, **asked))["result"] == "mine"


async def test_two_processes_of_one_home(new_platform: NewPlatform) -> None:
    """One of them started on the tampered folder; restored through one, both run."""
    async with new_platform() as first:
        digest = (await certified(first, package("shared"))).digest
        assert (await run(first, "shared", OK))["ok"]
        _byte(folder_of(first, digest))
        async with new_platform(urls=first.urls, home=first.settings.home, seeded=False) as late:
            for process in (first, late):
                assert (await run(process, "shared", OK))["code"] == "security_hash_mismatch"
            [done] = (await restore(late, "shared")).json()["versions"]
            assert done["state"] == "restored"
            for process in (late, first):
                assert (await run(process, "shared", OK))["ok"]


async def test_at_once(running: Running) -> None:
    import asyncio

    digest = (await certified(running, package("at-once", extra=EXTRA))).digest
    assert (await run(running, "at-once", OK))["ok"]
    _byte(folder_of(running, digest))
    answers = await asyncio.gather(*(restore(running, "at-once") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await run(running, "at-once", OK))["ok"]
