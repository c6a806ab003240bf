"""An image archive of files, byte for byte the same for the same files: as `docker load` reads it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import stat
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Final

MOMENT: Final = 1_767_225_600
"""Time of all files: the archive must not say when it was made."""
_SET_ID: Final = stat.S_ISUID | stat.S_ISGID
_ARCH: Final = {"x86_64": "amd64", "aarch64": "arm64"}
FOLDERS: Final = ("proc", "sys", "dev", "tmp", "run", "input", "output", "egress", "etc", "var")
"""Mount points and folders that are there whatever the files are."""
_PASSWD: Final = (
    b"root:x:0:0:root:/nonexistent:/sbin/nologin\nplugin:x:65532:65532:plugin:/tmp:/sbin/nologin\n"
)
_GROUP: Final = b"root:x:0:\nplugin:x:65532:\n"

Wanted = Callable[[str], bool]


class Layer:
    """One layer as a tar in a file. Owners are root, set-id bits, devices, sockets and times are left out."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)
        self._there: set[str] = set()

    def folder(self, name: str, mode: int = 0o755) -> None:
        """A folder, with those above it."""
        name = name.strip("/")
        if not name or name in self._there:
            return
        self.folder(name.rpartition("/")[0])
        self._add(name, tarfile.DIRTYPE, mode)

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """A file."""
        self._add(name, tarfile.REGTYPE, mode, data=data)

    def link(self, name: str, target: str) -> None:
        """A symbolic link."""
        self._add(name, tarfile.SYMTYPE, 0o777, link=target)

    def path(self, source: Path, name: str) -> None:
        """A file, link or folder as it is on this machine."""
        found = source.lstat()
        mode = stat.S_IMODE(found.st_mode) & ~_SET_ID
        if stat.S_ISDIR(found.st_mode):
            self.folder(name, mode)
        elif stat.S_ISLNK(found.st_mode):
            self.link(name, str(source.readlink()))
        elif stat.S_ISREG(found.st_mode):
            self._add(name, tarfile.REGTYPE, mode, data=source.read_bytes())

    def tree(self, root: Path, at: str = "", wanted: Wanted = lambda _: True) -> None:
        """All below a folder, in the order of names; `wanted` is asked with paths relative to it."""
        for folder, folders, files in os.walk(root):
            inside = Path(folder).relative_to(root)
            folders[:] = sorted(name for name in folders if wanted((inside / name).as_posix()))
            for name in sorted([*folders, *files]):
                path = (inside / name).as_posix()
                if wanted(path):
                    self.path(root / path, f"{at}/{path}".strip("/"))

    def close(self) -> str:
        """Finish it with what every image has; the sha256 of the layer."""
        for name in FOLDERS:
            self.folder(name, 0o1777 if name == "tmp" else 0o755)
        for name, data in (("etc/passwd", _PASSWD), ("etc/group", _GROUP)):
            if name not in self._there:
                self.file(name, data)
        self._tar.close()
        self._file.flush()
        self._file.seek(0)
        digest = hashlib.sha256()
        while part := self._file.read(1 << 20):
            digest.update(part)
        return digest.hexdigest()

    def _add(self, name: str, kind: bytes, mode: int, *, data: bytes = b"", link: str = "") -> None:
        name = name.strip("/")
        if name in self._there:
            return
        parent = name.rpartition("/")[0]
        if parent and kind != tarfile.DIRTYPE:
            self.folder(parent)
        self._there.add(name)
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(data)
        entry.mtime = MOMENT
        self._tar.addfile(entry, io.BytesIO(data) if kind == tarfile.REGTYPE else None)


def archive(
    layer: IO[bytes], layer_sha256: str, tag: str, env: Mapping[str, str], out: IO[bytes]
) -> str:
    """Write the archive of an image with one layer; its id, `sha256:<hex>` of the configuration."""
    config: dict[str, Any] = {
        "architecture": _ARCH.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": {
            "Env": [f"{name}={value}" for name, value in sorted(env.items())],
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_sha256}"]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "livery sandbox build"}],
    }
    text = json.dumps(config, sort_keys=True, separators=(",", ":")).encode()
    image = hashlib.sha256(text).hexdigest()
    manifest = [
        {"Config": f"{image}.json", "RepoTags": [tag], "Layers": [f"{layer_sha256}/layer.tar"]}
    ]
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _member(tar, f"{image}.json", io.BytesIO(text), len(text))
        layer.seek(0, os.SEEK_END)
        size = layer.tell()
        layer.seek(0)
        _member(tar, f"{layer_sha256}/layer.tar", layer, size)
        listed = json.dumps(manifest).encode()
        _member(tar, "manifest.json", io.BytesIO(listed), len(listed))
    return f"sha256:{image}"


def _member(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, MOMENT, 0o644
    tar.addfile(entry, content)


def leaves_out(prefixes: Iterable[str], suffixes: tuple[str, ...] = ()) -> Wanted:
    """A `wanted` that leaves out paths below prefixes, and names that end so."""
    cut = tuple(prefixes)
    return lambda path: (
        not (
            any(path == item or path.startswith(f"{item}/") for item in cut)
            or path.endswith(suffixes)
        )
    )
