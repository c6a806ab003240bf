"""What the door needs from a place that keeps secrets: PostgreSQL now, OpenBao perhaps later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from livery.vault.secret import Secret
from livery.vault.types import Call, Credential, Resolved


class Backend(Protocol):
    """Keep, open and forget secrets of workspaces.

    Every method that succeeds has recorded `call` with the outcome `ok` in the same transaction:
    no secret is stored or given out without a trace. The workspace is `workspace_id`; a ref of
    another workspace raises `CredentialNotFound`.
    """

    async def store(
        self,
        call: Call,
        workspace_id: UUID,
        *,
        kind: str,
        label: str,
        secret: Secret[Mapping[str, Any]],
    ) -> Credential:
        """Keep a new secret as version 1 under a fresh ref."""

    async def rotate(
        self, call: Call, workspace_id: UUID, ref: str, secret: Secret[Mapping[str, Any]]
    ) -> Credential:
        """Replace the secret; version + 1. The old one is gone. Raises `CredentialRevoked`."""

    async def page(
        self, call: Call, workspace_id: UUID, *, after: str, limit: int
    ) -> Sequence[Credential]:
        """Return metadata in the order of refs (the order of creation), from beyond `after`."""

    async def revoke(self, call: Call, workspace_id: UUID, ref: str) -> Credential:
        """Destroy the secret, keep the metadata. Repeating it changes nothing."""

    async def resolve(self, call: Call, workspace_id: UUID, ref: str, *, kind: str) -> Resolved:
        """Open the secret. Raises `CredentialNotGranted` (revoked, or of another kind)."""

    async def refuse(self, call: Call, outcome: str) -> None:
        """Record a call that was not done, with the code of its refusal."""
