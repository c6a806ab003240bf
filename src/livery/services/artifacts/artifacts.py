"""Read artifacts, and show where they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from livery.manifest.errors import LiveryError
from livery.manifest.statement import verify_dsse
from livery.services.artifacts.ports import ArtifactStore
from livery.services.artifacts.types import Artifact
from livery.services.identity.access import Access
from livery.services.identity.types import Principal


class ArtifactNotFound(LiveryError):
    """There is no such artifact, or not for this caller."""

    code = "not_found"


class Certificates(Protocol):
    """Finds the certificate that a run was admitted by."""

    async def __call__(self, certificate_id: str, workspace_id: UUID) -> Mapping[str, Any] | None:
        """The DSSE envelope."""


@dataclass(frozen=True, slots=True)
class ProvenanceCheck:
    """One thing that was checked."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """All that is needed to verify an artifact offline."""

    artifact: Artifact
    predicate: Mapping[str, Any]
    certificate: Mapping[str, Any] | None
    keys: Mapping[str, bytes]
    checks: tuple[ProvenanceCheck, ...]
    journal: tuple[str, int] | None

    @property
    def verified(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)


class Artifacts:
    """The use cases of artifacts."""

    def __init__(
        self,
        store: ArtifactStore,
        access: Access,
        certificate: Certificates,
        keys: Callable[[], dict[str, bytes]],
    ) -> None:
        self._store = store
        self._access = access
        self._certificate = certificate
        self._keys = keys

    async def get(self, caller: Principal, artifact_id: UUID) -> Artifact:
        """One artifact; raises not_found, also for another workspace's, and for an agent also for another caller's."""
        visible = await self._access.visible(caller)
        artifact = await self._store.get(artifact_id, visible, caller.hired_agent_id)
        if artifact is None:
            raise ArtifactNotFound(message=f"There is no artifact {artifact_id}.")
        return artifact

    async def content(self, caller: Principal, artifact_id: UUID) -> tuple[Artifact, bytes]:
        """An artifact with its bytes."""
        artifact = await self.get(caller, artifact_id)
        visible = await self._access.visible(caller)
        return artifact, await self._store.content(artifact_id, visible) or b""

    async def search(
        self,
        caller: Principal,
        *,
        run_id: UUID | None,
        name: str | None,
        before: UUID | None = None,
        limit: int,
    ) -> list[Artifact]:
        """Artifacts that this caller sees, newest first."""
        visible = await self._access.visible(caller)
        return await self._store.list(
            visible,
            run_id=run_id,
            name=name,
            agent=caller.hired_agent_id,
            before=before,
            limit=limit,
        )

    async def provenance(self, caller: Principal, artifact_id: UUID) -> Provenance:
        """Where an artifact comes from, checked against its bytes, its certificate and the record."""
        artifact, content = await self.content(caller, artifact_id)
        visible = await self._access.visible(caller)
        keys = self._keys()
        journal = await self._store.journal_position(artifact.run_id, visible)
        predicate, checks = _statement(artifact, content, keys)
        certificate = await self._certificate(
            str(predicate.get("certificate_id", "")), artifact.workspace_id
        )
        checks.append(_certified(certificate, predicate, keys))
        detail = f"entry {journal[1]} of {journal[0]}" if journal else "no entry settles this run"
        checks.append(ProvenanceCheck("record", journal is not None, detail))
        return Provenance(artifact, predicate, certificate, keys, tuple(checks), journal)


def _statement(
    artifact: Artifact, content: bytes, keys: dict[str, bytes]
) -> tuple[Mapping[str, Any], list[ProvenanceCheck]]:
    actual = sha256(content).hexdigest()
    whole = actual == artifact.sha256
    checks = [ProvenanceCheck("content", whole, f"sha256:{actual}")]
    try:
        verified = verify_dsse(artifact.statement, keys)
    except LiveryError as error:
        return {}, [*checks, ProvenanceCheck("signature", ok=False, detail=error.message)]
    checks.append(
        ProvenanceCheck("signature", ok=True, detail=f"Ed25519, key {verified.keyids[0][:16]}")
    )
    subject = verified.payload["subject"][0]
    same = subject["digest"].get("sha256") == actual and subject["name"] == artifact.name
    checks.append(ProvenanceCheck("subject", same, f"{subject['name']} is what was signed"))
    predicate = verified.payload["predicate"]
    run = predicate.get("run_id") == str(artifact.run_id)
    checks.append(ProvenanceCheck("run", run, str(predicate.get("run_id"))))
    return predicate, checks


def _certified(
    certificate: Mapping[str, Any] | None, predicate: Mapping[str, Any], keys: dict[str, bytes]
) -> ProvenanceCheck:
    if certificate is None:
        return ProvenanceCheck("certificate", ok=False, detail="there is no such certificate")
    try:
        payload = verify_dsse(certificate, keys).payload
    except LiveryError as error:
        return ProvenanceCheck("certificate", ok=False, detail=error.message)
    certified = "sha256:" + payload["subject"][0]["digest"].get("sha256", "")
    if certified != predicate.get("digest"):
        return ProvenanceCheck("certificate", ok=False, detail=f"it certifies {certified}")
    return ProvenanceCheck(
        "certificate", ok=True, detail=f"{payload['subject'][0]['name']}, {certified[:19]}…"
    )
