"""Packages, many at once."""

from collections.abc import AsyncIterator
from typing import NotRequired, TypedDict, cast

from livery.client.connection import Connection
from livery.client.documents import JsonObject

LOAD_TIMEOUT_S = 300.0


class LoadedPackage(TypedDict):
    """A package that is registered; `path` is its folder in the zip."""

    path: str
    key: str
    version: str
    digest: str
    status: str
    diagnostics: list[JsonObject]


class RejectedPackage(TypedDict):
    """A package that is not, and why: `{code, message, remedy, file, line, severity}` each."""

    path: str
    diagnostics: list[JsonObject]


class LoadReport(TypedDict):
    """Every package of a zip, in one of the two."""

    loaded: list[LoadedPackage]
    rejected: list[RejectedPackage]


class SkillDiagnostics(TypedDict):
    """What the loader said of the newest version of a skill."""

    key: str
    workspace: NotRequired[str | None]
    version: str
    diagnostics: list[JsonObject]


class PackageCalls(Connection):
    """Loading trees."""

    async def load_packages(
        self,
        tree: bytes,
        *,
        commit: str | None = None,
        dirty: bool = False,
        workspace: str | None = None,
    ) -> LoadReport:
        """Register every package of a zip of any shape, each by itself; `commit` goes on record with them.

        `workspace`: as that workspace's own.
        """
        params = {
            "commit": commit,
            "dirty": dirty if commit else None,
            "workspace": workspace,
        }
        headers = {"Content-Type": "application/zip"}
        found = await self.json(
            "POST",
            "/v1/skills/batch",
            timeout=LOAD_TIMEOUT_S,
            params=params,
            content=tree,
            headers=headers,
        )
        return cast(LoadReport, found)

    def skill_diagnostics(self, *, limit: int | None = None) -> AsyncIterator[SkillDiagnostics]:
        """What was said of the skills that are registered, by key."""
        return self.pages("/v1/skill-diagnostics", limit=limit)
