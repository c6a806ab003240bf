"""Bindings: slots of a workspace, and the certified versions that fill them."""

from typing import cast

from livery.client.connection import Connection, segment
from livery.client.documents import Binding, BindingDetail


class BindingCalls(Connection):
    """Bindings. `workspace` is a slug or id; None is the caller's own, for staff `default`."""

    async def list_bindings(self, workspace: str | None = None) -> list[Binding]:
        """What is bound in a workspace; without one, in all that this caller sees."""
        return await self.items("/v1/bindings", workspace=workspace)

    async def get_binding(self, slot: str, workspace: str | None = None) -> BindingDetail:
        """What fills a slot now, with its history."""
        found = await self.json("GET", _path(slot), params={"workspace": workspace})
        return cast(BindingDetail, found)

    async def set_binding(
        self,
        slot: str,
        skill: str,
        *,
        version: str | None = None,
        channel: str | None = None,
        workspace: str | None = None,
    ) -> Binding:
        """Fill a slot with a certified version, or with what a channel names."""
        given = {"skill": skill, "version": version, "channel": channel}
        body = {member: value for member, value in given.items() if value is not None}
        params = {"workspace": workspace}
        return cast(Binding, await self.json("PUT", _path(slot), json=body, params=params))

    async def roll_back_binding(self, slot: str, workspace: str | None = None) -> Binding:
        """Fill a slot with what it held before."""
        params = {"workspace": workspace}
        return cast(Binding, await self.json("POST", f"{_path(slot)}/rollback", params=params))

    async def remove_binding(self, slot: str, workspace: str | None = None) -> None:
        """Leave a slot empty."""
        await self.request("DELETE", _path(slot), params={"workspace": workspace})


def _path(slot: str) -> str:
    return f"/v1/bindings/{segment(slot)}"
