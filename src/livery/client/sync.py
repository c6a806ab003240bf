"""The client for scripts without asyncio."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from livery.client.connection import DEFAULT_TIMEOUT_S
from livery.client.documents import (
    Artifact,
    Certified,
    Envelope,
    Provenance,
    Run,
    RunDetail,
    Skill,
    SkillDetail,
)
from livery.client.livery_client import LiveryClient

T = TypeVar("T")


class Livery:
    """`LiveryClient` with blocking calls; use it as a context manager.

        with Livery("http://127.0.0.1:8700", token) as livery:
            print(livery.run("add", {"a": 2, "b": 3})["result"])

    It keeps an event loop in a thread of its own, so it also works inside a notebook. `call` gives
    every other method of `LiveryClient`.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
        correlation_id: str | None = None,
    ) -> None:
        self._client = LiveryClient(
            base_url, token, transport=transport, timeout=timeout, correlation_id=correlation_id
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="livery")

    def __repr__(self) -> str:
        return f"Livery({self._client.base_url!r})"

    def __enter__(self) -> Self:
        self._thread.start()
        self.call(lambda client: client.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.call(lambda client: client.__aexit__(kind, error, traceback))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def call(self, ask: Callable[[LiveryClient], Awaitable[T]]) -> T:
        """Any call: `livery.call(lambda client: client.list_tokens())`."""

        async def asked() -> T:
            return await ask(self._client)

        future = asyncio.run_coroutine_threadsafe(asked(), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def run(self, skill_key: str, input: Mapping[str, Any], **options: Any) -> Envelope:  # noqa: A002
        """Execute a skill; the options are those of `LiveryClient.run`."""
        return self.call(lambda client: client.run(skill_key, input, **options))

    def skills(self, **filters: Any) -> list[Skill]:
        """The skills."""
        return self.call(lambda client: client.list_skills(**filters))

    def skill(self, key: str) -> SkillDetail:
        """One skill."""
        return self.call(lambda client: client.get_skill(key))

    def add_package(self, package: bytes) -> Skill:
        """Register a version from a zipped skill folder."""
        return self.call(lambda client: client.add_package(package))

    def certify(self, key: str, version: str | None = None) -> Certified:
        """Certify a version, the newest by default."""
        return self.call(lambda client: client.certify_skill(key, version))

    def runs(self, **filters: Any) -> list[Run]:
        """The newest runs and denials."""
        return self.call(lambda client: client.list_runs(**filters))

    def get_run(self, run_id: str) -> RunDetail:
        """One run."""
        return self.call(lambda client: client.get_run(run_id))

    def artifacts(self, **filters: Any) -> list[Artifact]:
        """The artifacts."""
        return self.call(lambda client: client.list_artifacts(**filters))

    def artifact_content(self, artifact_id: str) -> bytes:
        """The bytes of an artifact."""
        return self.call(lambda client: client.artifact_content(artifact_id))

    def provenance(self, artifact_id: str) -> Provenance:
        """The proof of an artifact."""
        return self.call(lambda client: client.artifact_provenance(artifact_id))
