"""Package files as one deterministic zip: the stored form of a package."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

from livery.manifest.package import PackageFile

_EPOCH = (1980, 1, 1, 0, 0, 0)
_EXECUTABLE, _PLAIN = 0o100755, 0o100644


def pack(files: Iterable[PackageFile]) -> bytes:
    """Zip the files: sorted by path, without times, so that equal packages are equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(files, key=lambda item: item.path.encode()):
            info = zipfile.ZipInfo(file.path, _EPOCH)
            info.external_attr = (_EXECUTABLE if file.executable else _PLAIN) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.data)
    return buffer.getvalue()


def unpack(data: bytes) -> tuple[PackageFile, ...]:
    """The files of an archive that `pack` made."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return tuple(
            PackageFile(
                info.filename,
                archive.read(info),
                executable=bool((info.external_attr >> 16) & 0o111),
            )
            for info in archive.infolist()
        )
