"""Certificates in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from livery.kernel.lifecycle import InvalidTransition
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.certification.types import Certificate
from livery.storage.database import Database


class PostgresCertificates:
    """See services.certification.ports.CertificateStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(self, certificate: Certificate, entry: Entry) -> None:
        """Keep it, move the version to `certified` unless it is deprecated, and end the epoch.

        Raises InvalidTransition where the version was revoked or deleted in the meantime.
        """
        async with self._database.write([entry.workspace_id]) as tx:
            if not await tx.value(
                "version_certify", certificate.skill_id, certificate.version, certificate.digest
            ):
                raise InvalidTransition(
                    message=f"{entry.subject_id} was taken out of service while it was being certified."
                )
            await tx.rows(
                "certificate_add",
                certificate.certificate_id,
                certificate.skill_id,
                certificate.version,
                certificate.digest,
                certificate.state,
                certificate.key_id,
                certificate.signed_at,
                certificate.expires_at,
                orjson.dumps(certificate.checks).decode(),
                orjson.dumps(dict(certificate.statement)).decode(),
                orjson.dumps(dict(certificate.basis)).decode(),
            )
            await tx.bump()
            await tx.append(entry)

    async def newest(self, skill_id: UUID, version: str, home: UUID) -> Certificate | None:
        """The newest certificate of a version."""
        async with self._database.read([home]) as tx:
            row = await tx.row("certificate_newest", skill_id, version)
        return _certificate(row) if row else None

    async def of_skill(self, skill_id: UUID, home: UUID) -> Sequence[Certificate]:
        """The newest certificate of each version."""
        async with self._database.read([home]) as tx:
            return [_certificate(row) for row in await tx.rows("certificate_of_skill", skill_id)]

    async def of_skills(
        self, skill_ids: Sequence[UUID], homes: Sequence[UUID]
    ) -> dict[UUID, Certificate]:
        """The newest certificate of each skill's newest version."""
        async with self._database.read(homes) as tx:
            rows = await tx.rows("certificate_of_skills", list(skill_ids))
        return {row["skill_id"]: _certificate(row) for row in rows}

    async def in_use(self, workspaces: Sequence[UUID]) -> list[tuple[str, UUID, Certificate]]:
        """The newest certificate of each version that may run."""
        every = list({PLATFORM, *workspaces})
        async with self._database.read(every) as tx:
            rows = await tx.rows("certificate_in_use", every)
        return [
            (f"{row['skill_key']}@{row['version']}", row["workspace_id"], _certificate(row))
            for row in rows
        ]

    async def move(self, certificate: Certificate, state: str, entry: Entry) -> bool:
        """Move it from the state it is in, and end the epoch."""
        async with self._database.write([entry.workspace_id]) as tx:
            moved = await tx.value(
                "certificate_move", certificate.certificate_id, certificate.state, state
            )
            if moved:
                await tx.bump(entry.workspace_id)
                await tx.append(entry)
        return bool(moved)

    async def statement(self, certificate_id: str, workspace_id: UUID) -> Mapping[str, Any] | None:
        """The signed statement of a certificate that this workspace sees, by its id."""
        async with self._database.read([workspace_id]) as tx:
            text = await tx.value("certificate_statement", certificate_id)
        found: Mapping[str, Any] | None = orjson.loads(text) if text else None
        return found


def _certificate(row: Any) -> Certificate:
    return Certificate(
        row["certificate_id"],
        row["skill_id"],
        row["version"],
        row["digest"],
        row["state"],
        row["key_id"],
        row["signed_at"],
        row["expires_at"],
        tuple(orjson.loads(row["checks"])),
        orjson.loads(row["statement"]),
        orjson.loads(row["basis"]),
    )
