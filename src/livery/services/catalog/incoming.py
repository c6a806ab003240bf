"""A package on its way in, and names that two of them claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from livery.manifest.diagnostics import Diagnostic, diagnose, has_errors
from livery.manifest.package import Package, parse_package
from livery.manifest.skillmd import FILE as SKILL_MD
from livery.manifest.skillmd import parse_skill_md
from livery.manifest.slugs import is_slug, slugify
from livery.manifest.tree import Candidate


@dataclass(slots=True)
class Incoming:
    """One package on its way in."""

    path: str
    package: Package | None
    diagnostics: tuple[Diagnostic, ...]
    claimed: str = ""
    """What the name would be as a key, where the package has none."""

    def say(self, *found: Diagnostic) -> None:
        """Add what was found; an error keeps the package out."""
        self.diagnostics = (*self.diagnostics, *found)
        if has_errors(found):
            self.package = None

    @property
    def key(self) -> str:
        """Its key, or what its name would be as one."""
        return self.package.skill_md.name if self.package else self.claimed


def read_candidate(candidate: Candidate) -> Incoming:
    """Read a candidate."""
    if candidate.fault is not None:
        return Incoming(candidate.root, None, (candidate.fault,))
    package, diagnostics = parse_package(candidate.files, folder=candidate.folder)
    item = Incoming(candidate.root, package, diagnostics)
    if package is None:
        name = next(
            (parse_skill_md(f.data).name for f in candidate.files if f.path == SKILL_MD), ""
        )
        item.claimed = slugify(name) if name and not is_slug(name) else ""
    return item


def collisions(
    items: Sequence[Incoming], taken: frozenset[str], claims: Mapping[str, frozenset[str]]
) -> None:
    """Names before aliases, and among aliases the first by path: the other one is refused."""
    here: dict[str, str] = {}
    for item in items:
        if item.package is not None:
            here.setdefault(item.key, item.path)
    owners: dict[str, str] = {}
    for item in items:
        if item.package is None:
            if item.claimed and (item.claimed in here or item.claimed in taken):
                where = here.get(item.claimed) or "the catalog"
                item.say(_collision(f"its name is read as {item.claimed}, which {where} has"))
            continue
        key = item.key
        others = claims.get(key, frozenset()) - {key}
        if others:
            item.say(_collision(f"{min(others)} in the catalog claims the alias {key}"))
        for alias in item.package.skill_md.aliases if item.package else ():
            holders = claims.get(alias, frozenset()) - {key}
            owner = owners.setdefault(alias, key)
            if alias in here or alias in taken:
                where = here.get(alias) or "the catalog"
                item.say(_collision(f"its alias {alias} is the name of a skill in {where}"))
            elif owner != key or holders:
                other = owner if owner != key else min(holders)
                item.say(_collision(f"its alias {alias} is an alias of {other}"))


def _collision(message: str) -> Diagnostic:
    return diagnose("command_alias_collision", message, SKILL_MD, 2)
