"""Package folders in a tree on this machine: found and read without following a link or waiting for a pipe."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from livery.cli.ignored import Ignored
from livery.manifest.diagnostics import Diagnostic, diagnose
from livery.manifest.package import (
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_PACKAGE_BYTES,
    MAX_PATH,
    SKILL_MD,
    PackageFile,
    is_nearly_skill_md,
    missing_skill_md,
)
from livery.manifest.tree import LEFTOVER_FOLDERS, LEFTOVER_SUFFIXES, in_version_control
from livery.manifest.versioned import is_versioned

PLAIN = "Leave plain, readable files in the package and nothing else."


@dataclass(frozen=True, slots=True)
class Found:
    """A folder with a SKILL.md that lies in no other package; or, with `fault`, what is none."""

    path: Path
    fault: Diagnostic | None = None


@dataclass(slots=True)
class Reading:
    """A package folder as it was read: `faults` are what keeps it out, and by whose file."""

    path: Path
    files: list[PackageFile] = field(default_factory=list)
    faults: list[Diagnostic] = field(default_factory=list)
    nested: list[Path] = field(default_factory=list)
    """Package folders inside it."""
    leftovers: list[Path] = field(default_factory=list)
    """Folders that are no part of it, and may hold packages."""
    ignored: list[str] = field(default_factory=list)
    """What git ignores: files, and folders with a / at their end."""
    versioned: list[str] = field(default_factory=list)
    """What is version control's, written in the same way; it is not looked into."""


def find(root: Path) -> Iterator[Found]:
    """Every outermost package folder at and below `root`, and what is in the way, by path.

    Only what is version control's is passed over; a `root` that lies in it holds no package. A link that leads out
    of `root` to a folder is a fault, one that stays inside is not: what it names is met where it lies.
    """
    stack, inside = [root], os.path.realpath(root)
    if any(map(is_versioned, Path(inside).parts)):
        yield Found(root, in_version_control(shown(root)))
        return
    while stack:
        folder = stack.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as failed:
            yield Found(folder, _unreadable(".", failed))
            continue
        names = {entry.name for entry in entries}
        if _is_package(folder, names):
            yield Found(folder)
            continue
        near = [name for name in sorted(names) if is_nearly_skill_md(name)]
        if near or SKILL_MD in names:
            yield Found(folder, missing_skill_md(near))
        for entry in reversed(entries):
            if _is_folder(entry):
                if not is_versioned(entry.name):
                    stack.append(Path(entry.path))
            elif entry.is_symlink() and _leads_out(entry, inside):
                yield Found(Path(entry.path), _link())


def read(folder: Path, ignored: Ignored | None = None) -> Reading:
    """The files of a package folder but for those that git ignores; never more than a package may hold."""
    ignored = ignored or Ignored()
    reading = Reading(folder)
    stack, total = [folder], 0
    while stack:
        here = stack.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as failed:
            reading.faults.append(_unreadable(_inside(folder, here), failed))
            continue
        if here != folder and _is_package(here, {entry.name for entry in entries}):
            reading.nested.append(here)
        real = ignored.folder(here)
        for entry in entries:
            total += _entry(reading, entry, stack, ignored=ignored.has(f"{real}/{entry.name}"))
        if total > MAX_PACKAGE_BYTES or len(reading.files) > MAX_FILES:
            break
    if total > MAX_PACKAGE_BYTES:
        reading.faults.append(_too_much(f"larger than {MAX_PACKAGE_BYTES} bytes"))
    if len(reading.files) > MAX_FILES:
        reading.faults.append(_too_much(f"more than {MAX_FILES} files"))
    if stack:  # not read to its end: what lies inside is looked for by itself
        reading.nested, reading.leftovers = list(_folders(folder)), []
    return reading


def _entry(reading: Reading, entry: "os.DirEntry[str]", stack: list[Path], *, ignored: bool) -> int:
    """Read a file, or put a folder on the stack or aside; returns the bytes that were read."""
    path, is_folder = Path(entry.path), _is_folder(entry)
    if is_versioned(entry.name):
        reading.versioned.append(f"{_inside(reading.path, path)}{'/' if is_folder else ''}")
    elif entry.name in LEFTOVER_FOLDERS:
        if is_folder:
            reading.leftovers.append(path)
    elif ignored:
        reading.ignored.append(f"{_inside(reading.path, path)}{'/' if is_folder else ''}")
        if is_folder:
            reading.leftovers.append(path)
    elif is_folder:
        stack.append(path)
    elif path.suffix not in LEFTOVER_SUFFIXES or entry.is_symlink():
        return _take(reading, path)
    return 0


def outermost(paths: list[Path]) -> list[Path]:
    """The paths that lie in no other one."""
    kept: list[Path] = []
    for path in sorted(paths):
        if not kept or not path.is_relative_to(kept[-1]):
            kept.append(path)
    return kept


def _take(reading: Reading, path: Path) -> int:
    """Read one file; returns its size."""
    name, mode = _inside(reading.path, path), _mode(path)
    if not stat.S_ISREG(mode):
        what = "is a symlink" if stat.S_ISLNK(mode) else "is no plain file"
        reading.faults.append(_fault(name, what))
        return 0
    try:
        # What was put there meanwhile is not followed, and no writer of a pipe is waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as failed:
        reading.faults.append(_unreadable(name, failed))
        return 0
    if len(data) > MAX_FILE_BYTES:
        reading.faults.append(_fault(name, f"is larger than {MAX_FILE_BYTES} bytes"))
    if len(name) > MAX_PATH:
        reading.faults.append(_fault(name, f"has a path longer than {MAX_PATH} characters"))
    elif not _is_text(name):
        reading.faults.append(_fault(name, "has a name that is no UTF-8 text"))
    reading.files.append(PackageFile(name, data, bool(mode & 0o111)))
    return len(data)


def _folders(root: Path) -> Iterator[Path]:
    return (found.path for found in below(root) if found.fault is None)


def below(root: Path) -> Iterator[Found]:
    """The packages below a folder, without itself."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if _is_folder(entry) and not is_versioned(entry.name):
            yield from find(Path(entry.path))


def _is_package(folder: Path, names: set[str]) -> bool:
    """A SKILL.md of any kind makes a package, so that a broken one is told; a folder of that name does not."""
    return SKILL_MD in names and not stat.S_ISDIR(_mode(folder / SKILL_MD))


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _leads_out(entry: "os.DirEntry[str]", inside: str) -> bool:
    try:
        target = os.path.realpath(entry.path)
        return Path(target).is_dir() and not Path(target).is_relative_to(inside)
    except (OSError, ValueError):
        return False


def _inside(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(name: object) -> str:
    """A path as text; bytes that are none are spelled out."""
    return str(name).encode(errors="backslashreplace").decode()


def _fault(name: str, what: str) -> Diagnostic:
    place = shown(name)[:200]
    return diagnose("contract_invalid", f"{place} {what}", place, remedy=PLAIN)


def _unreadable(name: str, failed: OSError) -> Diagnostic:
    return _fault(name, f"cannot be read ({failed.strerror})")


def _too_much(what: str) -> Diagnostic:
    return diagnose("contract_invalid", what, ".", remedy="Leave out what the skill can fetch.")


def _link() -> Diagnostic:
    message = "is a symlink that leads out of what is loaded; it is not followed"
    return diagnose("contract_invalid", message, ".", remedy="Load the folder that it names.")
