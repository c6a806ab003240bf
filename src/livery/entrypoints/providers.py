"""The providers of one process: built-in ones at once, the others when a skill first needs them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, cast
from uuid import UUID

from livery.entrypoints.settings import Settings
from livery.entrypoints.views import empty_opener, view_opener
from livery.execution.executors import Lazy, LocalExecutors
from livery.execution.looks import Looked, RuntimeLooks
from livery.execution.outside.run import Outside
from livery.execution.python.runtime import THREADS, PythonRuntime
from livery.execution.python.threads import Levels
from livery.execution.store import PackageStore
from livery.manifest.package import Package, PackageFile
from livery.services.catalog.ports import CatalogStore
from livery.services.certification.types import Finding
from livery.services.runs.ports import Provider
from livery.services.runs.types import Invoked
from livery.services.sessions.ports import SegmentSource

if TYPE_CHECKING:
    from livery.execution.container.runtime import ContainerRuntime
    from livery.execution.remote.runtime import RemoteRuntime

Fetch = Callable[[str, UUID], Awaitable[Sequence[PackageFile]]]


class Providers:
    """`builtin` (python, pipeline), `mcp` and `plugin` (container)."""

    def __init__(
        self,
        settings: Settings,
        store: PackageStore,
        sessions: SegmentSource,
        outside: Outside,
        fetch: Fetch,
    ) -> None:
        self._settings, self._store, self._outside = settings, store, outside
        cache = settings.home / "cache" / "data"
        self._views, self._empty = view_opener(sessions, cache), empty_opener(cache)
        self._levels = Levels(THREADS)
        self.python = PythonRuntime(
            store, self._views, outside, empty=self._empty, levels=self._levels
        )
        self._plugins = Lazy("plugin", ("container",), self._container)
        self._remotes = Lazy("mcp", ("mcp",), self._remote)
        pipelines = Lazy("builtin", ("pipeline",), self._pipelines)
        self.registry = LocalExecutors(
            store, (self.python, pipelines, self._remotes, self._plugins), fetch
        )
        self.looks = RuntimeLooks(self._judge, self._look_remote)

    async def close(self) -> None:
        """End what was started."""
        self.python.close()
        await self._plugins.close()
        await self._remotes.close()

    def _pipelines(self) -> Provider:
        from livery.execution.pipeline.runtime import PipelineRuntime

        return PipelineRuntime(self._views, self._empty, self._levels)

    def _container(self) -> ContainerRuntime:
        from livery.execution.container.runtime import ContainerRuntime
        from livery.execution.container.settings import rules_of
        from livery.execution.outside.proxy import opener

        return ContainerRuntime(
            self._store,
            self._settings.home,
            rules_of(self._settings.environ),
            egress=opener(self._outside.policy),
            ledger=self._outside.ledger,
            credentials=self._outside.credentials,
            environ=self._settings.environ,
        )

    def _remote(self) -> RemoteRuntime:
        from livery.execution.remote.runtime import RemoteRuntime
        from livery.execution.remote.settings import servers_of

        servers = servers_of(self._settings.mcp_servers)
        return RemoteRuntime(servers, self._outside, self._settings.environ)

    async def _look_remote(self, package: Package) -> Looked:
        """What the server of a remote tool says of it."""
        made = await self._remotes.provider()
        if isinstance(made, Invoked):
            finding = Finding(
                made.code, made.message or "", "contract.yaml", rule="mcp", severity="critical"
            )
            return (finding,), {}
        return await cast("RemoteRuntime", made).look(package)

    def _judge(self, package: Package) -> list[Finding]:
        """What the policy of plugins says; no engine is asked."""
        from livery.execution.container.policy.judge import LevelPolicy

        return LevelPolicy(sandbox_level(self._settings)).findings(package)


def sandbox_level(settings: Settings) -> str:
    """The language policy of plugins."""
    return settings.environ.get("LIVERY_SANDBOX_POLICY") or "strict"


def certified_files(
    skills: CatalogStore,
) -> Callable[[UUID, str], Awaitable[Sequence[PackageFile] | None]]:
    """For fixtures that call skills: the newest certified version under a key, as the owner of a package sees it."""

    async def find(home: UUID, key: str) -> Sequence[PackageFile] | None:
        for skill in await skills.named(key, [home]):
            for version in await skills.versions(skill.skill_id, skill.workspace_id):
                if version.status == "certified":
                    return await skills.package(version.digest, skill.workspace_id)
        return None

    return find
