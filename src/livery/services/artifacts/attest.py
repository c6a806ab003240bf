"""Sign what a run left: one statement per artifact, verifiable offline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from livery.manifest.statement import RUN_PREDICATE_TYPE, make_statement
from livery.services.artifacts.types import Artifact, NewArtifact
from livery.services.audit.ports import Signer


class Bytes(Protocol):
    """An artifact as a skill hands it over."""

    name: str
    media_type: str
    content: bytes


def attest(
    signer: Signer,
    predicate: Mapping[str, Any],
    items: list[tuple[UUID, Bytes]],
    *,
    run_id: UUID,
    workspace_id: UUID,
    skill_key: str,
    skill_version: str,
    now: datetime,
) -> list[NewArtifact]:
    """Artifacts with their signed provenance; the subject of each statement is the artifact's sha256."""
    made = []
    for artifact_id, item in items:
        digest = sha256(item.content).hexdigest()
        subject = [{"name": item.name, "digest": {"sha256": digest}}]
        about = {
            "artifact_id": str(artifact_id),
            "media_type": item.media_type,
            "size": len(item.content),
        }
        signed = {**predicate, "finished_at": now.isoformat(), "artifact": about}
        statement = signer.sign(make_statement(subject, RUN_PREDICATE_TYPE, signed))
        artifact = Artifact(
            artifact_id,
            run_id,
            workspace_id,
            skill_key,
            skill_version,
            item.name,
            item.media_type,
            len(item.content),
            digest,
            statement,
            now,
        )
        made.append(NewArtifact(artifact, item.content))
    return made
