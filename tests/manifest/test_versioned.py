"""What version control keeps is no part of a package, by any name that a file system takes for it."""

import pytest

from livery.manifest.errors import ContractInvalid
from livery.manifest.package import PackageFile, package_digest, parse_package
from livery.manifest.tree import split_tree

SKILL = PackageFile("SKILL.md", b"---\nname: x\ndescription: x\n---\n")
REFUSED = [
    ".git/config",
    "x/.git/config",
    ".git",
    "x/.git",
    ".hg/hgrc",
    ".svn/entries",
    ".jj/repo",
    ".bzr/branch",
    ".sl/config",
    "_darcs/prefs",
    ".GIT/config",
    ".Git/config",
    ".\uff47it/config",
    ".g\u200cit/config",
    "\ufeff.git/config",
    ".git /config",
    ".git./config",
    ".git . ./config",
    ".git::$INDEX_ALLOCATION/config",
    ".git:x/config",
    "x\\.git\\config",
    "GIT~1/config",
    "git~12/config",
    "hg~1/hgrc",
]
TAKEN = [
    "git/config",
    ".gitignore",
    ".github/x",
    "a.git.md",
    ".git2/x",
    "git~/x",
    "HEAD",
    "hg",
    "xgit~1",
]


@pytest.mark.parametrize("path", REFUSED)
def test_no_package_holds_it(path: str) -> None:
    made, found = parse_package([SKILL, PackageFile(path, b"x")])
    assert made is None
    assert [(item.code, bool(item.remedy)) for item in found] == [("contract_invalid", True)]
    assert "version control" in found[0].message
    assert found[0].file
    with pytest.raises(ContractInvalid):
        package_digest([SKILL, PackageFile(path, b"x")])


@pytest.mark.parametrize("path", TAKEN)
def test_what_is_named_alike_is_taken(path: str) -> None:
    made, found = parse_package([SKILL, PackageFile(path, b"x")])
    assert made is not None, found


@pytest.mark.parametrize(
    ("paths", "head"),
    [
        (["HEAD", "objects/x", "refs/x", "config"], "HEAD"),
        (["a/b/HEAD", "a/b/objects/x", "a/b/refs/x"], "a/b/HEAD"),
        (["a/head", "a/Objects/x", "a/REFS/x"], "a/head"),
        (["a/HEAD", "a/objects", "a/refs"], "a/HEAD"),
        (["a/HEAD", "a/commondir", "b/config"], "a/HEAD"),
        (["a/HEAD", "a/objects/x"], None),
        (["a/objects/x", "a/refs/x"], None),
        (["HEAD", "a/objects/x", "a/refs/x"], None),
    ],
)
def test_a_repository_by_another_name(paths: list[str], head: str | None) -> None:
    made, found = parse_package([SKILL, *(PackageFile(path, b"x") for path in paths)])
    assert (made is None) == (head is not None), found
    assert [item.file for item in found if "git repository" in item.message] == (
        [head] if head else []
    )


def test_nothing_in_there_is_a_package() -> None:
    tree = [
        PackageFile("good/SKILL.md", b""),
        PackageFile(".git/SKILL.md", b""),
        PackageFile("x/.git/hooks/a/SKILL.md", b""),
    ]
    found = {item.root: item.fault and item.fault.message for item in split_tree(tree)}
    assert found.pop("good") is None
    assert set(found) == {".git", "x/.git/hooks/a"}
    assert all(said and "version control" in said for said in found.values())
