"""Where in its files a package says what it is refused for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from livery.manifest.package import CONTRACT_YAML, PackageFile
from livery.manifest.skillmd import FILE as SKILL_MD
from livery.manifest.skillmd import split_frontmatter
from livery.manifest.yamldoc import YamlDoc, load_yaml
from livery.services.catalog.errors import VersionRefused

VERSION: Final = "/version"


class Places:
    """The lines of a package's version and interface: of contract.yaml, or of SKILL.md where there is none."""

    def __init__(self, files: Sequence[PackageFile]) -> None:
        by_path = {file.path: file.data for file in files}
        self.file = CONTRACT_YAML if CONTRACT_YAML in by_path else SKILL_MD
        self._lead = 0
        if self.file == CONTRACT_YAML:
            self._doc = load_yaml(by_path[CONTRACT_YAML])
        else:
            found = split_frontmatter(by_path.get(SKILL_MD, b"").decode(errors="replace"))
            self._doc = load_yaml(found[0], all_text=True) if found else YamlDoc()
            self._lead = 1  # the line `---`

    def line(self, pointer: str) -> int:
        """The line of a place in the contract, or of what is nearest around it."""
        if self.file == SKILL_MD and pointer == VERSION:
            pointer = "/metadata/version"
        return self._doc.line_of(pointer) + self._lead

    def put_on(self, fault: VersionRefused) -> None:
        """Say with a refusal where its package names the version, and where what the violations are about."""
        fault.file, fault.line = self.file, self.line(VERSION)
        fault.lines = {item.pointer: self.line(item.pointer) for item in fault.violations}
        fault.remedy = fault.remedy.replace(self.file, f"{self.file}, line {fault.line},", 1)


def locate(refused: Iterable[tuple[VersionRefused, Sequence[PackageFile]]]) -> None:
    """Put the places on refusals, each with the files that it refuses."""
    for fault, files in refused:
        Places(files).put_on(fault)
