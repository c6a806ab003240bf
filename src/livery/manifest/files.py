"""The files of a package: their limits, their names, and the digest that they make."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from livery.manifest.canonical import canonical_hash
from livery.manifest.errors import ContractInvalid, Violation
from livery.manifest.versioned import repository_heads, versioned_part

MAX_FILES: Final = 2_000
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_PACKAGE_BYTES: Final = 64 * 1024 * 1024
MAX_PATH: Final = 512
# Control, format and surrogate characters, line and paragraph separators, unassigned ones.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file: its path inside the package with ``/``, its bytes, whether it is executable.

    The reader sets ``symlink`` for a link; such a package is refused whatever the link points at.
    """

    path: str
    data: bytes
    executable: bool = False
    symlink: bool = False


def package_digest(files: Iterable[PackageFile], extra: Mapping[str, Any] | None = None) -> str:
    """Return ``sha256:<hex>``, the identity of a package.

    It is the SHA-256 of the RFC 8785 JSON of ``[{"path", "sha256", "executable"}]``: path in NFC,
    sha256 the bare hex of the file's bytes, sorted by the UTF-8 bytes of the path. ``extra`` is
    appended as one last object; a ``python`` skill whose dependencies are locked outside of the
    package passes ``{"dependency_lock": "sha256:<hex of the lock file>"}``, so that another lock
    is another digest. A lock inside the package is covered as a file and needs no extra.

    Raises ContractInvalid for a path or file that a package may not have.
    """
    kept = list(files)
    faults = path_faults(kept)
    if faults:
        raise ContractInvalid(violations=[Violation("", fault) for _, fault in faults])
    entries: list[dict[str, Any]] = [
        {
            "path": unicodedata.normalize("NFC", file.path),
            "sha256": hashlib.sha256(file.data).hexdigest(),
            "executable": bool(file.executable),
        }
        for file in kept
    ]
    entries.sort(key=lambda entry: entry["path"].encode())
    return canonical_hash([*entries, dict(extra)] if extra else entries)


def path_faults(files: Iterable[PackageFile]) -> list[tuple[str, str]]:
    """Return ``(path, what is wrong)`` of every file that a package may not have."""
    faults: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    for file in files:
        place = shown(file.path)
        fault = "is a symlink" if file.symlink else _path_fault(file.path)
        if fault is not None:
            faults.append((place, f"{place} {fault}"))
            continue
        # One name on a case-insensitive or normalising file system must be one file.
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", file.path).casefold())
        if folded in seen:
            faults.append((place, f"{place} and {seen[folded]} are the same name to some systems"))
        seen.setdefault(folded, place)
        if len(file.data) > MAX_FILE_BYTES:
            faults.append((place, f"{place} is larger than {MAX_FILE_BYTES} bytes"))
    faults += [(place, f"{place} is a file and a folder") for place in _overlaps(seen)]
    return faults + [
        (seen[head], f"{seen[head]} makes its folder a git repository, whose settings run programs")
        for head in repository_heads(seen)
    ]


def _overlaps(seen: Mapping[str, str]) -> list[str]:
    """Return the files whose name is also the folder of another file."""
    folders = {path[:index] for path in seen for index, char in enumerate(path) if char == "/"}
    return sorted(seen[path] for path in folders & set(seen))


def _path_fault(path: str) -> str | None:
    parts, versioned = path.split("/"), versioned_part(path)
    rules = (
        (
            versioned is not None,
            f"belongs to version control ({shown(versioned or '')}), whose settings run programs",
        ),
        (not 0 < len(path) <= MAX_PATH, f"must have 1 to {MAX_PATH} characters"),
        (
            any(unicodedata.category(char) in _INVISIBLE for char in path),
            "has an invisible character",
        ),
        ("\\" in path or ":" in path, "has a backslash or a colon in its name"),
        (path.startswith("/"), "is an absolute path"),
        (any(part in ("", ".", "..") for part in parts), "has an empty, . or .. part in its path"),
        (any(part.endswith((" ", ".")) for part in parts), "has a part ending in a space or dot"),
    )
    return next((fault for broken, fault in rules if broken), None)


def shown(path: str) -> str:
    """Return a path that is safe to print: control characters and surrogates escaped, cut."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in path
    )[:120]
