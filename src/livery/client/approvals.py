"""Approvals: what waits for a decision, and deciding it."""

from typing import Any, cast

from livery.client.approval_documents import Approval, CodeGrant
from livery.client.connection import Connection, segment
from livery.client.documents import RunDetail, Workspace


class ApprovalCalls(Connection):
    """Approvals of actions, grants of code, and the runs that wait for them."""

    async def list_approvals(
        self, *, state: str | None = None, limit: int | None = 100
    ) -> list[Approval]:
        """Approvals, newest first; `state="requested"` is what waits for a decision."""
        return [item async for item in self.pages("/v1/approvals", limit=limit, state=state)]

    async def get_approval(self, approval_id: str) -> Approval:
        """One approval: what would be done."""
        return cast(Approval, await self.json("GET", f"/v1/approvals/{segment(approval_id)}"))

    async def grant_approval(self, approval_id: str, decision: str = "run_once") -> Approval:
        """Grant a request, `run_once`; with `always_allow` its code is granted from now on besides."""
        return await self._decide(approval_id, "grant", {"decision": decision})

    async def deny_approval(
        self, approval_id: str, *, remember: bool = False, reason: str | None = None
    ) -> Approval:
        """Deny a request; with `remember` its code is denied from now on."""
        return await self._decide(
            approval_id, "deny", {"remember": remember, **({"reason": reason} if reason else {})}
        )

    async def revoke_approval(self, approval_id: str, reason: str) -> Approval:
        """Take back what was granted and not used yet."""
        return await self._decide(approval_id, "revoke", {"reason": reason})

    async def list_code_grants(self) -> list[CodeGrant]:
        """Code that was allowed or denied once for all."""
        return await self.items("/v1/code-grants")

    async def revoke_code_grant(self, grant_id: str) -> None:
        """Forget a grant of code, or a denial that was remembered."""
        await self.request("DELETE", f"/v1/code-grants/{segment(grant_id)}")

    async def cancel_run(self, run_id: str) -> RunDetail:
        """Cancel a run that waits for its approval, or to be started."""
        return cast(RunDetail, await self.json("POST", f"/v1/runs/{segment(run_id)}/cancel"))

    async def set_workspace(
        self,
        workspace: str,
        *,
        four_eyes: bool | None = None,
        delegated_approval: bool | None = None,
    ) -> Workspace:
        """Say who may approve in a workspace."""
        asked = {"four_eyes": four_eyes, "delegated_approval": delegated_approval}
        body = {name: value for name, value in asked.items() if value is not None}
        path = f"/v1/workspaces/{segment(workspace)}"
        return cast(Workspace, await self.json("PATCH", path, json=body))

    async def _decide(self, approval_id: str, step: str, body: dict[str, Any]) -> Approval:
        path = f"/v1/approvals/{segment(approval_id)}/{step}"
        return cast(Approval, await self.json("POST", path, json=body))
