"""A skill's life: who uses it, channels, retirement, differences."""

from typing import Any, cast

from livery.client.connection import Connection, segment
from livery.client.documents import SkillVersion
from livery.client.release_documents import (
    Channels,
    Deleted,
    Difference,
    Impact,
    Moved,
    Restored,
    Retired,
)
from livery.client.skills import version_path


class ReleaseCalls(Connection):
    """Versions and what becomes of them. Without a `version` the newest by SemVer precedence is meant."""

    async def list_versions(self, key: str) -> list[SkillVersion]:
        """The versions of a skill, newest first, with the channels that name each."""
        found = await self.items(f"/v1/skills/{segment(key)}/versions")
        return cast(list[SkillVersion], found)

    async def impact(
        self, key: str, version: str | None = None, *, channel: str | None = None
    ) -> Impact:
        """Who uses a version; any version where none is named, or only what follows `channel`."""
        path, params = f"{version_path(key, version)}/impact", {"channel": channel}
        return cast(Impact, await self.json("GET", path, params=params))

    async def promote(
        self, key: str, version: str | None, channel: str, reason: str | None = None
    ) -> Moved:
        """Point `staging` or `production` at a certified version."""
        path = f"{version_path(key, version)}/promote"
        return cast(Moved, await self.json("POST", path, json=_said(reason, channel=channel)))

    async def roll_back(self, key: str, channel: str, reason: str | None = None) -> Moved:
        """Point a channel at the version before the present one that may still run."""
        path = f"/v1/skills/{segment(key)}/rollback"
        return cast(Moved, await self.json("POST", path, json=_said(reason, channel=channel)))

    async def list_channels(self, key: str, *, channel: str | None = None) -> Channels:
        """What the channels of a skill name, and their moves, newest first."""
        path, params = f"/v1/skills/{segment(key)}/channels", {"channel": channel}
        return cast(Channels, await self.json("GET", path, params=params))

    async def deprecate_skill(
        self, key: str, version: str | None = None, reason: str | None = None
    ) -> Retired:
        """Offer a version no longer: what holds it goes on, nothing new takes it up."""
        path = f"{version_path(key, version)}/deprecate"
        return cast(Retired, await self.json("POST", path, json=_said(reason)))

    async def revoke_skill(
        self, key: str, version: str | None, reason: str, *, in_flight: str = "finish"
    ) -> Retired:
        """Take a version out of service everywhere, from the next call on.

        `in_flight`: calls that run `finish`, or what they answer is withheld (`withhold`).
        """
        path = f"{version_path(key, version)}/revoke"
        return cast(Retired, await self.json("POST", path, json=_said(reason, in_flight=in_flight)))

    async def delete_skill(self, key: str, version: str | None = None) -> Deleted:
        """Delete a version, or all versions where none is named, if nothing ever used them."""
        return cast(Deleted, await self.json("DELETE", version_path(key, version)))

    async def restore_skill(self, key: str, version: str | None = None) -> Restored:
        """Put certified code back that was changed on the platform's machine: of a version, or of each."""
        return cast(Restored, await self.json("POST", f"{version_path(key, version)}/restore"))

    async def difference(
        self,
        key: str,
        older: str | None = None,
        newer: str | None = None,
        *,
        files: bool = False,
    ) -> Difference:
        """What differs between two versions: to the newest, from production's or the one before by default."""
        params: dict[str, Any] = {"from": older, "to": newer, "files": files or None}
        path = f"/v1/skills/{segment(key)}/diff"
        return cast(Difference, await self.json("GET", path, params=params))


def _said(reason: str | None, **body: str) -> dict[str, str]:
    return body if reason is None else {**body, "reason": reason}
