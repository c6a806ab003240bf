"""What holds for every job role, and how the record names it."""

from __future__ import annotations

from uuid import UUID

from livery.manifest.errors import Violation
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.identity.types import STAFF, Principal
from livery.services.roles.errors import RoleInvalid, RoleNotFound
from livery.services.roles.types import JobRole, RoleVersion


def visible_to(caller: Principal, role: JobRole) -> JobRole | None:
    """What this caller may see of a role: drafts and what was taken back are the staff's."""
    if caller.role in STAFF:
        return role
    kept = tuple(item for item in role.versions if item.status == "certified")
    return JobRole(kept) if kept else None


def version_of(role: JobRole, version: int | None) -> RoleVersion:
    """One version, the newest where none is named. Raises RoleNotFound."""
    for known in role.versions:
        if version is None or known.version == version:
            return known
    raise RoleNotFound(message=f"{role.newest.role_key} has no version {version}.")


def checked(role: RoleVersion) -> RoleVersion:
    """Refuse a role that is none: without a name, without skills, with one of them twice."""
    if not role.name or not role.description:
        raise RoleInvalid(message="A job role needs a name and a description.")
    if not role.skills:
        raise RoleInvalid(
            message="A job role has at least one skill.",
            violations=[Violation("/skills", "at least one skill")],
        )
    first: dict[UUID, int] = {}
    twice = [
        Violation(f"/skills/{index}", f"{skill.skill_key} is named twice")
        for index, skill in enumerate(role.skills)
        if first.setdefault(skill.skill_id, index) != index
    ]
    if twice:
        raise RoleInvalid(message="A job role holds a skill in one version.", violations=twice)
    return role


def contents(role: RoleVersion) -> dict[str, object]:
    """What the record says of a version."""
    return {"name": role.name, "skills": {skill.skill_key: skill.version for skill in role.skills}}


def role_entry(
    what: str,
    role: RoleVersion,
    body: dict[str, object],
    caller: Principal,
    correlation_id: str,
) -> Entry:
    """The entry of a change: `job_role.<what>`, on `key@version`."""
    return Entry(
        f"job_role.{what}",
        PLATFORM,
        role.badge,
        {"role_key": role.role_key, "version": role.version, **body, "by": caller.label},
        correlation_id=correlation_id,
    )
