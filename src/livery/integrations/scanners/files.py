"""A package as a folder that a scanner may look at, gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from livery.manifest.package import Package, PackageFile


@contextmanager
def unpacked(
    package: Package, wanted: Callable[[PackageFile], bool] = lambda _: True
) -> Iterator[Path]:
    """The package's folder, under the skill's name, inside of a temporary one of its own."""
    with tempfile.TemporaryDirectory(prefix="livery-scan-", ignore_cleanup_errors=True) as root:
        folder = Path(root) / (package.skill_md.name or "skill")
        folder.mkdir()
        for file in package.files:
            if wanted(file):
                path = folder / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.data)
                path.chmod(0o755 if file.executable else 0o644)
        yield folder
