"""Hire an agent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.catalog.catalog import Catalog
from livery.services.catalog.uses import require_certified, require_standing
from livery.services.hiring.errors import AgentExists, AgentTypeNotFound
from livery.services.hiring.ports import HiringStore
from livery.services.hiring.types import AgentType, Entitlement, HiredAgent
from livery.services.identity.access import Access, require
from livery.services.identity.types import Principal

_NEEDS = "/required_skill_keys"


class Hiring:
    """The use cases of hiring."""

    def __init__(
        self,
        store: HiringStore,
        catalog: Catalog,
        access: Access,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._access = access
        self._clock = clock
        self._new_id = new_id

    async def types(self) -> list[AgentType]:
        """The agent types on offer."""
        return await self._store.types()

    async def publish(
        self, caller: Principal, agent_type: AgentType, correlation_id: str = ""
    ) -> None:
        """Offer an agent type whose skills are certified; the same again changes nothing.

        Raises SkillChainUncertified naming each offender.
        """
        require(caller, "operator")
        if any(item.ref == agent_type.ref for item in await self._store.types()):
            return
        keys = agent_type.required_skill_keys
        await require_certified(self._catalog, caller, keys, _NEEDS)
        body = {"agent_type": agent_type.ref, "skills": list(keys), "by": caller.label}
        entry = Entry(
            "agent_type.published", PLATFORM, agent_type.ref, body, correlation_id=correlation_id
        )
        await self._store.add_type(agent_type, entry)

    async def list(self, caller: Principal) -> list[HiredAgent]:
        """The hired agents that this caller sees; an agent sees itself."""
        return await self._store.agents(await self._access.visible(caller), caller.hired_agent_id)

    async def hire(
        self,
        caller: Principal,
        agent_type: str,
        workspace: str | None,
        name: str | None,
        correlation_id: str = "",
    ) -> HiredAgent:
        """Hire an agent for a workspace, entitled to the certified versions of its type's skills of this moment."""
        require(caller, "operator", "customer_admin")
        home = await self._access.workspace(caller, workspace)
        known = {item.ref: item for item in await self._store.types() if item.status == "published"}
        wanted = known.get(agent_type)
        if wanted is None:
            raise AgentTypeNotFound(
                message=f"There is no agent type {agent_type!r}; there are {', '.join(known)}."
            )
        skills = await self._entitlements(caller, wanted)
        agent = HiredAgent(
            self._new_id(),
            home.workspace_id,
            home.slug,
            wanted.ref,
            name or wanted.name,
            "active",
            skills,
            self._clock(),
        )
        body = {
            "agent_type": wanted.ref,
            "name": agent.name,
            "by": caller.label,
            "skills": {item.skill_key: item.version for item in skills},
        }
        entry = Entry(
            "agent.hired",
            home.workspace_id,
            str(agent.hired_agent_id),
            body,
            correlation_id=correlation_id,
        )
        stood = await self._store.hire(agent, wanted.version, entry)
        if stood is None:
            raise AgentExists(message=f"{home.slug} has a hired agent {agent.name!r} already.")
        require_standing(stood, _NEEDS)
        return agent

    async def _entitlements(self, caller: Principal, wanted: AgentType) -> tuple[Entitlement, ...]:
        found = await require_certified(self._catalog, caller, wanted.required_skill_keys, _NEEDS)
        return tuple(
            Entitlement(skill.skill_key, version.version, skill.skill_id)
            for skill, version in found
        )
