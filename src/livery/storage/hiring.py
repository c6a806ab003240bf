"""Agent types and hired agents in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.catalog.types import Standing, Use
from livery.services.hiring.types import AgentType, Entitlement, HiredAgent
from livery.storage.database import Database
from livery.storage.standing import standings
from livery.storage.uses import uses


class PostgresHiring:
    """See services.hiring.ports.HiringStore and services.catalog.ports.UseSource."""

    kind = "hired_agent"
    tables = frozenset({"hired_agent_skill"})

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_type(self, agent_type: AgentType, entry: Entry) -> None:
        """Publish a definition."""
        if any(item.ref == agent_type.ref for item in await self.types()):
            return
        async with self._database.write([]) as tx:
            await tx.rows(
                "agent_type_add",
                agent_type.agent_type,
                agent_type.version,
                agent_type.name,
                agent_type.description,
                list(agent_type.required_skill_keys),
            )
            await tx.append(entry)

    async def types(self) -> list[AgentType]:
        """All definitions."""
        async with self._database.read([PLATFORM]) as tx:
            return [
                AgentType(
                    row["agent_type"],
                    row["version"],
                    row["name"],
                    row["description"],
                    tuple(row["required_skill_keys"]),
                    row["status"],
                )
                for row in await tx.rows("agent_type_list")
            ]

    async def hire(
        self, agent: HiredAgent, version: int, entry: Entry
    ) -> Sequence[Standing] | None:
        """Keep a hired agent with its entitlements, and end the workspace's epoch."""
        held = [(skill.skill_id, skill.version) for skill in agent.skills]
        async with self._database.write([agent.workspace_id]) as tx:
            stood = await standings(tx, held, hold=True)
            if not all(item.certified for item in stood):
                return stood
            added = await tx.value(
                "hired_agent_add",
                agent.hired_agent_id,
                agent.workspace_id,
                agent.agent_type.rpartition(".v")[0],
                version,
                agent.name,
                agent.created_at,
            )
            if added is None:
                return None
            for skill in agent.skills:
                await tx.rows(
                    "hired_agent_skill_add",
                    agent.hired_agent_id,
                    agent.workspace_id,
                    skill.skill_id,
                    skill.version,
                )
            await tx.bump(agent.workspace_id)
            await tx.append(entry)
        return stood

    async def agents(
        self, workspaces: Sequence[UUID], hired_agent_id: UUID | None = None
    ) -> list[HiredAgent]:
        """Hired agents of these workspaces, with how their skills stand now."""
        async with self._database.read(workspaces) as tx:
            rows = await tx.rows("hired_agent_list", hired_agent_id)
            held = [_entitlements(row) for row in rows]
            pairs = [(item.skill_id, item.version) for items in held for item in items]
            distinct = list(dict.fromkeys(pairs))
            known = dict(zip(distinct, await standings(tx, distinct), strict=True))
        return [
            _agent(row, skills, [known[item.skill_id, item.version] for item in skills])
            for row, skills in zip(rows, held, strict=True)
        ]

    async def entitled(self, hired_agent_id: UUID, workspace_id: UUID) -> frozenset[UUID]:
        """See services.catalog.ports.Entitlements."""
        async with self._database.read([workspace_id]) as tx:
            rows = await tx.rows("hired_agent_list", hired_agent_id)
        return frozenset(item.skill_id for row in rows for item in _entitlements(row))

    async def uses_of(
        self, skill_id: UUID, version: str | None, workspaces: Sequence[UUID]
    ) -> Sequence[Use]:
        """Hired agents that are entitled to the skill."""
        return await uses(
            self._database, self.kind, "hired_agent_uses", skill_id, version, workspaces
        )


class PostgresAgentTypes:
    """Agent types as a place that composes skills; see services.catalog.ports.UseSource."""

    kind = "agent_type"
    tables = frozenset({"agent_type"})

    def __init__(self, database: Database) -> None:
        self._database = database

    async def uses_of(
        self, skill_id: UUID, version: str | None, workspaces: Sequence[UUID]
    ) -> Sequence[Use]:
        """Agent types that need the skill, held to the version that hiring would take now."""
        return await uses(
            self._database, self.kind, "agent_type_uses", skill_id, version, workspaces
        )


def _entitlements(row: Any) -> tuple[Entitlement, ...]:
    return tuple(
        Entitlement(item["skill_key"], item["version"], UUID(item["skill_id"]))
        for item in orjson.loads(row["skills"])
    )


def _agent(row: Any, skills: tuple[Entitlement, ...], stood: Sequence[Standing]) -> HiredAgent:
    broken = tuple(item for item in stood if not item.runs)
    # Paused and ended say more than degraded.
    degraded = broken and row["status"] == "active"
    return HiredAgent(
        row["hired_agent_id"],
        row["workspace_id"],
        row["workspace"],
        f"{row['agent_type']}.v{row['agent_type_version']}",
        row["name"],
        "degraded" if degraded else row["status"],
        skills,
        row["created_at"],
        broken,
    )
