"""Whose a skill is: the platform's or one workspace's, and what a workspace's own may not be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final
from uuid import UUID

from livery.manifest.diagnostics import Diagnostic, diagnose
from livery.manifest.errors import Violation
from livery.manifest.files import shown
from livery.manifest.package import CONTRACT_YAML, MAX_DIAGNOSTICS, Package
from livery.manifest.plain import ALLOWED, why_not_plain
from livery.manifest.yamldoc import load_yaml
from livery.services import PLATFORM
from livery.services.catalog.errors import SkillExists
from livery.services.catalog.types import NewVersion, Skill
from livery.services.identity.errors import Invalid

REGISTER: Final = ("operator", "author", "customer_admin")
"""Who registers skills: staff for the platform and for any workspace, a customer's admin for the own one."""
CODE_RUNTIMES: Final = ("python", "container")
_REMEDY: Final = (
    f"Leave it out: a workspace's skill holds {ALLOWED}, none of them executable. What needs more an operator registers"
    " for the platform."
)
_AS_PIPELINE: Final = (
    "Write it as a pipeline or as instructions; or let an operator register it for the platform."
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a skill: a workspace, or the platform, which has no slug."""

    workspace_id: UUID
    slug: str | None


PLATFORM_OWNER: Final = Owner(PLATFORM, None)


def code_in(package: Package) -> tuple[Diagnostic, ...]:
    """What of a package is or may be code: its runtime, and every file that is not plain. Never raises."""
    found = (
        diagnose(
            "ineligible",
            f"a workspace's skill is a manifest: {shown(file.path)} {why}",
            file.path,
            remedy=_REMEDY,
        )
        for file in package.files
        if (why := why_not_plain(file)) is not None
    )
    return tuple(_runtime(package)) + tuple(islice(found, MAX_DIAGNOSTICS))


def _runtime(package: Package) -> Iterator[Diagnostic]:
    kind = package.contract.runtime.kind
    if kind not in CODE_RUNTIMES:
        return
    file = next(file for file in package.files if file.path == CONTRACT_YAML)
    yield diagnose(
        "ineligible",
        f"a workspace's skill is a manifest without code: the runtime {kind} runs code",
        CONTRACT_YAML,
        load_yaml(file.data).line_of("/runtime/kind"),
        remedy=_AS_PIPELINE,
    )


def key_held(new: NewVersion, holders: Sequence[str]) -> SkillExists:
    """Another owner has the key: the platform, or the workspaces of these slugs."""
    details = {"skill_key": new.skill_key, "holders": list(holders)}
    if new.workspace_id != PLATFORM:
        return SkillExists(
            message=f"The platform has a skill {new.skill_key!r}; a workspace cannot take its key.",
            details=details,
            remedy="Give it another name, in SKILL.md and as its folder's, and register that.",
        )
    many = len(holders) > 1
    named = ", ".join(holders[:5]) + (f" and {len(holders) - 5} more" if len(holders) > 5 else "")
    return SkillExists(
        message=f"The workspace{'s' if many else ''} {named} ha{'ve' if many else 's'} a skill {new.skill_key!r}:"
        " what they call would become another one.",
        details=details,
        remedy="Choose another name, or revoke or delete every version of theirs: their key is free then.",
    )


def ambiguous(ref: str, found: Sequence[Skill]) -> Invalid:
    """Staff named a key that several workspaces have."""
    refs = [item.ref for item in found]
    return Invalid(
        message=f"{len(refs)} workspaces have a skill {ref!r}.",
        violations=[Violation("/key", f"one of: {', '.join(refs[:20])}")],
        remedy=f"Say whose: {refs[0]}, or name it by its skill_id.",
    )
