"""The journal, as an auditor reads it."""

from collections.abc import AsyncIterator
from typing import Any, cast

from livery.client.connection import Connection
from livery.client.documents import AuditCheckpoints, AuditEntry, AuditVerified, Dsse


class AuditCalls(Connection):
    """The journal: entries, checkpoints, verification, export."""

    def iter_audit(
        self,
        *,
        after: str | None = None,
        kind: str | None = None,
        run_id: str | None = None,
        correlation_id: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[AuditEntry]:
        """Journal entries, newest first, page by page; `after` is a cursor of an earlier page."""
        params: dict[str, Any] = {
            "after": after,
            "kind": kind,
            "run_id": run_id,
            "correlation_id": correlation_id,
        }
        return self.pages("/v1/audit", limit=limit, **params)

    async def audit(
        self,
        *,
        after: str | None = None,
        kind: str | None = None,
        run_id: str | None = None,
        correlation_id: str | None = None,
        limit: int | None = 100,
    ) -> list[AuditEntry]:
        """Journal entries, newest first."""
        found = self.iter_audit(
            after=after, kind=kind, run_id=run_id, correlation_id=correlation_id, limit=limit
        )
        return [entry async for entry in found]

    async def audit_checkpoint(self) -> Dsse:
        """A signed checkpoint over the heads of all chains."""
        return cast(Dsse, await self.json("GET", "/v1/audit/checkpoint"))

    async def audit_checkpoints(self) -> AuditCheckpoints:
        """Whether checkpoints were removed, as the server tells at once."""
        return cast(AuditCheckpoints, await self.json("GET", "/v1/audit/checkpoints"))

    async def audit_verify(self) -> AuditVerified:
        """Let the server recompute its chains."""
        return cast(AuditVerified, await self.json("GET", "/v1/audit/verify", timeout=300.0))

    def audit_export(self) -> AsyncIterator[bytes]:
        """The whole journal as NDJSON, in chunks: verify it with `livery verify`."""
        return self.stream("/v1/audit/export")
