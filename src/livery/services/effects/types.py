"""Values of effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect of a run. `state` is intended, sent, confirmed, failed or unknown.

    `target` says what it goes to (method, host and port; never a path or query, which may hold a secret);
    `request_hash` is the sha256 of what is sent.
    """

    effect_id: UUID
    run_id: UUID
    workspace_id: UUID
    action: str
    target: str
    request_hash: str
    state: str = "intended"
    evidence: Mapping[str, Any] | None = None
    at: datetime | None = None
