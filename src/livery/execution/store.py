"""Packages on disk: written once from the catalog, checked before every call.

The digest covers every file; a file that is not covered does not reach the runtime, and code is run from the very
bytes that were hashed.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from livery.manifest.errors import LiveryError
from livery.manifest.package import MAX_FILE_BYTES, PackageFile, package_digest, path_faults
from livery.private import private_folder

_Stamp = tuple[tuple[str, int, int, int, int], ...]
_TICK_NS = 100_000_000
"""Kernels stamp files with a clock that stands still for some milliseconds: what changed this recently could change
again without another stamp, so it is read again until it is older."""


class PackageTampered(LiveryError):
    """The files are not those of the digest."""

    code = "security_hash_mismatch"


@dataclass(frozen=True, slots=True)
class _Kept:
    files: tuple[PackageFile, ...]
    paths: tuple[str, ...]
    stamp: _Stamp
    settled: bool
    fault: str | None = None


class PackageStore:
    """`root/<hex digest>/` holds the files of a package.

    `check` costs one stat a file and folder while nothing changed: inode, size, mtime and ctime of each are
    compared, and only where one differs is everything read and hashed again. A change of a file's ctime cannot be
    undone without the rights of the kernel.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._root_name = str(root)  # making a Path costs more than the stat
        self._kept: dict[str, _Kept] = {}

    def folder(self, digest: str) -> Path:
        """Where the files of a digest lie."""
        return self._root / digest.removeprefix("sha256:")

    def put(self, digest: str, files: tuple[PackageFile, ...]) -> None:
        """Write a package, unless its folder is there already: then its files are checked like ours would be.

        Raises PackageTampered where these are not the files of the digest.
        """
        if package_digest(files) != digest:
            raise PackageTampered(
                message="The catalog's files do not have the digest that was certified."
            )
        folder = self.folder(digest)
        if not folder.exists():
            self._write(folder, files)
        self._kept[digest] = self._read(digest, files)

    def damage(self, digest: str, files: tuple[PackageFile, ...]) -> str | None:
        """What differs between the folder of a digest and its files, in a sentence; None where nothing does.

        What this process never unpacked and is not there is unpacked: another process may miss it. Raises
        PackageTampered where these are not the files of the digest.
        """
        if package_digest(files) != digest:
            raise PackageTampered(
                message="The catalog's files do not have the digest that was certified.",
                remedy="Restore the database from a backup, or register and certify a new version.",
            )
        if not self.has(digest) and not os.path.lexists(self.folder(digest)):
            self.put(digest, files)
        return self._read(digest, files).fault

    def restore(self, digest: str, files: tuple[PackageFile, ...]) -> None:
        """Put these files, which are those of the digest, in the place of whatever its folder holds.

        Raises PackageTampered, and OSError where the folder cannot be replaced: nothing runs of it then.
        """
        if package_digest(files) != digest:
            raise PackageTampered
        folder = self.folder(digest)
        fresh = self._unfold(files)
        aside = self._root / f".old-{fresh.name}"
        with suppress(FileNotFoundError):
            folder.rename(aside)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            _discard(fresh)  # somebody else was first; what is there now is read like ours
        _discard(aside)
        self._kept[digest] = self._read(digest, files)

    def _write(self, folder: Path, files: tuple[PackageFile, ...]) -> None:
        scratch = self._unfold(files)
        try:
            scratch.rename(folder)
        except OSError:  # another process was first
            for path in sorted(scratch.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            scratch.rmdir()

    def _unfold(self, files: tuple[PackageFile, ...]) -> Path:
        """The files in a new folder beside those of digests."""
        private_folder(self._root)
        scratch = Path(tempfile.mkdtemp(dir=self._root, prefix=".new-"))
        for file in files:
            path = scratch / file.path
            private_folder(path.parent)
            with path.open("wb") as stream:
                stream.write(file.data)
                stream.flush()
                os.fsync(stream.fileno())  # a torn file would be refused for ever
            path.chmod(0o500 if file.executable else 0o400)
        return scratch

    def has(self, digest: str) -> bool:
        """Whether `put` was called for this digest in this process."""
        return digest in self._kept

    def check(self, digest: str) -> str | None:
        """None while the files are those of the digest; else what differs, in a sentence."""
        kept = self._kept.get(digest)
        if kept is None:
            return "The code of this version is not the code that was certified."
        if not kept.settled or self._stamp(digest, kept.paths) != kept.stamp:
            kept = self._kept[digest] = self._read(digest, kept.files)
        return kept.fault

    def files(self, digest: str) -> tuple[PackageFile, ...]:
        """The verified files; raises PackageTampered."""
        fault = self.check(digest)
        if fault is not None:
            raise PackageTampered(message=fault)
        return self._kept[digest].files

    def _read(self, digest: str, certified: tuple[PackageFile, ...]) -> _Kept:
        folder = self.folder(digest)
        paths = _paths(folder)
        began = time.time_ns()
        # Stamped before reading: what changes while we read has another stamp at the next call.
        stamp = self._stamp(digest, paths)
        settled = max((mark[4] for mark in stamp), default=0) < began - _TICK_NS
        kept = _Kept(certified, paths, stamp, settled)
        files, fault = _files(folder, paths)
        if fault is None:
            fault = next((fault for _, fault in path_faults(files)), None)
        if fault is not None:
            return replace(kept, fault=_sentence([fault], digest))
        if package_digest(files) == digest:
            return kept
        return replace(kept, fault=_sentence(_differences(certified, files), digest))

    def _stamp(self, digest: str, paths: tuple[str, ...]) -> _Stamp:
        root = f"{self._root_name}/{digest.removeprefix('sha256:')}"
        marks = []
        for path in paths:
            try:
                found = os.lstat(f"{root}/{path}")
            except OSError:
                marks.append((path, 0, 0, 0, 0))
                continue
            marks.append((path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
        return tuple(marks)


def _discard(path: Path) -> None:
    """Remove what lay in the place of a package: a file, a link, or a folder with whatever is in it."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for root, _, _ in os.walk(path):
        with suppress(OSError):
            Path(root).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)  # what stays of it is hidden, and never run


def _paths(folder: Path) -> tuple[str, ...]:
    """The folder itself, and all files and folders below it, hidden and compiled ones too."""
    found: list[str] = []
    for root, folders, names in os.walk(folder):
        inside = Path(root).relative_to(folder)
        found += [(inside / name).as_posix() for name in (*folders, *names)]
    return (".", *sorted(found))


def _files(folder: Path, paths: tuple[str, ...]) -> tuple[list[PackageFile], str | None]:
    """The files at these paths, or why they are none that a package may have."""
    files: list[PackageFile] = []
    if folder.is_symlink():
        return [], "its folder is a symlink"
    for name in paths[1:] if folder.is_dir() else ():
        path = folder / name
        try:
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                continue
            if stat.S_ISLNK(mode):
                files.append(PackageFile(name, b"", symlink=True))
            elif stat.S_ISREG(mode):
                with path.open("rb") as stream:
                    data = stream.read(MAX_FILE_BYTES + 1)
                files.append(PackageFile(name, data, bool(mode & 0o100)))
            else:
                return [], f"{name} is no plain file"
        except OSError as error:
            return [], f"{name} cannot be read ({error.strerror})"
    return files, None


def _differences(before: tuple[PackageFile, ...], after: list[PackageFile]) -> list[str]:
    old = {file.path: (file.data, file.executable) for file in before}
    new = {file.path: (file.data, file.executable) for file in after}
    changed = sorted(path for path in old.keys() & new.keys() if old[path] != new[path])
    added, removed = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    return [
        *(f"{path} was changed" for path in changed),
        *(f"{path} was added" for path in added),
        *(f"{path} is gone" for path in removed),
    ]


def _sentence(named: list[str], digest: str) -> str:
    what = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
    return f"The code is not the certified code: {what} since {digest[:19]}… was certified."
