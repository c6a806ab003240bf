"""Refusals of the catalog."""

from collections.abc import Mapping
from types import MappingProxyType

from livery.manifest.errors import LiveryError


class SkillNotFound(LiveryError):
    """There is no such skill, or not for this caller."""

    code = "not_found"


class VersionRefused(LiveryError):
    """A version that cannot be; `file` and `line` are where its package names it, `lines` those of the violations."""

    file: str = ""
    line: int | None = None
    lines: Mapping[str, int] = MappingProxyType({})


class SkillExists(VersionRefused):
    """The key or the version is taken."""

    code = "already_exists"


class PackageRefused(LiveryError):
    """The package is no valid skill; the diagnostics say why."""

    code = "contract_invalid"


class ReleaseRefused(VersionRefused):
    """The version breaks what its line promised; the violations name each field and the version that is right."""

    code = "contract_invalid"


class NotPromotable(LiveryError):
    """No channel may name a version without a valid certificate."""

    code = "skill_not_certified"


class Revoked(LiveryError):
    """The version was revoked."""

    code = "skill_revoked"


class SkillChainUncertified(LiveryError):
    """A skill that something is composed of is missing or not certified; the violations name each."""

    code = "skill_chain_uncertified"
