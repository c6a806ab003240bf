"""The words of the vault: grants, calls, credentials. None of them holds a secret in the open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from livery.vault.secret import Secret

REF = re.compile(r"cred_[0-9a-f]{32}")
OK = "ok"


class Grant(StrEnum):
    """What a caller's token allows; a token carries exactly one."""

    WRITE = "write"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds a token: the token's name and its one grant."""

    name: str
    grant: Grant


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it goes into the access table. `actor` is what the caller says of its user."""

    caller: str
    action: str
    correlation_id: str
    actor: str | None = None
    workspace_id: UUID | None = None
    credential_ref: str | None = None
    run_id: str | None = None
    skill_key: str | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """Metadata of a stored credential; times are aware UTC."""

    credential_ref: str
    workspace_id: UUID
    kind: str
    label: str
    version: int
    created_at: datetime
    rotated_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def status(self) -> str:
        """`active` or `revoked`."""
        return "active" if self.revoked_at is None else "revoked"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; `status` is added for readers."""
        return {
            "credential_ref": self.credential_ref,
            "workspace_id": str(self.workspace_id),
            "kind": self.kind,
            "label": self.label,
            "version": self.version,
            "status": self.status,
            "created_at": self.created_at.isoformat(),
            "rotated_at": self.rotated_at.isoformat() if self.rotated_at else None,
            "revoked_at": self.revoked_at.isoformat() if self.revoked_at else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Credential:
        """Read what `to_dict` wrote."""
        return cls(
            credential_ref=data["credential_ref"],
            workspace_id=UUID(data["workspace_id"]),
            kind=data["kind"],
            label=data["label"],
            version=data["version"],
            created_at=datetime.fromisoformat(data["created_at"]),
            rotated_at=_time(data.get("rotated_at")),
            revoked_at=_time(data.get("revoked_at")),
        )


@dataclass(frozen=True, slots=True)
class Resolved:
    """An opened credential: the secret (a JSON object) and its version."""

    secret: Secret[Mapping[str, Any]]
    version: int


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
