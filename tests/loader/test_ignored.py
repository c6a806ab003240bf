"""What git ignores is no part of what is loaded from a work tree; what is only untracked is."""

import io
import os
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.loader.test_trees import add, keys, rejected, skill
from tests.support.platform import Running
from tests.support.terminal import Terminal

from livery.authoring.loading import read_folder
from livery.cli import folders
from livery.cli.folders import Chunk, PackageSource
from livery.manifest.package import package_digest


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, timeout=60)


def repository(root: Path, ignore: str, *, commit: bool = True) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q")
    (root / ".gitignore").write_text(ignore)
    if commit:
        git(root, "add", ".gitignore")
        git(root, "commit", "-q", "-m", "x")
    return root


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def packed(path: Path) -> tuple[set[str], PackageSource]:
    """The paths inside of the packages that would be sent."""
    source = PackageSource(path)
    source.look()
    names: set[str] = set()
    for item in source.chunks():
        if isinstance(item, Chunk):
            with zipfile.ZipFile(io.BytesIO(item.data)) as archive:
                names |= {name.partition("/")[2] for name in archive.namelist()}
    return names, source


async def test_ignored_files_stay_out_and_untracked_ones_come(
    platform: Running, tmp_path: Path
) -> None:
    root = repository(tmp_path / "repo", "*.log\nbuild/\n.env\n!keep.log\n")
    one = root / "skills" / "m-one"
    skill(one)
    put(one, "references/tracked.md", "forced.log")
    git(root, "add", "-f", ".")
    git(root, "commit", "-q", "-m", "y")
    kept = read_folder(one)
    put(one, ".env", "deep/a.log", "build/out.bin", "references/build/b.txt", "build/x/c.txt")
    put(one, "references/untracked.md", "deep/keep.log")
    document, code = await add(platform, root)
    assert (keys(document), code) == (["m-one"], 0)
    names = {file.path for file in kept} | {"references/untracked.md", "deep/keep.log"}
    assert "forced.log" in names, "what was added in spite of .gitignore is in"
    expected = [file for file in read_folder(one) if file.path in names]
    assert document["loaded"][0]["digest"] == package_digest(expected)
    async with platform.http() as http:
        [entry] = (
            await http.get(
                "/v1/audit", params={"kind": "skill.registered", "subject": "m-one@0.1.0"}
            )
        ).json()["items"][:1]
    assert entry["body"]["source"]["dirty"] is True, "what is untracked is on record as such"


def test_each_is_named(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "*.log\nout/\n", commit=False)  # no commit is needed
    skill(root / "a")
    put(root / "a", "x.log", "out/y", "deep/z.log", "deep/fine.txt", "fine.txt")
    names, source = packed(root)
    assert names == {"a/SKILL.md", "a/fine.txt", "a/deep/fine.txt"}
    assert sorted(source.left_out) == [f"{root}/a/{n}" for n in ("deep/z.log", "out/", "x.log")]
    assert source.ignored.unasked == {}


async def test_an_ignored_package_is_refused_with_its_way_out(
    platform: Running, tmp_path: Path
) -> None:
    """Every SKILL.md is in one of the two lists."""
    root = repository(tmp_path / "repo", "dist/\n/alone/SKILL.md\n")
    skill(root / "n-good")
    skill(root / "n-good" / "dist" / "n-inside")
    skill(root / "dist" / "n-copy")
    skill(root / "alone")
    skill(root / "alone" / "n-below")
    document, code = await add(platform, root)
    assert (sorted(keys(document)), code) == (["n-below", "n-good"], 1)
    assert rejected(document, root) == {
        "alone": ["ineligible"],
        "dist/n-copy": ["ineligible"],
        "n-good/dist/n-inside": ["ineligible"],
    }
    assert all(".gitignore" in d["remedy"] for r in document["rejected"] for d in r["diagnostics"])
    # The way out works: a folder that is named itself is taken.
    document, code = await add(platform, root / "dist" / "n-copy")
    assert (keys(document), code) == (["n-copy"], 0)


def test_excludes_of_the_repository_count(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "")
    (root / ".git" / "info").mkdir(exist_ok=True)
    (root / ".git" / "info" / "exclude").write_text("private.txt\n")
    skill(root / "a")
    put(root / "a", "private.txt", "public.txt")
    (root / "a" / ".gitignore").write_text("own.txt\n")
    put(root / "a", "own.txt")
    names, _ = packed(root)
    assert names == {"a/SKILL.md", "a/.gitignore", "a/public.txt"}


@pytest.mark.parametrize("where", ["nested/a", "a", "a/inner"])
def test_a_work_tree_inside_says_what_it_ignores(tmp_path: Path, where: str) -> None:
    root = repository(tmp_path / "repo", "")
    skill(root / "nested" / "a") if where.startswith("nested") else skill(root / "a")
    inside = {"nested/a": root / "nested", "a": root / "a", "a/inner": root / "a" / "inner"}[where]
    repository(inside, "secret.txt\n", commit=False)
    put(root / where, "secret.txt", "open.txt")
    names, _ = packed(root)
    assert [name for name in names if name.endswith("secret.txt")] == []
    assert [name for name in names if name.endswith("open.txt")] != []


def test_through_a_link_and_odd_names(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "*.log\n")
    skill(root / "a")
    odd = ["with space.log", "new\nline.log", "ü.log", '"quoted".log']
    put(root / "a", *odd, "ok.txt")
    (tmp_path / "link").symlink_to(root)
    for path in (root, tmp_path / "link", tmp_path / "link" / "a"):
        names, _ = packed(path)
        assert names == {"a/SKILL.md", "a/ok.txt"}, path


def test_a_folder_that_is_no_work_tree(tmp_path: Path) -> None:
    skill(tmp_path / "a")
    (tmp_path / ".gitignore").write_text("*\n")
    put(tmp_path / "a", "x.log")
    names, source = packed(tmp_path)
    assert names == {"a/SKILL.md", "a/x.log"}
    assert source.ignored.unasked == {}


async def test_where_git_cannot_say_it_is_told(
    platform: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path / "repo", "*.log\n")
    skill(root / "a")
    put(root / "a", "x.log")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    names, source = packed(root)
    assert names == set()
    assert list(source.ignored.unasked) == [str(root)]
    document, code = await add(platform, root)
    assert (keys(document), code) == ([], 1)
    [said] = [d for r in document["rejected"] for d in r["diagnostics"]]
    assert (said["code"], said["file"]) == ("ineligible", "SKILL.md")


def broken_index(root: Path) -> None:
    (root / ".git" / "index").write_bytes(b"DIRC nonsense")


def broken_head(root: Path) -> None:
    (root / ".git" / "HEAD").unlink()


def another_users(root: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives a folder away")
    for path in (root, root / ".git"):
        os.chown(path, 4242, 4242)


@pytest.mark.parametrize("broken", [broken_index, broken_head, another_users])
@pytest.mark.parametrize("where", ["around", "inside"])
async def test_a_work_tree_that_git_does_not_read_is_not_loaded(
    platform: Running, tmp_path: Path, broken: Callable[[Path], None], where: str
) -> None:
    """It would take the very files that git ignores; both outputs say so, with the ways out."""
    top = tmp_path / "top"
    key = f"w-{broken.__name__.replace('_', '-')}-{where}"
    skill(top / "w-beside")
    skill(top / key)
    tree = repository(top / key if where == "around" else top / key / "deep", ".env\n")
    put(tree, ".env")
    skill(tree / f"{key}-inner")
    broken(tree)
    document, code = await add(platform, top)
    assert (keys(document), code) == (["w-beside"], 1)
    said = {r["path"]: r["diagnostics"] for r in document["rejected"]}
    inner = tree / f"{key}-inner"
    assert set(said) == {str(top / key), str(inner)}, "each SKILL.md is in a list"
    for [one] in said.values():
        assert (one["code"], one["file"]) == ("ineligible", "SKILL.md")
        assert str(tree) in one["message"]
        assert f"safe.directory {tree}" in one["remedy"]
        assert "--all-files" in one["remedy"]
    livery = Terminal(platform, tmp_path / "home")
    told = await livery("skills", "add", top / key)
    assert told.exit_code == 1
    assert "git cannot say what it ignores" in " ".join((told.stdout + told.stderr).split())
    # The way out is asked for by name.
    whole = await livery("skills", "add", inner, "--all-files", "--json")
    assert whole.exit_code == 0, whole.output
    source = PackageSource(top / key, all_files=True)
    source.look()
    assert [item for item in source.chunks() if not isinstance(item, Chunk)] == []


def test_all_work_trees_together_have_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe as the list of excludes keeps git waiting, in each of them anew."""
    monkeypatch.setattr("livery.cli.ignored.TOTAL_S", 2.0)
    monkeypatch.setattr("livery.cli.ignored.ONE_S", 1.5)
    os.mkfifo(tmp_path / "pipe")
    for number in range(8):
        tree = repository(tmp_path / "top" / f"t-{number}", "", commit=False)
        git(tree, "config", "core.excludesFile", str(tmp_path / "pipe"))
        skill(tree / "a")
    started = time.monotonic()
    names, source = packed(tmp_path / "top")
    assert names == set()
    assert len(source.ignored.unasked) == 8
    assert time.monotonic() - started < 8


def test_every_question_to_git_is_asked_with_nothing_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from livery.cli import git as module

    asked: list[Any] = []
    real = subprocess.run
    root = repository(tmp_path / "repo", "")
    skill(root / "a")
    monkeypatch.setattr(
        module.subprocess, "run", lambda *a, **k: asked.append(a[0]) or real(*a, **k)
    )
    packed(root)
    assert module.run_git(root, "rev-parse", "HEAD")
    assert len(asked) == 2
    for words in asked:
        given = {words[at + 1] for at, word in enumerate(words) if word == "-c"}
        assert given >= {"protocol.allow=never", "core.fsmonitor=false", "core.hooksPath=/dev/null"}


def test_git_is_asked_once_a_work_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import livery.cli.ignored as module

    asked: list[Any] = []
    real = module.ask_git
    monkeypatch.setattr(module, "ask_git", lambda *a, **k: asked.append(a) or real(*a, **k))
    root = repository(tmp_path / "repo", "*.log\n")
    for number in range(30):
        skill(root / f"s-{number}" / "deep" / "a")
    packed(root)
    assert len(asked) == 1
    assert folders.Ignored is module.Ignored


# Version control -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".git", ".hg", ".svn", ".jj", ".bzr", ".GIT", ".git ", "GIT~1"])
async def test_what_version_control_keeps_is_left_out_and_told(
    platform: Running, tmp_path: Path, name: str
) -> None:
    key = f"v-{name.strip('. ').replace('~', '').lower()}-{len(name)}-{name.strip('.')[:1].lower()}"
    key += "-upper" if name != name.lower() else ""
    one = tmp_path / "tree" / key
    skill(one)
    skill(one / "deep" / name / "hooks" / "inside")
    skill(one.parent / name / "beside")
    put(one, f"{name}/x", "ok.txt")
    mark = ".hg" if name == ".git" else name  # a file .git that git cannot read is another refusal
    put(one / "deep" / "file", mark)
    found = await Terminal(platform, tmp_path / "home")("skills", "add", one.parent)
    assert found.exit_code == 0, found.output
    said = " ".join(found.stderr.split())
    assert "version control" in said
    assert f"{key}/{name}" in said
    names, source = packed(one.parent)
    assert names == {f"{key}/SKILL.md", f"{key}/ok.txt"}
    left = {path.removeprefix(f"{one}/") for path in source.versioned}
    assert left == {f"{name}/", f"deep/{name}/", f"deep/file/{mark}"}
    assert {file.path for file in read_folder(one)} == {"SKILL.md", "ok.txt"}
    # Named itself it is no package either.
    document, code = await add(platform, one.parent / name / "beside")
    assert (keys(document), code) == ([], 1)
    assert [d["code"] for r in document["rejected"] for d in r["diagnostics"]] == [
        "contract_invalid"
    ]
