"""The commit that a package in a git work tree comes from. Reads objects only: no hook or filter of the tree runs."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from livery.cli.git import run_git
from livery.cli.package_tree import Reading


@dataclass(slots=True)
class WorkTree:
    """`commit` is what HEAD names; `blobs` are its files below `path`: path from `path` -> (object id, executable)."""

    path: Path
    commit: str
    blobs: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def dirty(self, reading: Reading) -> bool:
        """Whether any file of the package differs from the commit's, or is not in it."""
        inside = os.path.relpath(reading.path, self.path)
        prefix = "" if inside == "." else f"{inside}/"
        return any(
            self.blobs.get(prefix + file.path) != (self._blob(file.data), file.executable)
            for file in reading.files
        )

    def _blob(self, data: bytes) -> str:
        make = hashlib.sha256 if len(self.commit) == 64 else hashlib.sha1
        return make(b"blob %d\0" % len(data) + data).hexdigest()


def work_tree(path: Path) -> WorkTree | None:
    """The work tree that a folder lies in; None where it is in none, or git is not there or fails."""
    folder = path.resolve()
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return None
    head = run_git(folder, "rev-parse", "--verify", "HEAD^{commit}")
    if head is None:
        return None
    tree = WorkTree(path, head.decode().strip())
    for line in (run_git(folder, "ls-tree", "-r", "-z", "HEAD", ".") or b"").split(b"\0"):
        about, found, name = line.partition(b"\t")
        parts = about.split()
        if found and len(parts) == 3 and parts[1] == b"blob":
            tree.blobs[os.fsdecode(name)] = (parts[2].decode(), parts[0] == b"100755")
    return tree
