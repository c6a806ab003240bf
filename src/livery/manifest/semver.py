"""Semantic Versioning 2.0.0: parsing and precedence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Final

MAX_LENGTH: Final = 128
# The grammar of semver.org, section "Backus-Naur Form Grammar".
_ID = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_NUM = r"(0|[1-9][0-9]{0,8})"
_SEMVER = re.compile(
    rf"{_NUM}\.{_NUM}\.{_NUM}(?:-({_ID}(?:\.{_ID})*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class SemVer:
    """A version. Order and equality are precedence (semver.org, item 11): build is ignored."""

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()
    build: str = ""

    @property
    def precedence(self) -> tuple[object, ...]:
        """A tuple that sorts as item 11 says: numbers before texts, a release after all."""
        marks = tuple(
            (0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.prerelease
        )
        return (self.major, self.minor, self.patch, not self.prerelease, marks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SemVer) and self.precedence == other.precedence

    def __hash__(self) -> int:
        return hash(self.precedence)

    def __lt__(self, other: SemVer) -> bool:
        return self.precedence < other.precedence

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.prerelease:
            text += "-" + ".".join(self.prerelease)
        return f"{text}+{self.build}" if self.build else text


def parse_semver(text: object) -> SemVer:
    """Parse a version such as ``1.4.0-rc.1+b5``; ValueError when it is none (or too long)."""
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise ValueError("not a semantic version: write MAJOR.MINOR.PATCH in quotes")
    found = _SEMVER.fullmatch(text)
    if found is None:
        raise ValueError("not a semantic version: write MAJOR.MINOR.PATCH, for example 1.0.0")
    major, minor, patch, prerelease, build = found.groups()
    marks = tuple(prerelease.split(".")) if prerelease else ()
    return SemVer(int(major), int(minor), int(patch), marks, build or "")
