"""Hiring: agent types and the agents that workspaces hired."""

from typing import cast

from livery.client.connection import Connection
from livery.client.documents import AgentType, HiredAgent


class HiringCalls(Connection):
    """Agent types and hired agents."""

    async def agent_types(self) -> list[AgentType]:
        """The agents that can be hired."""
        return await self.items("/v1/agent-types")

    async def hire(self, agent_type: str, workspace: str, name: str) -> HiredAgent:
        """Hire an agent type for a workspace (its slug or id)."""
        body = {"agent_type": agent_type, "workspace": workspace, "name": name}
        return cast(HiredAgent, await self.json("POST", "/v1/hired-agents", json=body))

    async def list_hired_agents(self) -> list[HiredAgent]:
        """The hired agents that this caller may see."""
        return await self.items("/v1/hired-agents")
