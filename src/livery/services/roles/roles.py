"""Job roles: create, edit, certify, revoke. The platform's own, composed of certified skills and of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from livery.kernel.lifecycle import JOB_ROLE
from livery.manifest.slugs import resolve_alias, slugify
from livery.services.catalog.catalog import Catalog
from livery.services.catalog.types import Standing
from livery.services.catalog.uses import require_certified, require_standing
from livery.services.identity.access import require
from livery.services.identity.filters import check_status
from livery.services.identity.types import STAFF, Principal
from livery.services.roles.errors import RoleBusy, RoleExists, RoleInvalid, RoleNotFound
from livery.services.roles.ports import RoleStore
from livery.services.roles.rules import checked, contents, role_entry, version_of, visible_to
from livery.services.roles.types import JobRole, RoleVersion

_TRIES = 20
"""How often a change is made again on what another change left; each failure is another's success."""


class Roles:
    """The use cases of job roles."""

    def __init__(
        self,
        store: RoleStore,
        catalog: Catalog,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._clock = clock
        self._new_id = new_id

    async def list(
        self, caller: Principal, *, status: str | None, after: str | None, limit: int
    ) -> list[JobRole]:
        """Roles by key; a customer sees certified versions only. A status that is none is validation_error."""
        check_status(status, JOB_ROLE)
        certified = caller.role not in STAFF
        found = await self._store.roles(
            status=status, after=after, limit=limit, certified=certified
        )
        return [seen for role in found if (seen := visible_to(caller, role)) is not None]

    async def get(self, caller: Principal, ref: str) -> JobRole:
        """A role by key or id, with its versions."""
        found = await self._store.role(ref) or await self._store.role(resolve_alias(ref))
        seen = visible_to(caller, found) if found is not None else None
        if seen is None:
            raise RoleNotFound(message=f"There is no job role {ref!r}.")
        return seen

    async def create(
        self,
        caller: Principal,
        name: str,
        description: str,
        skills: Sequence[str],
        *,
        role_key: str | None = None,
        correlation_id: str = "",
    ) -> JobRole:
        """A role of certified skills (`key`, or `key@version`), version 1, waiting for certification.

        Raises SkillChainUncertified naming each offender, RoleExists where the key is taken.
        """
        require(caller, "operator", "author")
        first = RoleVersion(
            role_id=self._new_id(),
            role_key=slugify(role_key or name),
            version=1,
            name=name.strip(),
            description=description.strip(),
            status="pending_certification",
            skills=await self._pin(caller, skills),
            created_by=caller.label,
            created_at=self._clock(),
        )
        entry = role_entry("created", first, contents(first), caller, correlation_id)
        stood = await self._store.add(checked(first), entry)
        if stood is None:
            raise RoleExists(message=f"There is a job role {first.role_key!r} already.")
        require_standing(stood, "/skills")
        return await self.get(caller, first.role_key)

    async def edit(
        self,
        caller: Principal,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        skills: Sequence[str] | None = None,
        correlation_id: str = "",
    ) -> JobRole:
        """A new version of a role, waiting for certification; what is None stays as in the newest version.

        The skills are held to be certified also where they stay.
        """
        require(caller, "operator", "author")
        if name is None and description is None and skills is None:
            raise RoleInvalid(message="An edit changes the name, the description or the skills.")
        pinned = await self._pin(caller, skills) if skills is not None else None
        for _ in range(_TRIES):
            before = (await self.get(caller, ref)).newest
            after = replace(
                before,
                version=before.version + 1,
                name=before.name if name is None else name.strip(),
                description=before.description if description is None else description.strip(),
                status="pending_certification",
                skills=before.skills if pinned is None else pinned,
                created_by=caller.label,
                created_at=self._clock(),
                certified_by=None,
                certified_at=None,
                reason=None,
            )
            entry = role_entry("edited", after, contents(after), caller, correlation_id)
            stood = await self._store.add(checked(after), entry)
            if stood is not None:
                require_standing(stood, "/skills")
                return await self.get(caller, after.role_key)
        raise RoleBusy(message=f"The job role {ref!r} is being edited by others; try again.")

    async def certify(
        self, caller: Principal, ref: str, version: int | None = None, correlation_id: str = ""
    ) -> JobRole:
        """Certify a version, the newest by default: all its skills must be certified now. Again answers the same.

        Raises SkillChainUncertified naming each offender, also for a version that is certified already.
        """
        require(caller, "operator", "approver")
        for _ in range(_TRIES):
            role = await self.get(caller, ref)
            found = version_of(role, version)
            JOB_ROLE.advance(found.status, "certify")
            if found.status == "certified":
                require_standing(found.skills, "/skills")
                return role
            entry = role_entry("certified", found, contents(found), caller, correlation_id)
            stood = await self._store.certify(found, caller.label, self._clock(), entry)
            if stood is not None:
                require_standing(stood, "/skills")
                return await self.get(caller, found.role_key)
        raise RoleBusy(message=f"The job role {ref!r} is being changed by others; try again.")

    async def revoke(
        self,
        caller: Principal,
        ref: str,
        reason: str,
        version: int | None = None,
        correlation_id: str = "",
    ) -> JobRole:
        """Revoke a certified version, by default the one in force."""
        require(caller, "operator")
        if not reason.strip():
            raise RoleInvalid(message="A revocation states its reason.")
        for _ in range(_TRIES):
            role = await self.get(caller, ref)
            found = version_of(role, version) if version else role.certified or role.newest
            JOB_ROLE.advance(found.status, "revoke")
            entry = role_entry("revoked", found, {"reason": reason}, caller, correlation_id)
            if await self._store.revoke(found, reason, entry):
                return await self.get(caller, found.role_key)
        raise RoleBusy(message=f"The job role {ref!r} is being changed by others; try again.")

    async def _pin(self, caller: Principal, refs: Sequence[str]) -> tuple[Standing, ...]:
        found = await require_certified(self._catalog, caller, refs, "/skills")
        return tuple(
            Standing(skill.skill_id, skill.skill_key, version.version, version.status)
            for skill, version in found
        )
