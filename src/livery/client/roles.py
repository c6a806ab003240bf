"""Job roles: composed of certified skills."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from livery.client.connection import Connection, segment
from livery.client.documents import JobRole, JobRoleDetail


class RoleCalls(Connection):
    """Job roles. A `key` may be a `role_key` or a `role_id`; a skill is `key` or `key@version`."""

    def iter_job_roles(
        self, *, status: str | None = None, limit: int | None = None
    ) -> AsyncIterator[JobRole]:
        """Every job role, page by page."""
        return self.pages("/v1/job-roles", limit=limit, status=status)

    async def list_job_roles(
        self, *, status: str | None = None, limit: int | None = None
    ) -> list[JobRole]:
        """The job roles; without `limit` all of them."""
        return [role async for role in self.iter_job_roles(status=status, limit=limit)]

    async def get_job_role(self, key: str) -> JobRoleDetail:
        """One job role with its versions."""
        return cast(JobRoleDetail, await self.json("GET", _path(key)))

    async def create_job_role(
        self, name: str, description: str, skills: Sequence[str], *, role_key: str | None = None
    ) -> JobRoleDetail:
        """Compose a role; raises `ApiProblem` (`skill_chain_uncertified`) naming each offender."""
        body: dict[str, Any] = {"name": name, "description": description, "skills": list(skills)}
        if role_key is not None:
            body["role_key"] = role_key
        return cast(JobRoleDetail, await self.json("POST", "/v1/job-roles", json=body))

    async def edit_job_role(
        self,
        key: str,
        *,
        name: str | None = None,
        description: str | None = None,
        skills: Sequence[str] | None = None,
    ) -> JobRoleDetail:
        """A new version of a role; what is None stays."""
        given = {
            "name": name,
            "description": description,
            "skills": list(skills) if skills is not None else None,
        }
        body = {member: value for member, value in given.items() if value is not None}
        return cast(JobRoleDetail, await self.json("PATCH", _path(key), json=body))

    async def certify_job_role(self, key: str, version: int | None = None) -> JobRoleDetail:
        """Certify a version, the newest by default. Repeating it answers the same."""
        return cast(JobRoleDetail, await self.json("POST", f"{_path(key, version)}/certify"))

    async def revoke_job_role(
        self, key: str, reason: str, version: int | None = None
    ) -> JobRoleDetail:
        """Revoke a certified version, by default the one in force."""
        path = f"{_path(key, version)}/revoke"
        return cast(JobRoleDetail, await self.json("POST", path, json={"reason": reason}))


def _path(key: str, version: int | None = None) -> str:
    path = f"/v1/job-roles/{segment(key)}"
    return path if version is None else f"{path}/versions/{version}"
