"""Artifacts: what runs made, and the proof."""

from typing import cast

from livery.client.connection import Connection, segment
from livery.client.documents import Artifact, Provenance


class ArtifactCalls(Connection):
    """Artifacts, their bytes and their provenance."""

    async def list_artifacts(
        self, *, run_id: str | None = None, kind: str | None = None, limit: int | None = None
    ) -> list[Artifact]:
        """Artifacts, newest first."""
        return await self.items("/v1/artifacts", run_id=run_id, kind=kind, limit=limit)

    async def get_artifact(self, artifact_id: str) -> Artifact:
        """One artifact, without its bytes."""
        return cast(Artifact, await self.json("GET", f"/v1/artifacts/{segment(artifact_id)}"))

    async def artifact_content(self, artifact_id: str) -> bytes:
        """The bytes of an artifact."""
        return (await self.request("GET", f"/v1/artifacts/{segment(artifact_id)}/content")).content

    async def artifact_provenance(self, artifact_id: str) -> Provenance:
        """The badge, the signed statement and what it rests on: enough to verify offline."""
        path = f"/v1/artifacts/{segment(artifact_id)}/provenance"
        return cast(Provenance, await self.json("GET", path))

    async def keys(self) -> dict[str, str]:
        """The platform's public verification keys, PEM by key id. Needs no token."""
        found = await self.json("GET", "/v1/keys")
        return {str(k): str(v) for k, v in dict(found.get("keys") or {}).items()}
