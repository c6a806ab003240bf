"""What version control keeps beside the files: no part of any package, as its settings run programs.

Whoever asks git, in such a folder or below it, runs what its `config` and its hooks say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Final

_NAMES: Final = frozenset({".git", ".hg", ".svn", ".jj", ".bzr", ".sl", ".pijul", "_svn", "_darcs"})
_SHORT: Final = re.compile("(?:git|hg|svn|jj|bzr|sl|pijul)~[0-9]+")
"""What Windows calls them besides."""
_SKIPPED: Final = frozenset({"Cc", "Cf", "Cn"})
"""Characters that some file systems pass over in a name."""


def is_versioned(name: str) -> bool:
    """Whether a file or folder of this name is version control's, on any file system."""
    folded = unicodedata.normalize("NFKC", name.partition(":")[0]).casefold()
    kept = "".join(char for char in folded if unicodedata.category(char) not in _SKIPPED)
    kept = kept.rstrip(". ")
    return kept in _NAMES or _SHORT.fullmatch(kept) is not None


def versioned_part(path: str) -> str | None:
    """The first part of a path that is version control's; a backslash is a part's end too."""
    return next((part for part in re.split(r"[/\\]", path) if is_versioned(part)), None)


def repository_heads(paths: Collection[str]) -> list[str]:
    """The `HEAD` of every folder that git takes for a repository whatever its name is; paths are casefolded."""
    names = set(paths) | {
        path[:at] for path in paths for at, char in enumerate(path) if char == "/"
    }
    return [
        path
        for path in sorted(paths)
        if path.rpartition("/")[2] == "head"
        and (
            f"{path[:-4]}commondir" in names
            or (f"{path[:-4]}objects" in names and f"{path[:-4]}refs" in names)
        )
    ]
