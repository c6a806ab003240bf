"""Who uses a version: one registry, in which every place that composes skills takes part."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from livery.manifest.errors import LiveryError, Violation
from livery.services.catalog.catalog import Catalog
from livery.services.catalog.errors import SkillChainUncertified, SkillNotFound
from livery.services.catalog.owners import PLATFORM_OWNER
from livery.services.catalog.ports import UseSource
from livery.services.catalog.types import Skill, Standing, Use, Version
from livery.services.identity.types import Principal


class Uses:
    """Answers who uses a version, from every registered composition point."""

    def __init__(self, sources: Sequence[UseSource]) -> None:
        kinds = [source.kind for source in sources]
        if len(set(kinds)) != len(kinds):
            raise ValueError(f"A composition point is registered twice: {kinds}")
        self._sources = tuple(sources)

    @property
    def tables(self) -> frozenset[str]:
        """The tables that composition points keep references to skills in."""
        return frozenset().union(*(source.tables for source in self._sources))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The registered composition points."""
        return tuple(source.kind for source in self._sources)

    async def uses_of(
        self, skill_id: UUID, version: str | None, workspaces: Sequence[UUID]
    ) -> list[Use]:
        """Uses of a version (of all versions without one) in these workspaces, sorted by kind and name."""
        found: list[Use] = []
        for source in self._sources:
            found.extend(await source.uses_of(skill_id, version, workspaces))
        return sorted(found, key=lambda use: (use.kind, use.name, use.ref))


async def require_certified(
    catalog: Catalog, caller: Principal, refs: Sequence[str], where: str
) -> list[tuple[Skill, Version]]:
    """The certified versions that these references (`key`, `key@version`) name; the newest certified one without.
    What is composed here is the platform's, and so are its skills: a workspace's own are none of its parts.

    Raises SkillChainUncertified (422) with a violation for each offender, pointing into `where`.
    """
    found: list[tuple[Skill, Version]] = []
    offenders: list[Violation] = []
    for index, ref in enumerate(refs):
        key, _, wanted = ref.partition("@")
        try:
            skill = await catalog.owned(PLATFORM_OWNER, key)
        except SkillNotFound:
            offenders.append(await _missing(catalog, caller, key, f"{where}/{index}"))
            continue
        versions, _ = await catalog.versions(skill)
        named = [item for item in versions if not wanted or item.version == wanted]
        certified = next((item for item in named if item.status == "certified"), None)
        if certified is not None:
            found.append((skill, certified))
        elif not named:
            message = f"{skill.skill_key} has no version {wanted}"
            offenders.append(_offender(where, index, message, "not_found"))
        else:
            status = named[0].status
            code = "skill_revoked" if status == "revoked" else "skill_not_certified"
            message = f"{skill.skill_key}@{named[0].version} is {status}, not certified"
            offenders.append(_offender(where, index, message, code))
    if offenders:
        raise SkillChainUncertified(violations=offenders)
    return found


async def _missing(catalog: Catalog, caller: Principal, key: str, pointer: str) -> Violation:
    try:
        found = await catalog.get(caller, key)
    except LiveryError:
        return Violation(pointer, f"{key!r}: there is no such skill", "not_found")
    message = f"{found.ref} is a skill of the workspace {found.workspace}, not of the platform"
    return Violation(pointer, message, "skill_not_allowed")


def require_standing(standings: Sequence[Standing], where: str) -> None:
    """Refuse what a transaction found uncertified: raises SkillChainUncertified, pointing into `where`."""
    offenders = [
        offender(item, f"{where}/{index}")
        for index, item in enumerate(standings)
        if not item.certified
    ]
    if offenders:
        raise SkillChainUncertified(violations=offenders)


def offender(standing: Standing, pointer: str) -> Violation:
    """Why this version may not be composed."""
    if standing.status == "not_found":
        return Violation(pointer, f"{standing.badge}: there is no such version", "not_found")
    code = "skill_revoked" if standing.status == "revoked" else "skill_not_certified"
    why = f" ({standing.reason})" if standing.reason else ""
    message = f"{standing.badge} is {standing.status}{why}, not certified"
    return Violation(pointer, message, code)


def _offender(where: str, index: int, message: str, code: str) -> Violation:
    return Violation(f"{where}/{index}", message, code)
