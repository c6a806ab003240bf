"""Package folders and zips on this machine, as the zips that the platform loads."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livery.cli.exits import UsageError
from livery.cli.ignored import Ignored
from livery.cli.package_tree import Found, Reading, below, find, outermost, read, shown
from livery.cli.worktree import WorkTree
from livery.manifest.diagnostics import Diagnostic, diagnose
from livery.manifest.package import MAX_PACKAGE_BYTES, SKILL_MD

MAX_ZIP = MAX_PACKAGE_BYTES + 16 * 2**20
CHUNK_PACKAGES, CHUNK_FILES, CHUNK_BYTES = 200, 4_000, 8 * 2**20
SENT_ZIP = "package.zip"
"""What the platform calls the zip of a request."""
_IGNORED = diagnose(
    "ineligible",
    "git ignores it, and what git ignores is not loaded",
    SKILL_MD,
    remedy="Name its own folder to load it all the same, or take it out of .gitignore.",
)
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # one folder, one zip


@dataclass(slots=True)
class Chunk:
    """One request: a zip of package folders, and what each folder in it is called here."""

    data: bytes = b""
    packages: int = 0
    roots: list[str] = field(default_factory=list)
    """By the number that is the first part of a path in the zip; empty where the zip is the user's own."""
    zip_path: str = ""
    commit: str | None = None
    dirty: bool = False

    def path_of(self, inside: str) -> str:
        """The path on this machine of what the platform calls `inside`."""
        if not self.roots:
            return f"{self.zip_path}/{inside}" if inside else self.zip_path
        number, _, rest = inside.partition("/")
        _, _, below = rest.partition("/")
        root = self.roots[int(number)]
        return f"{root}/{below}" if below else root

    def said(self, diagnostic: dict[str, Any]) -> dict[str, Any]:
        """A diagnostic; what is said of the user's own zip names it as the user does."""
        if self.roots or diagnostic.get("file") != SENT_ZIP:
            return diagnostic
        return {**diagnostic, "file": self.zip_path.rpartition("/")[2]}


@dataclass(frozen=True, slots=True)
class Refused:
    """What is not sent: its path and why."""

    path: str
    diagnostics: tuple[Diagnostic, ...]


class PackageSource:
    """What `livery skills add PATH` is to load. Raises `UsageError` where PATH is nothing."""

    def __init__(self, path: Path, *, all_files: bool = False) -> None:
        self.path = path.parent if path.name == SKILL_MD and path.is_file() else path
        if not self.path.is_dir() and not self.path.is_file():
            raise UsageError(
                f"There is no skill at {shown(path)}.",
                "Name a folder with a SKILL.md, a tree of such folders, or a zip.",
            )
        self.found: list[Found] = []
        self.ignored = Ignored(all_files=all_files)
        self.left_out: list[str] = []
        """What git ignores in the packages that were read."""
        self.versioned: list[str] = []
        """What version control keeps in them."""

    def look(self) -> int:
        """Find the packages; returns how many folders there are to read."""
        self.found = list(find(self.path)) if self.path.is_dir() else []
        return len(self.found) or 1

    def chunks(self, tree: WorkTree | None = None) -> Iterator[Chunk | Refused]:
        """Requests and refusals, in the order of paths; of a work tree, with the commit."""
        if self.path.is_file():
            yield _own_zip(self.path)
            return
        if not self.found:
            yield Refused(
                shown(self.path), (diagnose("missing_skill_md", "no SKILL.md", SKILL_MD),)
            )
        builder = _Builder(tree)
        self.ignored.enter(self.path)
        for found in self.found:
            for item in self._packages(found):
                if isinstance(item, Refused):
                    yield item
                    continue
                if not builder.fits(item):
                    yield builder.done()
                    builder = _Builder(tree)
                builder.add(item)
        if builder.chunk.packages:
            yield builder.done()

    def _packages(self, found: Found) -> Iterator[Reading | Refused]:
        """A folder and, where it is refused or holds leftovers, what lies inside by itself."""
        waiting = [found]
        while waiting:
            here = waiting.pop()
            if here.fault is not None:
                yield Refused(shown(here.path), (here.fault,))
                continue
            if self.ignored.covers(here.path / SKILL_MD):
                yield Refused(shown(here.path), (_IGNORED,))
                waiting.extend(reversed(list(below(here.path))))
                continue
            if (unknown := self.ignored.unknown(here.path)) is not None:
                yield Refused(shown(here.path), (_unknown(*unknown),))
                waiting.extend(reversed(list(below(here.path))))
                continue
            reading = read(here.path, self.ignored)
            if (unknown := self.ignored.unknown(here.path)) is not None:
                reading.faults.append(_unknown(*unknown))
            self.left_out += [f"{shown(here.path)}/{shown(name)}" for name in reading.ignored]
            self.versioned += [f"{shown(here.path)}/{shown(name)}" for name in reading.versioned]
            inner = reading.leftovers
            if reading.faults:
                yield Refused(shown(here.path), tuple(reading.faults))
                inner = reading.nested + inner
            else:
                yield reading  # the platform finds the packages inside by itself
            for path in reversed(outermost(inner)):
                waiting.extend(reversed(list(find(path))))


def _unknown(tree: str, why: str) -> Diagnostic:
    return diagnose(
        "ineligible",
        f"git cannot say what it ignores in {shown(tree)}: {shown(why)}",
        SKILL_MD,
        remedy=f"Look at `git -C {shown(tree)} status`; where the work tree is another user's:"
        f" `git config --global --add safe.directory {shown(tree)}`. Or load what is ignored too: --all-files.",
    )


def _own_zip(path: Path) -> Chunk | Refused:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_ZIP + 1)
    except OSError as failed:
        return _refused_zip(path, f"cannot be read ({failed.strerror})")
    if len(data) > MAX_ZIP:
        return _refused_zip(path, f"is larger than {MAX_ZIP // 2**20} MiB")
    return Chunk(data, 1, zip_path=shown(path))


def _refused_zip(path: Path, what: str) -> Refused:
    fault = diagnose("contract_invalid", f"{shown(path)} {what}", shown(path.name))
    return Refused(shown(path), (fault,))


class _Builder:
    """Gathers packages into one zip; nothing is packed, as it does not travel far."""

    def __init__(self, tree: WorkTree | None) -> None:
        self._tree = tree
        self.chunk = Chunk(commit=tree.commit if tree else None)
        self._buffer = io.BytesIO()
        self._archive = zipfile.ZipFile(self._buffer, "w", zipfile.ZIP_STORED)
        self._files = 0

    def fits(self, reading: Reading) -> bool:
        """Whether it goes with the others; the first one always does."""
        size = sum(len(file.data) for file in reading.files)
        return not self.chunk.packages or (
            self.chunk.packages < CHUNK_PACKAGES
            and self._files + len(reading.files) <= CHUNK_FILES
            and self._buffer.tell() + size <= CHUNK_BYTES
        )

    def add(self, reading: Reading) -> None:
        """Take one more package."""
        name = shown(reading.path.resolve().name or "root").replace("/", "-")
        for file in reading.files:
            entry = zipfile.ZipInfo(f"{len(self.chunk.roots)}/{name}/{file.path}", _FIXED_TIME)
            entry.external_attr = (0o100755 if file.executable else 0o100644) << 16
            self._archive.writestr(entry, file.data)
        if self._tree is not None and not self.chunk.dirty:
            self.chunk.dirty = self._tree.dirty(reading)
        self.chunk.roots.append(shown(reading.path))
        self.chunk.packages += 1
        self._files += len(reading.files)

    def done(self) -> Chunk:
        """The request."""
        self._archive.close()
        self.chunk.data = self._buffer.getvalue()
        return self.chunk
