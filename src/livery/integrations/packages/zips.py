"""Read a zip of strangers without trusting it: no path leaves the package, nothing unfolds beyond its bounds.

Only stored and deflated members are taken: Python unfolds bzip2 and LZMA without a limit.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass

from livery.manifest.diagnostics import Diagnostic, diagnose
from livery.manifest.package import (
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_PACKAGE_BYTES,
    MAX_PATH,
    SKILL_MD,
    PackageFile,
)
from livery.manifest.tree import BadFile, Tree, homeless
from livery.manifest.versioned import is_versioned

MAX_RATIO = 200
"""Largest size unpacked over size packed of one file above 1 MB: real sources stay far below."""
_TOO_LARGE = "The package unfolds beyond the size that is allowed."
_SMALL = 1024 * 1024
_ENTRY = b"PK\x01\x02"
_END = b"PK\x05\x06"
_ENTRY_HEADER = 46
_UTF_8 = 0x800
_NAMED = 60_000
"""Skills of a refused zip that are named one by one."""
_LOCAL_HEADER = 30
_LEFTOVERS = "__MACOSX/"
"""What a Mac adds beside the folder: its own attributes, no files of anyone's."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a zip may hold; `directory` bounds its list of members, folders and all."""

    files: int = MAX_FILES
    total: int = MAX_PACKAGE_BYTES
    directory: int = 4 * MAX_FILES


ONE = Bounds()
MANY = Bounds(20_000, 128 * 1024 * 1024, 60_000)
"""A package, and a tree of packages."""


_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OSError,
)


class ZipRefused(ValueError):
    """The zip is not taken; the message is a sentence for its author."""


class ZipReader:
    """See services.catalog.ports.PackageReader."""

    def read_zip(self, data: bytes) -> tuple[tuple[PackageFile, ...], tuple[Diagnostic, ...]]:
        """Files of a zip, without the one folder that holds them all; or diagnostics."""
        try:
            files, bad = _files(data, ONE)
        except ZipRefused as fault:
            return (), (_refuse(str(fault)),)
        if bad:
            return (), (_refuse(bad[0].message),)
        for file in files:
            if file.symlink:
                return (), (_refuse(f"{file.path[-80:]!r} is a symlink."),)
        prefix = _common_folder([file.path for file in files])
        return tuple(_moved(file, len(prefix)) for file in files), ()

    def read_tree(self, data: bytes) -> Tree:
        """Files of a zip with any number of packages, paths as they are, symlinks marked.

        A bad member is told apart, for the packages around it; one that lies in none refuses the zip.
        """
        try:
            files, bad = _files(data, MANY)
            stray = [BadFile(f.path, why) for f in files if (why := _astray(f.path))]
            files = tuple(file for file in files if not _astray(file.path))
            bad = (*bad, *stray)
            if (outside := homeless(files, bad)) is not None:
                raise ZipRefused(outside.message)
        except ZipRefused as fault:
            return Tree(fault=_refuse(str(fault)), skills=_listed_skills(data))
        return Tree(files, bad)


def _astray(path: str) -> str | None:
    if path.startswith("/") or ".." in path.split("/"):
        return f"{path[:80]!r} leads out of the zip."
    if len(path) > 2 * MAX_PATH:
        return f"A path of the zip is longer than {2 * MAX_PATH}."
    return None


def _listed_skills(data: bytes) -> tuple[str, ...]:
    """Every SKILL.md that the directory of a refused zip names, read without trust in its lengths and counts."""
    start, end = 0, data.rfind(_END)
    if end >= 0 and len(data) >= end + 16:
        start = max(0, end - int(struct.unpack_from("<I", data, end + 12)[0]))
    found: dict[str, None] = {}
    at = data.find(_ENTRY, start)
    while at >= 0 and len(found) < _NAMED:
        if at + _ENTRY_HEADER <= len(data):
            flags, size = (struct.unpack_from("<H", data, at + offset)[0] for offset in (8, 28))
            name = data[at + _ENTRY_HEADER : at + _ENTRY_HEADER + size].partition(b"\0")[0]
            path = name.decode("utf-8" if flags & _UTF_8 else "cp437", "replace")
            folder, _, last = path.rpartition("/")
            if last == SKILL_MD and not path.startswith(_LEFTOVERS) and len(folder) <= 2 * MAX_PATH:
                found[path] = None
        at = data.find(_ENTRY, at + len(_ENTRY))
    return tuple(found)


def _files(data: bytes, bounds: Bounds) -> tuple[tuple[PackageFile, ...], tuple[BadFile, ...]]:
    # Opening builds an object for each member, so that they are counted before.
    if data.count(_ENTRY) > bounds.directory:
        raise ZipRefused(f"The zip has more than {bounds.directory} members.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(archive, len(data), bounds)
    except (*_UNREADABLE, IndexError) as fault:  # a member without a name, on Python 3.11
        if isinstance(fault, ZipRefused):
            raise
        raise ZipRefused("This is no readable zip.") from None


def _read(
    archive: zipfile.ZipFile, size: int, bounds: Bounds
) -> tuple[tuple[PackageFile, ...], tuple[BadFile, ...]]:
    infos = [
        info
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith(_LEFTOVERS)
    ]
    bad = _check(infos, size, bounds)
    files: list[PackageFile] = []
    total = 0
    for info in infos:
        if info.filename in bad:
            continue
        mode = info.external_attr >> 16
        if stat.S_ISLNK(mode):
            files.append(PackageFile(info.filename, b"", symlink=True))
            continue
        # The header may lie about the size; what is really unpacked is what counts.
        most = min(MAX_FILE_BYTES, bounds.total - total)
        try:
            with archive.open(info) as stream:
                content = stream.read(most + 1)
        except _UNREADABLE:
            # What it unfolded before it broke is bounded by what its header says, and counts as that.
            total += min(info.file_size, most)
            bad[info.filename] = (
                f"{info.filename[-80:]!r} cannot be unpacked: this is no readable zip."
            )
            continue
        if len(content) > most:
            raise ZipRefused(_TOO_LARGE)
        total += len(content)
        files.append(PackageFile(info.filename, content, bool(mode & 0o111)))
    return tuple(files), tuple(BadFile(*item) for item in bad.items())


def _check(infos: list[zipfile.ZipInfo], size: int, bounds: Bounds) -> dict[str, str]:
    """Judge by the directory alone, before anything is unpacked: bad members by name, or a refusal of the zip."""
    if not infos:
        raise ZipRefused("The zip is empty.")
    if len(infos) > bounds.files:
        raise ZipRefused(f"The zip has more than {bounds.files} files.")
    bad: dict[str, str] = {}
    names: set[str] = set()
    for info in infos:
        fault = _fault(info)
        if info.filename in names:
            fault = f"{info.filename[-80:]!r} is there twice."
        names.add(info.filename)
        if fault is not None:
            bad[info.filename] = fault
    if sum(info.file_size for info in infos if info.filename not in bad) > bounds.total:
        raise ZipRefused(_TOO_LARGE)
    _overlaps(infos, size)
    return bad


def _fault(info: zipfile.ZipInfo) -> str | None:
    name = repr(info.filename[-80:])
    if info.flag_bits & 0x1:
        return f"{name} is encrypted."
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"{name} is packed otherwise than with store or deflate."
    if info.file_size > _SMALL and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        return f"{name} is packed too tightly to be trusted."
    if info.file_size > MAX_FILE_BYTES:
        return f"{name} unfolds beyond the size that is allowed."
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFLNK):
        return f"{name} is no plain file."
    return None


def _overlaps(infos: list[zipfile.ZipInfo], size: int) -> None:
    """Members that share bytes: the smallest zips that unfold to the largest trees."""
    end = 0
    for info in sorted(infos, key=lambda item: item.header_offset):
        if info.header_offset < end:
            raise ZipRefused("Files of the zip overlap.")
        end = info.header_offset + _LOCAL_HEADER + info.compress_size
    if end > size:
        raise ZipRefused("The zip says that it is larger than it is.")


def _common_folder(names: list[str]) -> str:
    if "SKILL.md" in names:
        return ""
    first = names[0].partition("/")[0] + "/"
    if is_versioned(first[:-1]):
        return ""  # told as what it is
    return first if all(name.startswith(first) for name in names) else ""


def _moved(file: PackageFile, strip: int) -> PackageFile:
    return PackageFile(file.path[strip:], file.data, file.executable)


def _refuse(message: str) -> Diagnostic:
    return diagnose(
        "contract_invalid",
        message,
        "package.zip",
        remedy="Zip skill folders with plain files, each with SKILL.md at its top.",
    )
