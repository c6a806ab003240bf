"""Values of artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a run left; `statement` is the signed provenance (DSSE)."""

    artifact_id: UUID
    run_id: UUID
    workspace_id: UUID
    skill_key: str
    skill_version: str
    name: str
    media_type: str
    size: int
    sha256: str
    statement: Mapping[str, Any]
    created_at: datetime

    @property
    def badge(self) -> str:
        """The mark: skill@version."""
        return f"{self.skill_key}@{self.skill_version}"


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """An artifact with its bytes, as the settle of its run writes it."""

    artifact: Artifact
    content: bytes
