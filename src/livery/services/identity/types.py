"""Values of identity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from uuid import UUID

from livery.kernel.approval import Person

STAFF = frozenset({"operator", "approver", "author", "auditor"})
PEOPLE = (*sorted(STAFF), "customer_admin", "customer_member")
ROLES = (*PEOPLE, "agent")

AuthorizedWorkspaceId = NewType("AuthorizedWorkspaceId", UUID)
"""A workspace that this caller may act in; only `services.identity.authorize` makes one."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller behind a token."""

    token_id: UUID
    name: str
    role: str
    workspace_id: UUID | None
    hired_agent_id: UUID | None
    expires_at: datetime | None = None
    hand: tuple[str, ...] = ()
    """The customer admins up the line of those who made the token, by their keys."""
    makers: tuple[str, ...] = ()
    """The staff up that line."""

    @property
    def person(self) -> Person:
        """Who that is, where people are told apart."""
        return Person(str(self.token_id), self.name, self.role, self.hand, self.makers)

    def sees(self, hired_agent_id: UUID | None) -> bool:
        """Whether what belongs to this hired agent, or to none, is for the caller: an agent sees its own alone."""
        return self.role != "agent" or hired_agent_id == self.hired_agent_id

    @property
    def label(self) -> str:
        """How the record names the caller."""
        return f"{self.role}:{self.name}"

    @property
    def uid(self) -> str:
        """The Cedar entity of the caller."""
        if self.hired_agent_id is not None:
            return f'Agent::"{self.hired_agent_id}"'
        return f'User::"{self.token_id}"'


@dataclass(frozen=True, slots=True)
class Line:
    """Those who made a token, those who made theirs, and so on: customer admins and staff, by their keys."""

    hand: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()

    @classmethod
    def of(cls, maker: Principal) -> Line:
        """The line of what this caller makes."""
        keys = maker.person.keys
        if maker.role in STAFF:
            return cls((), tuple(dict.fromkeys((*keys, *maker.makers))))
        return cls(keys, maker.makers)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant."""

    workspace_id: UUID
    slug: str
    name: str
    timezone: str
    created_at: datetime
    four_eyes: bool = False
    """Nobody approves what they started themselves."""
    delegated_approval: bool = False
    """Operators may approve here."""


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What is known of a token; the token itself is shown once, when it is made."""

    token_id: UUID
    name: str
    role: str
    workspace_id: UUID | None
    hired_agent_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
