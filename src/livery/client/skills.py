"""The catalog: skills, versions, certificates."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from livery.client.connection import Connection, segment
from livery.client.documents import Certificate, Skill, SkillDetail


class SkillCalls(Connection):
    """Skills and their versions. A `key` may be a `skill_key`, a `skill_id`, or `workspace:skill_key` where more than
    one workspace has the key. With `workspace` what is added is that workspace's own: a manifest without code."""

    async def create_skill(
        self,
        name: str,
        description: str,
        category: str,
        *,
        skill_key: str | None = None,
        workspace: str | None = None,
    ) -> Skill:
        """Register a skill without a package (version 0.1.0, instructions only)."""
        body = {"name": name, "description": description, "category": category}
        if skill_key is not None:
            body["skill_key"] = skill_key
        if workspace is not None:
            body["workspace"] = workspace
        return cast(Skill, await self.json("POST", "/v1/skills", json=body))

    async def add_package(
        self, package: bytes, *, filename: str = "package.zip", workspace: str | None = None
    ) -> Skill:
        """Register a version from a zipped skill folder."""
        files = {"package": (filename, package, "application/zip")}
        params = {"workspace": workspace}
        return cast(Skill, await self.json("POST", "/v1/skills", params=params, files=files))

    def iter_skills(
        self, *, limit: int | None = None, **filters: str | None
    ) -> AsyncIterator[Skill]:
        """Every skill, page by page. The filters are `status`, `category`, `owner`, `workspace` (whose own) and
        `q`: words, or how a key begins."""
        return self.pages("/v1/skills", limit=limit, **filters)

    async def list_skills(self, *, limit: int | None = None, **filters: str | None) -> list[Skill]:
        """The skills; without `limit` all of them. The filters are those of `iter_skills`."""
        return [s async for s in self.iter_skills(limit=limit, **filters)]

    async def get_skill(self, key: str) -> SkillDetail:
        """One skill with its contract, versions and channels."""
        return cast(SkillDetail, await self.json("GET", f"/v1/skills/{segment(key)}"))

    async def get_certificate(self, key: str, version: str) -> Certificate:
        """The certificate of a version."""
        return cast(
            Certificate, await self.json("GET", f"{version_path(key, version)}/certificate")
        )

    async def get_package(self, key: str, version: str) -> bytes:
        """The package of a version, as zip."""
        return (await self.request("GET", f"{version_path(key, version)}/package")).content


def ref_of(skill: Mapping[str, Any]) -> str:
    """What names a listed skill to everybody who sees it: its key, or `workspace:key`."""
    key = str(skill.get("skill_key") or skill.get("key"))
    home = skill.get("workspace")
    return f"{home}:{key}" if home else key


def version_path(key: str, version: str | None) -> str:
    """The address of a skill, or of one version of it."""
    path = f"/v1/skills/{segment(key)}"
    return path if version is None else f"{path}/versions/{segment(version)}"
