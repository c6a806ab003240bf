"""A skill package: files in, a contract and a digest out, or diagnostics. No files are touched."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from livery.manifest.contract import Contract, instructions_contract, parse_contract_yaml
from livery.manifest.diagnostics import Diagnostic, diagnose, has_errors
from livery.manifest.files import (
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_PACKAGE_BYTES,
    MAX_PATH,
    PackageFile,
    package_digest,
    path_faults,
    shown,
)
from livery.manifest.skillmd import SkillMd, parse_skill_md
from livery.manifest.testfiles import is_test_file, parse_test_file
from livery.manifest.yamldoc import load_yaml

__all__ = [
    "CONTRACT_YAML",
    "MAX_DIAGNOSTICS",
    "MAX_FILES",
    "MAX_FILE_BYTES",
    "MAX_PACKAGE_BYTES",
    "MAX_PATH",
    "SKILL_MD",
    "Package",
    "PackageFile",
    "is_nearly_skill_md",
    "missing_skill_md",
    "package_digest",
    "parse_package",
    "path_faults",
]

SKILL_MD: Final = "SKILL.md"
CONTRACT_YAML: Final = "contract.yaml"
MAX_DIAGNOSTICS: Final = 50
# zip, gzip, bzip2, xz, 7z, rar, zstd
_ARCHIVES: Final = (
    b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Package:
    """A package that can be taken; ``files`` are sorted by path and are all that is covered."""

    files: tuple[PackageFile, ...]
    skill_md: SkillMd
    contract: Contract
    digest: str


def parse_package(
    files: Iterable[PackageFile],
    *,
    folder: str | None = None,
    dependency_lock: str | None = None,
) -> tuple[Package | None, tuple[Diagnostic, ...]]:
    """Read a package. Never raises: a package is returned unless a diagnostic is an error.

    ``folder`` is the folder's name where known (the name must equal it). ``dependency_lock`` is
    the ``sha256:<hex>`` of the lock that a ``python`` skill runs with; see ``package_digest``.
    """
    kept = sorted(files, key=lambda file: file.path)
    found = _file_diagnostics(kept)
    if has_errors(found):
        return None, _bounded(found)
    by_path = {unicodedata.normalize("NFC", file.path): file for file in kept}
    if SKILL_MD not in by_path:
        return None, (missing_skill_md(by_path),)
    skill_md = parse_skill_md(by_path[SKILL_MD].data, folder)
    found.extend(skill_md.diagnostics)
    contract: Contract | None
    if CONTRACT_YAML in by_path:
        contract, more = parse_contract_yaml(by_path[CONTRACT_YAML].data, CONTRACT_YAML, skill_md)
        found.extend(more)
        if contract is not None:
            found.extend(_entry_diagnostics(contract, by_path))
            found.extend(_remote_diagnostics(contract, by_path[CONTRACT_YAML]))
            found.extend(_tool_diagnostics(contract, skill_md))
            contract, faults = _with_test_files(contract, by_path)
            found.extend(faults)
    else:
        contract = instructions_contract(skill_md)
    found.extend(_archive_diagnostics(kept))
    if contract is None or has_errors(found):
        return None, _bounded(found)
    extra = (
        {"dependency_lock": dependency_lock}
        if dependency_lock and contract.runtime.kind == "python"
        else None
    )
    return Package(tuple(kept), skill_md, contract, package_digest(kept, extra)), _bounded(found)


def missing_skill_md(paths: Iterable[str]) -> Diagnostic:
    """Say that there is no SKILL.md, and which file of another case is probably meant."""
    near = sorted(path for path in paths if is_nearly_skill_md(path))
    if not near:
        return diagnose("missing_skill_md", "there is no SKILL.md", SKILL_MD)
    message = f"there is no SKILL.md: {shown(near[0])} is written otherwise"
    return diagnose("missing_skill_md", message, near[0], remedy="Rename it to SKILL.md.")


def is_nearly_skill_md(name: str) -> bool:
    """Say whether a file's name is SKILL.md but for its case."""
    return name != SKILL_MD and name.lower() == SKILL_MD.lower()


def _bounded(found: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The first ones, errors before warnings: a report has an end."""
    if len(found) > MAX_DIAGNOSTICS:
        found = sorted(found, key=lambda item: item.severity != "error")[:MAX_DIAGNOSTICS]
    return tuple(found)


def _archive_diagnostics(files: list[PackageFile]) -> list[Diagnostic]:
    """An archive hides files from every check: it is told, whatever its name is."""
    return [
        diagnose(
            "contract_invalid",
            f"{shown(file.path)} is an archive: no check looks into it",
            file.path,
            severity="warning",
            remedy="Put the files themselves into the package.",
        )
        for file in files
        if file.data.startswith(_ARCHIVES) or file.data[257:262] == b"ustar"
    ]


def _file_diagnostics(files: list[PackageFile]) -> list[Diagnostic]:
    if len(files) > MAX_FILES:
        return [diagnose("contract_invalid", f"more than {MAX_FILES} files", ".")]
    if sum(len(file.data) for file in files) > MAX_PACKAGE_BYTES:
        return [diagnose("contract_invalid", f"larger than {MAX_PACKAGE_BYTES} bytes", ".")]
    return [
        diagnose(
            "contract_invalid",
            message,
            path,
            remedy="Remove or rename the file; a package holds plain files with plain names.",
        )
        for path, message in path_faults(files)
    ]


def _entry_diagnostics(contract: Contract, by_path: Mapping[str, PackageFile]) -> list[Diagnostic]:
    if contract.runtime.kind not in ("python", "container"):
        return []
    path = (contract.runtime.entry or "").partition(":")[0]
    if path in by_path:
        return []
    return [
        diagnose(
            "contract_invalid",
            f"the entry {path} is not in the package",
            CONTRACT_YAML,
            remedy="Add the file, or name the right one under runtime.entry.",
        )
    ]


def _with_test_files(
    contract: Contract, by_path: Mapping[str, PackageFile]
) -> tuple[Contract, list[Diagnostic]]:
    """Add the fixtures of ``tests/*.yaml``, in the order of the paths."""
    fixtures = contract.tests
    found: list[Diagnostic] = []
    for path in sorted(by_path):
        if is_test_file(path):
            names = [fixture.name for fixture in fixtures]
            more, diagnostics = parse_test_file(by_path[path].data, path, names)
            fixtures += more
            found.extend(diagnostics)
    return replace(contract, tests=fixtures), found


def _remote_diagnostics(contract: Contract, file: PackageFile) -> list[Diagnostic]:
    """What a skill is made of is declared like everything else that it uses."""
    entry = contract.runtime.entry or ""
    if contract.runtime.kind != "mcp" or contract.capabilities.allows("tools", entry):
        return []
    return [
        diagnose(
            "underdeclared_capability",
            f"the entry {entry} is a tool that the contract does not declare",
            CONTRACT_YAML,
            load_yaml(file.data).line_of("/runtime/entry"),
            remedy=f'Add "{entry}" to capabilities.tools.',
        )
    ]


def _tool_diagnostics(contract: Contract, skill_md: SkillMd) -> list[Diagnostic]:
    """``allowed-tools`` is a request: what the contract does not grant is said, not given."""
    missing = [
        tool for tool in skill_md.allowed_tools if not contract.capabilities.allows("tools", tool)
    ]
    if not missing:
        return []
    names = ", ".join(missing)[:200]
    return [
        diagnose(
            "underdeclared_capability",
            f"allowed-tools asks for {names}, which the contract does not declare",
            SKILL_MD,
            severity="warning",
        )
    ]
