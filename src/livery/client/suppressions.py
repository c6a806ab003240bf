"""Suppressed findings of versions."""

from typing import cast

from livery.client.connection import Connection, segment
from livery.client.documents import Suppression


class SuppressionCalls(Connection):
    """Who answers for a finding, and why."""

    async def suppress(self, key: str, version: str, fingerprint: str, reason: str) -> Suppression:
        """Answer for a finding of a version; refused for its author and for what is critical."""
        path = f"/v1/skills/{segment(key)}/versions/{segment(version)}/suppressions"
        body = {"fingerprint": fingerprint, "reason": reason}
        # The version is looked at anew, by every scanner.
        return cast(Suppression, await self.json("POST", path, json=body, timeout=300))

    async def list_suppressions(self, key: str, version: str) -> list[Suppression]:
        """What is suppressed of a version."""
        path = f"/v1/skills/{segment(key)}/versions/{segment(version)}/suppressions"
        found = await self.json("GET", path)
        return cast("list[Suppression]", found["items"])
