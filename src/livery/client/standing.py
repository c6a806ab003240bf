"""Registered targets, and standing approvals."""

from typing import Any, cast

from livery.client.approval_documents import RegisteredTarget, StandingApproval
from livery.client.connection import Connection, segment


class StandingCalls(Connection):
    """Approve so many sendings to one target at once, and take that back."""

    async def list_targets(self, workspace: str) -> list[RegisteredTarget]:
        """Where standing approvals of a workspace may send to."""
        return await self.items(f"/v1/workspaces/{segment(workspace)}/targets")

    async def register_target(
        self, workspace: str, target: str, note: str = ""
    ) -> RegisteredTarget:
        """Register `host` or `host:port`; it admits nothing by itself."""
        path = f"/v1/workspaces/{segment(workspace)}/targets"
        body = {"target": target, "note": note}
        return cast(RegisteredTarget, await self.json("POST", path, json=body))

    async def remove_target(self, workspace: str, target: str) -> None:
        """Remove a target; the standing approvals for it are revoked."""
        path = f"/v1/workspaces/{segment(workspace)}/targets/{segment(target)}"
        await self.request("DELETE", path)

    async def list_standing_approvals(self) -> list[StandingApproval]:
        """Standing approvals, newest first."""
        return await self.items("/v1/standing-approvals")

    async def get_standing_approval(self, approval_id: str) -> StandingApproval:
        """One standing approval."""
        path = f"/v1/standing-approvals/{segment(approval_id)}"
        return cast(StandingApproval, await self.json("GET", path))

    async def grant_standing_approval(
        self,
        skill: str,
        target: str,
        runs: int,
        *,
        workspace: str | None = None,
        version: str | None = None,
        hired_agent_id: str | None = None,
        expires_in_days: float | None = None,
    ) -> StandingApproval:
        """Approve `runs` sendings of a skill to a registered target: for an agent, or for callers that are none."""
        asked: dict[str, Any] = {
            "skill": skill,
            "target": target,
            "runs": runs,
            "workspace": workspace,
            "version": version,
            "hired_agent_id": hired_agent_id,
            "expires_in_days": expires_in_days,
        }
        body = {name: value for name, value in asked.items() if value is not None}
        return cast(StandingApproval, await self.json("POST", "/v1/standing-approvals", json=body))

    async def revoke_standing_approval(self, approval_id: str, reason: str) -> StandingApproval:
        """Take back what is left of one."""
        path = f"/v1/standing-approvals/{segment(approval_id)}/revoke"
        return cast(StandingApproval, await self.json("POST", path, json={"reason": reason}))
