"""Sign-offs of versions."""

from typing import cast

from livery.client.connection import Connection, segment
from livery.client.documents import SignOff


class SignOffCalls(Connection):
    """Who answers for a version besides its author."""

    async def sign_off(self, key: str, version: str, note: str) -> SignOff:
        """Sign a version off; refused for its author. Repeating it answers the same."""
        path = f"/v1/skills/{segment(key)}/versions/{segment(version)}/sign-offs"
        return cast(SignOff, await self.json("POST", path, json={"note": note}))

    async def list_sign_offs(self, key: str, version: str) -> list[SignOff]:
        """The sign-offs of a version, oldest first."""
        path = f"/v1/skills/{segment(key)}/versions/{segment(version)}/sign-offs"
        found = await self.json("GET", path)
        return cast("list[SignOff]", found["items"])
