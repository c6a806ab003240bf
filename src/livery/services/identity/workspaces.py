"""Workspaces: the tenants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from livery.kernel.periods import month_key
from livery.manifest.slugs import slugify
from livery.services.audit.types import Entry
from livery.services.identity.access import DEFAULT_WORKSPACE, Access, require
from livery.services.identity.errors import AlreadyExists, Forbidden, Invalid
from livery.services.identity.ports import IdentityStore
from livery.services.identity.types import Principal, Workspace

DEFAULT_CAP = 10_000_000
"""The monthly budget of a new workspace in micro-USD: the starter plan of 3-contracts."""


class Workspaces:
    """Creates and lists workspaces."""

    def __init__(
        self,
        store: IdentityStore,
        access: Access,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._store = store
        self._access = access
        self._clock = clock
        self._new_id = new_id

    async def create(
        self,
        caller: Principal,
        name: str,
        *,
        slug: str | None = None,
        timezone: str = "UTC",
        cap: int = DEFAULT_CAP,
        correlation_id: str = "",
    ) -> Workspace:
        """Add a workspace; its slug is derived from the name where none is given."""
        require(caller, "operator")
        return await self.add(
            name,
            slug=slug,
            timezone=timezone,
            cap=cap,
            by=caller.label,
            correlation_id=correlation_id,
        )

    async def add(
        self,
        name: str,
        *,
        slug: str | None,
        timezone: str,
        cap: int,
        by: str,
        correlation_id: str = "",
    ) -> Workspace:
        """Add a workspace without asking who may; used by `create` and, at first start, by the platform."""
        if not name.strip() or len(name) > 200:
            raise Invalid(message="A workspace has a name of 1 to 200 characters.")
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Invalid(message=f"{timezone!r} is not an IANA time zone.") from error
        now = self._clock()
        key = slugify(slug or name)
        # The workspace that staff act in is their own; in any other its admin decides who approves.
        own = key == DEFAULT_WORKSPACE
        workspace = Workspace(
            self._new_id(), key, name.strip(), timezone, now, delegated_approval=own
        )
        body = {
            "slug": workspace.slug,
            "name": workspace.name,
            "budget_cap_usd_micros": cap,
            "by": by,
        }
        entry = Entry(
            "workspace.created",
            workspace.workspace_id,
            str(workspace.workspace_id),
            body,
            correlation_id=correlation_id,
        )
        if not await self._store.add_workspace(workspace, cap, month_key(now), entry):
            raise AlreadyExists(message=f"There is a workspace {workspace.slug!r} already.")
        return workspace

    async def configure(
        self,
        caller: Principal,
        ref: str,
        *,
        four_eyes: bool | None = None,
        delegated_approval: bool | None = None,
        correlation_id: str = "",
    ) -> Workspace:
        """Say who may approve here: its admin says all of it, an operator `four_eyes` only."""
        require(caller, "operator", "customer_admin")
        known = await self._access.workspace(caller, ref)
        if four_eyes is None and delegated_approval is None:
            raise Invalid(message="Name what is to change: four_eyes, delegated_approval.")
        if delegated_approval is not None and caller.role != "customer_admin":
            raise Forbidden(message="Delegation is the customer's to give: its admin sets it.")
        asked = {"four_eyes": four_eyes, "delegated_approval": delegated_approval}
        body = {
            **{name: value for name, value in asked.items() if value is not None},
            "before": {
                name: getattr(known, name) for name, value in asked.items() if value is not None
            },
            "by": caller.label,
        }
        entry = Entry(
            "workspace.changed",
            known.workspace_id,
            str(known.workspace_id),
            body,
            correlation_id=correlation_id,
        )
        return await self._store.set_workspace(
            known.workspace_id, four_eyes, delegated_approval, entry
        )

    async def list(self, caller: Principal) -> list[Workspace]:
        """The workspaces that this caller may see."""
        return await self._store.workspaces(await self._access.visible(caller))
