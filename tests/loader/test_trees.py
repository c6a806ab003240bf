"""Trees on this machine: every SKILL.md once, nothing followed out, nothing waited for."""

import json
import os
import socket
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.platform import Running
from tests.support.public_packages import write_tree
from tests.support.skills import package
from tests.support.terminal import Terminal
from tests.support.users import ordinary_user

from livery.authoring.loading import read_folder
from livery.manifest.package import package_digest


def skill(folder: Path, name: str | None = None, more: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = f"---\nname: {name or folder.name}\ndescription: For tests.\n{more}---\nbody\n"
    (folder / "SKILL.md").write_text(text)
    return folder


async def add(running: Running, path: Path, *options: str) -> tuple[dict[str, Any], int]:
    home = path.parent / "home"
    found = await Terminal(running, home)("skills", "add", path, "--json", *options)
    return json.loads(found.stdout), found.exit_code


def keys(document: dict[str, Any]) -> list[str]:
    return [item["key"] for item in document["loaded"]]


def rejected(document: dict[str, Any], root: Path) -> dict[str, list[str]]:
    return {
        str(Path(item["path"]).relative_to(root)): [said["code"] for said in item["diagnostics"]]
        for item in document["rejected"]
    }


async def test_a_folder_gives_the_digest_of_its_files(platform: Running, tmp_path: Path) -> None:
    folder = tmp_path / "tree-digest"
    for file in package("tree-digest"):
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.path).write_bytes(file.data)
    (folder / "scripts" / "skill.py").chmod(0o755)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    document, code = await add(platform, folder)
    [item] = document["loaded"]
    assert (code, item["digest"]) == (0, package_digest(read_folder(folder)))
    assert (item["key"], item["version"], item["status"], item["diagnostics"]) == (
        "tree-digest", "1.0.0", "pending_certification", [],
    )  # fmt: skip
    by_file, code = await add(platform, folder / "SKILL.md")
    assert (code, by_file["loaded"]) == (0, document["loaded"])


async def test_packages_at_any_depth_and_inside_each_other(
    platform: Running, tmp_path: Path
) -> None:
    root = tmp_path / "tree"
    skill(root / "d-outer")
    skill(root / "d-outer" / "references" / "d-inner")
    skill(root / "a" / "b" / "c" / "d-deep")
    skill(root / "node_modules" / "d-module")
    skill(root / "d-outer" / "node_modules" / "d-module-inside")
    skill(root / ".git" / "d-git")
    skill(root / ".hidden" / "d-hidden")
    (root / ".gitignore").write_text("*\n")
    document, code = await add(platform, root)
    assert sorted(keys(document)) == [
        "d-deep", "d-hidden", "d-inner", "d-module", "d-module-inside", "d-outer",
    ]  # fmt: skip
    assert (code, document["rejected"]) == (0, [])
    digests = {item["key"]: item["digest"] for item in document["loaded"]}
    assert digests["d-outer"] == package_digest(read_folder(root / "d-outer"))


async def test_a_bad_package_around_a_good_one_hides_nothing(
    platform: Running, tmp_path: Path
) -> None:
    root = tmp_path / "tree"
    (root / "broken").mkdir(parents=True)
    (root / "broken" / "SKILL.md").write_text("no frontmatter")
    skill(root / "broken" / "e-good")
    skill(root / "linked")
    (root / "linked" / "out").symlink_to("/etc/hostname")
    skill(root / "linked" / "e-fine")
    skill(root / "linked" / "e-fine" / "e-finest")
    document, code = await add(platform, root)
    assert sorted(keys(document)) == ["e-fine", "e-finest", "e-good"]
    assert rejected(document, root) == {
        "broken": ["malformed_frontmatter"],
        "linked": ["contract_invalid"],
    }
    assert code == 1


async def test_what_is_no_plain_file(platform: Running, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for name in ("pipe", "socket", "dangling", "inward"):
        skill(root / f"f-{name}")
    os.mkfifo(root / "f-pipe" / "wait")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(root / "f-socket" / "door"))
        (root / "f-dangling" / "gone").symlink_to("nowhere")
        (root / "f-inward" / "self").symlink_to(".")
        os.mkfifo(root / "SKILL.md.pipe")
        (root / "skill-pipe").mkdir()
        os.mkfifo(root / "skill-pipe" / "SKILL.md")
        (root / "skill-link").mkdir()
        (root / "skill-link" / "SKILL.md").symlink_to("/etc/hostname")
        (root / "skill-folder" / "SKILL.md").mkdir(parents=True)
        skill(root / "f-good")
        document, code = await add(platform, root)
    assert (keys(document), code) == (["f-good"], 1)
    assert rejected(document, root) == {
        **{f"f-{name}": ["contract_invalid"] for name in ("dangling", "inward", "pipe", "socket")},
        "skill-pipe": ["contract_invalid"],
        "skill-link": ["contract_invalid"],
        "skill-folder": ["missing_skill_md"],
    }
    said = {Path(item["path"]).name: item["diagnostics"][0] for item in document["rejected"]}
    assert (said["f-pipe"]["file"], said["f-pipe"]["message"]) == ("wait", "wait is no plain file")
    assert said["f-inward"]["message"] == "self is a symlink"


async def test_links_are_not_followed(platform: Running, tmp_path: Path) -> None:
    outside = skill(tmp_path / "outside" / "g-outside")
    root = tmp_path / "tree"
    skill(root / "skills" / "g-mine")
    (root / "again").symlink_to("skills")
    (root / "loop").symlink_to(".")
    (root / "out").symlink_to(outside.parent)
    (root / "python").symlink_to("/usr/bin/env")
    document, code = await add(platform, root)
    assert keys(document) == ["g-mine"]
    assert rejected(document, root) == {"out": ["contract_invalid"]}
    assert code == 1


async def test_names_that_are_no_text_and_odd_ones(platform: Running, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    odd = root / os.fsdecode(b"h-\xff\xfe")
    skill(odd, "h-in-odd-folder")
    skill(root / "h-bad-file")
    (root / "h-bad-file" / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    skill(root / "with space.", "h-space")
    skill(root / "a\\..\\b", "h-backslash")
    skill(root / "c:\n", "h-newline")
    document, _ = await add(platform, root)
    assert sorted(keys(document)) == ["h-backslash", "h-in-odd-folder", "h-newline", "h-space"]
    for item in document["loaded"]:
        assert [said["code"] for said in item["diagnostics"]] == ["invalid_name"]
    [bad] = document["rejected"]
    assert bad["diagnostics"][0]["file"] == "caf\\udce9.txt"
    json.dumps(document).encode()


async def test_a_path_too_deep_for_a_package(platform: Running, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    skill(root / "i-good")
    here = skill(root / "i-deep")
    for _ in range(12):
        here = here / ("d" * 100)
    here.mkdir(parents=True)
    (here / "x").write_text("x")
    skill(here / "i-far")
    document, _ = await add(platform, root)
    assert sorted(keys(document)) == ["i-far", "i-good"]
    assert rejected(document, root) == {"i-deep": ["contract_invalid", "contract_invalid"]}


def test_what_may_not_be_read(tmp_path: Path) -> None:
    """As an ordinary user: closed files and folders are told, the rest is read."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/") and os.geteuid() == 0:
            parent.chmod(0o755)
    root = tmp_path / "tree"
    skill(root / "j-good")
    skill(root / "j-closed-file")
    secret = root / "j-closed-file" / "secret.txt"
    secret.write_text("x")
    skill(root / "j-closed-folder" / "j-inner")
    root.chmod(0o755)
    program = (
        "import sys, json; from pathlib import Path; from livery.cli.folders import *;"
        "s = PackageSource(Path(sys.argv[1])); s.look();"
        "print(json.dumps([[c.path, [d.message for d in c.diagnostics]] if isinstance(c, Refused) else c.roots "
        "for c in s.chunks()]))"
    )
    secret.chmod(0)
    (root / "j-closed-folder").chmod(0)
    user = ordinary_user()
    done = subprocess.run(
        [*user.python, "-c", program, root], capture_output=True, text=True, check=False, timeout=60, cwd="/",
        **user.popen,
    )  # fmt: skip
    (root / "j-closed-folder").chmod(0o755)
    secret.chmod(0o644)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        [f"{root}/j-closed-file", ["secret.txt cannot be read (Permission denied)"]],
        [f"{root}/j-closed-folder", [". cannot be read (Permission denied)"]],
        [f"{root}/j-good"],
    ]


async def test_a_tree_of_one_work_tree_names_its_commit(platform: Running, tmp_path: Path) -> None:
    root = tmp_path / "repo"
    skill(root / "k-one")
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True, timeout=60)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    # Nothing of the tree's own settings runs.
    (root / ".git" / "config").write_text(
        f"[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch {tmp_path}/ran\n"
    )
    document, code = await add(platform, root)
    assert (keys(document), code) == (["k-one"], 0)
    skill(root / "k-two")  # not in the commit
    await add(platform, root / "k-two")
    async with platform.http() as http:
        found = (
            await http.get("/v1/audit", params={"kind": "skill.registered", "limit": 50})
        ).json()["items"]
    sources = {item["subject_id"]: item["body"].get("source") for item in found}
    assert sources["k-one@0.1.0"] == {"commit": head, "dirty": False}
    assert sources["k-two@0.1.0"] == {"commit": head, "dirty": True}
    assert not (tmp_path / "ran").exists()


async def test_zips_with_one_or_many_with_a_top_folder_or_without(
    platform: Running, tmp_path: Path
) -> None:
    def write(name: str, files: dict[str, str]) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        return tmp_path / name

    def md(name: str) -> str:
        return f"---\nname: {name}\ndescription: x\n---\n"

    flat = write("flat.zip", {"SKILL.md": md("l-flat"), "x.txt": "x"})
    top = write("top.zip", {"l-top/SKILL.md": md("l-top"), "__MACOSX/l-top/._SKILL.md": "x"})
    many = write(
        "many.zip", {"repo/a/SKILL.md": md("l-a"), "repo/b/SKILL.md": "no", "repo/README.md": "x"}
    )
    empty = write("empty.zip", {"README.md": "x"})
    escaping = write("escaping.zip", {"l-x/SKILL.md": md("l-x"), "../evil": "x"})
    (tmp_path / "text.zip").write_text("no zip")
    for path, loaded, codes in (
        (flat, ["l-flat"], {}),
        (top, ["l-top"], {}),
        (many, ["l-a"], {"many.zip/repo/b": ["malformed_frontmatter"]}),
        (empty, [], {"empty.zip": ["missing_skill_md"]}),
        (
            escaping,
            [],
            {name: ["contract_invalid"] for name in ("escaping.zip", "escaping.zip/l-x/SKILL.md")},
        ),
        (tmp_path / "text.zip", [], {"text.zip": ["contract_invalid"]}),
    ):
        document, code = await add(platform, path)
        assert keys(document) == loaded, path
        assert rejected(document, tmp_path) == codes, path
        assert code == (1 if codes else 0)


@pytest.mark.filterwarnings("ignore:Duplicate")
async def test_a_bad_entry_of_a_zip_rejects_only_the_packages_around_it(
    platform: Running, tmp_path: Path
) -> None:
    def md(name: str) -> str:
        return f"---\nname: {name}\ndescription: x\n---\n"

    names = ("zip-good", "zip-zeros", "zip-escape", "zip-twice")
    with zipfile.ZipFile(tmp_path / "mixed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(f"{name}/SKILL.md", md(name))
        archive.writestr("zip-zeros/zeros", b"\0" * (60 * 2**20))
        archive.writestr("zip-escape/../../evil", "x")
        archive.writestr("zip-twice/SKILL.md", md("zip-other"))
        archive.writestr("zip-twice/inner/SKILL.md", md("inner"))
    document, code = await add(platform, tmp_path / "mixed.zip")
    assert (keys(document), code) == (["zip-good", "inner"], 1)
    assert {item["path"]: item["diagnostics"][0]["file"] for item in document["rejected"]} == {
        str(tmp_path / "mixed.zip" / "zip-escape"): "../../evil",
        str(tmp_path / "mixed.zip" / "zip-twice"): "SKILL.md",
        str(tmp_path / "mixed.zip" / "zip-zeros"): "zeros",
    }
    with zipfile.ZipFile(tmp_path / "mixed.zip", "a") as archive:
        archive.writestr("../evil", "x")
    document, _ = await add(platform, tmp_path / "mixed.zip")
    assert document["loaded"] == []
    assert set(rejected(document, tmp_path / "mixed.zip")) == {
        ".", "zip-twice/inner/SKILL.md", *(f"{name}/SKILL.md" for name in names),
    }  # fmt: skip
    assert {said["file"] for item in document["rejected"] for said in item["diagnostics"]} == {
        "mixed.zip"
    }


async def test_a_large_tree_goes_in_parts_and_says_how_far_it_is(
    platform: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livery.cli.folders.CHUNK_PACKAGES", 20)
    monkeypatch.setattr("livery.cli.load_progress.SILENT_S", 0.0)
    names = write_tree(tmp_path / "tree", 130, seed=9)
    livery = Terminal(platform, tmp_path / "home")
    found = await livery("skills", "add", tmp_path / "tree", "--json")
    assert found.exit_code == 0
    assert sorted(keys(json.loads(found.stdout))) == names
    told = [line for line in found.stderr.splitlines() if line.startswith("Loading: ")]
    assert told[-1] == "Loading: 130 of 130"
    assert len(told) == 7


async def test_people_read_a_table_and_a_panel(platform: Running, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    skill(root / "m-good", more="author: me\n")
    skill(root / "m-evil", "\\x1b[31m", "x: '\x1b[31mred'\n")
    (root / "m-bad").mkdir()
    (root / "m-bad" / "SKILL.md").write_text("---\nname: a\nname: b\n---\n")
    livery = Terminal(platform, tmp_path / "home")
    for columns in (60, 80, 120):
        found = await livery("skills", "add", root, columns=columns)
        assert found.exit_code == 1
        assert max(map(len, found.stdout.splitlines())) <= columns
        assert "\x1b" not in found.stdout
    for word in (
        "m-good",
        "malformed_frontmatter",
        "2 REJECTED",
        "SKILL.md:3",
        "appears twice",
        "→",
    ):
        assert word in found.stdout
    assert "1 loaded (1 with remarks), 2 rejected" in found.stderr


async def test_certifying_what_was_loaded(platform: Running, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for name in ("n-first", "n-second"):
        for file in package(name):
            path = root / name / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
    wrong = package(
        "n-wrong", fixtures=({"name": "w", "input": {"code": "result = 1"}, "output": 2},)
    )
    for file in wrong:
        path = root / "n-wrong" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    document, code = await add(platform, root, "--certify")
    assert code == 1
    status = {
        item["key"]: (item["status"], item["certification"]["status"])
        for item in document["loaded"]
    }
    assert status == {
        "n-first": ("certified", "certified"),
        "n-second": ("certified", "certified"),
        "n-wrong": ("pending_certification", "pending_certification"),
    }
    again, code = await add(platform, root / "n-first")
    assert ([item["status"] for item in again["loaded"]], code) == (["certified"], 0)


async def test_a_folder_that_has_nothing(platform: Running, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    document, code = await add(platform, tmp_path / "nothing")
    assert (code, document["loaded"]) == (1, [])
    assert rejected(document, tmp_path) == {"nothing": ["missing_skill_md"]}
    found = await Terminal(platform, tmp_path / "home")(
        "skills", "add", tmp_path / "gone", "--json"
    )
    assert (found.exit_code, json.loads(found.stdout)["code"]) == (2, "validation_error")


async def test_a_tool_that_comes_with_a_later_request_is_not_missing(
    platform: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livery.cli.folders.CHUNK_PACKAGES", 1)
    root = tmp_path / "tree"
    for name, tools in (("o-first", ["livery:o-second"]), ("o-other", ["jira:search"])):
        for file in package(name, capabilities={"tools": tools}):
            path = root / name / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
    skill(root / "o-second")
    document, code = await add(platform, root)
    said = {item["key"]: [d["code"] for d in item["diagnostics"]] for item in document["loaded"]}
    assert said == {"o-first": [], "o-other": ["missing_required_tools"], "o-second": []}
    assert code == 0
