"""Who is asking: tokens, workspaces, health."""

from typing import cast

from livery.client.connection import Connection, segment
from livery.client.documents import Health, Ready, Token, TokenCreated, WhoAmI, Workspace
from livery.client.errors import ApiProblem


class IdentityCalls(Connection):
    """Health, tokens and workspaces."""

    async def health(self) -> Health:
        """Whether the process answers. Needs no token."""
        return cast(Health, await self.json("GET", "/v1/health"))

    async def ready(self) -> Ready:
        """Whether the platform can work, and what it lacks. Needs no token."""
        try:
            return cast(Ready, await self.json("GET", "/v1/ready"))
        except ApiProblem as degraded:  # 503, with the same document
            if "checks" not in degraded.document:
                raise
            return cast(Ready, degraded.document)

    async def metrics_text(self) -> str:
        """The metrics, as Prometheus text."""
        return (await self.request("GET", "/v1/metrics")).text

    async def whoami(self) -> WhoAmI:
        """Whose token this client holds."""
        return cast(WhoAmI, await self.json("GET", "/v1/whoami"))

    async def create_token(
        self,
        role: str,
        *,
        workspace: str | None = None,
        hired_agent_id: str | None = None,
        name: str | None = None,
        expires_in_days: int | None = None,
    ) -> TokenCreated:
        """Make a token; its secret is in this answer and nowhere else."""
        asked = {
            "role": role,
            "workspace": workspace,
            "hired_agent_id": hired_agent_id,
            "name": name,
            "expires_in_days": expires_in_days,
        }
        body = {k: v for k, v in asked.items() if v is not None}
        return cast(TokenCreated, await self.json("POST", "/v1/tokens", json=body))

    async def list_tokens(self) -> list[Token]:
        """The tokens that this caller may see, without their secrets."""
        return await self.items("/v1/tokens")

    async def revoke_token(self, token_id: str) -> None:
        """End a token, from the next call on."""
        await self.request("DELETE", f"/v1/tokens/{segment(token_id)}")

    async def create_workspace(
        self, name: str, *, slug: str | None = None, timezone: str | None = None
    ) -> Workspace:
        """Make a tenant; `timezone` is an IANA name."""
        asked = {"name": name, "slug": slug, "timezone": timezone}
        body = {k: v for k, v in asked.items() if v is not None}
        return cast(Workspace, await self.json("POST", "/v1/workspaces", json=body))

    async def list_workspaces(self) -> list[Workspace]:
        """The workspaces that this caller may see."""
        return await self.items("/v1/workspaces")
