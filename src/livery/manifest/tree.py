"""Packages in a tree of files: every folder with a SKILL.md is one, whatever lies around it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from livery.manifest.diagnostics import Diagnostic, diagnose
from livery.manifest.files import shown
from livery.manifest.package import SKILL_MD, PackageFile, is_nearly_skill_md, missing_skill_md
from livery.manifest.versioned import versioned_part

MAX_NESTED: Final = 4
"""A package may lie in this many others; each holds all files below it, so that more would multiply them."""

LEFTOVER_FOLDERS: Final = frozenset({"__pycache__", ".venv", "node_modules"})
LEFTOVER_SUFFIXES: Final = frozenset({".pyc", ".pyo"})
"""What tools leave in a folder is no part of a package that is read from it; nor is what `is_versioned`."""


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file of a tree that is not taken, and the sentence that says why."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Tree:
    """What was read of a tree. With a ``fault`` nothing was; ``skills`` are then the SKILL.md that it names."""

    files: tuple[PackageFile, ...] = ()
    bad: tuple[BadFile, ...] = ()
    fault: Diagnostic | None = None
    skills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A folder that is or should be a package; ``root`` is its path in the tree, "" for the tree.

    ``files`` have their paths inside the package. ``fault`` says why it is none.
    """

    root: str
    files: tuple[PackageFile, ...] = ()
    fault: Diagnostic | None = None

    @property
    def folder(self) -> str | None:
        """The folder's name, None where nobody knows it."""
        return self.root.rpartition("/")[2] or None


def split_tree(files: Iterable[PackageFile], bad: Iterable[BadFile] = ()) -> tuple[Candidate, ...]:
    """Return every package of a tree, sorted by path.

    A package below another is one of its own and also part of the other, whose folder it lies in.
    A folder with ``skill.md`` or the like outside of any package is a fault; so is a tree without
    any package. A bad file is a fault of each package whose folder it lies in, and of no other.
    """
    ordered = sorted(files, key=lambda file: file.path)
    paths = [file.path for file in ordered]
    worse = sorted(bad, key=lambda file: file.path)
    named = [*paths, *(file.path for file in worse)]
    roots = sorted({_folder(path) for path in named if _name(path) == SKILL_MD})
    broken = _first_bad(worse, roots)
    found = [
        Candidate(root, fault=broken[root])
        if root in broken
        else _candidate(root, ordered, paths, roots)
        for root in roots
    ]
    known = set(roots)
    for path in named:
        folder = _folder(path)
        if is_nearly_skill_md(_name(path)) and not known.intersection(_above(folder)):
            known.add(folder)
            found.append(Candidate(folder, fault=missing_skill_md([_name(path)])))
    if not found:
        return (Candidate("", fault=missing_skill_md([])),)
    return tuple(sorted(found, key=lambda item: item.root))


def in_version_control(root: str) -> Diagnostic:
    """Say that a folder of version control, or below one, is no package."""
    message = f"{shown(root)} belongs to version control: nothing in there is a package"
    return diagnose("contract_invalid", message, SKILL_MD, remedy="Move it out of there.")


def homeless(files: Iterable[PackageFile], bad: Sequence[BadFile]) -> BadFile | None:
    """The first bad file that lies in no folder of a package or of what is nearly one."""
    named = [*(file.path for file in files), *(file.path for file in bad)]
    roots = {_folder(path) for path in named if _name(path).lower() == SKILL_MD.lower()}
    return next((file for file in bad if not roots.intersection(_above(_folder(file.path)))), None)


def _first_bad(bad: Sequence[BadFile], roots: Sequence[str]) -> dict[str, Diagnostic]:
    known, found = set(roots), dict[str, Diagnostic]()
    for file in bad:
        for root in known.intersection(_above(_folder(file.path))):
            inside = shown(file.path[len(root) + 1 :] if root else file.path)
            found[root] = diagnose("contract_invalid", file.message, inside)
            known.discard(root)
    return found


def _candidate(
    root: str, ordered: Sequence[PackageFile], paths: Sequence[str], roots: Sequence[str]
) -> Candidate:
    if versioned_part(root) is not None:
        return Candidate(root, fault=in_version_control(root))
    around = set(roots).intersection(_above(root)[:-1]) if root else set()
    if len(around) > MAX_NESTED:
        message = f"the package lies in {len(around)} others, {MAX_NESTED} are allowed"
        return Candidate(root, fault=diagnose("contract_invalid", message, SKILL_MD))
    prefix = f"{root}/" if root else ""
    start = bisect_left(paths, prefix)
    end = bisect_left(paths, prefix[:-1] + "0") if root else len(paths)  # "0" comes after "/"
    inside = tuple(replace(file, path=file.path[len(prefix) :]) for file in ordered[start:end])
    return Candidate(root, inside)


def _above(folder: str) -> list[str]:
    """The folder and all above it, the tree's own ("") first."""
    parts = folder.split("/") if folder else []
    return ["", *("/".join(parts[: index + 1]) for index in range(len(parts)))]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]
