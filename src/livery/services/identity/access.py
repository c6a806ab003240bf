"""What a caller may see and do."""

from __future__ import annotations

from uuid import UUID

from livery.services import PLATFORM
from livery.services.identity.errors import Forbidden, Invalid, NotFound
from livery.services.identity.ports import IdentityStore
from livery.services.identity.types import STAFF, AuthorizedWorkspaceId, Principal, Workspace

DEFAULT_WORKSPACE = "default"


def require(principal: Principal, *roles: str) -> None:
    """Refuse a caller whose role is not among these."""
    if principal.role not in roles:
        raise Forbidden(
            message=f"This needs the role {' or '.join(roles)}; the token has {principal.role}."
        )


class Access:
    """Maps callers to the workspaces they may act in."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    async def visible(self, principal: Principal) -> list[UUID]:
        """The workspaces whose rows this caller may read; staff see the platform's own too."""
        if principal.role in STAFF:
            return [PLATFORM, *await self._store.workspace_ids()]
        assert principal.workspace_id is not None  # the schema holds it
        return [principal.workspace_id]

    async def everywhere(self) -> list[UUID]:
        """All workspaces, for what the platform does by itself."""
        return await self._store.workspace_ids()

    async def slugs(self, principal: Principal) -> dict[UUID, str]:
        """The names of the workspaces that this caller sees; the platform's own rows go by `platform`."""
        visible = await self.visible(principal)
        known = await self._store.workspaces([i for i in visible if i != PLATFORM])
        return {PLATFORM: "platform"} | {item.workspace_id: item.slug for item in known}

    async def authorize(self, principal: Principal, ref: str | None) -> AuthorizedWorkspaceId:
        """The workspace named by slug or id, if this caller may act in it; else not_found, as for one that is not."""
        workspace = await self.workspace(principal, ref)
        return AuthorizedWorkspaceId(workspace.workspace_id)

    async def workspace(self, principal: Principal, ref: str | None) -> Workspace:
        """Like `authorize`, with the workspace itself. Without a name: the caller's own, or `default` for staff."""
        if ref is None and principal.workspace_id is not None:
            ref = str(principal.workspace_id)
        wanted = ref or DEFAULT_WORKSPACE
        for _ in range(2):
            known = await self._store.workspaces(
                [i for i in await self.visible(principal) if i != PLATFORM]
            )
            for workspace in known:
                if wanted in (workspace.slug, str(workspace.workspace_id)):
                    return workspace
            # It may have been added in another process a moment ago, its news still on the way.
            self._store.forget()
        if ref is None:
            raise Invalid(message="Name a workspace; there is no default one.")
        raise NotFound(message=f"There is no workspace {wanted!r}.")
