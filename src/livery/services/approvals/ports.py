"""What approvals need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from livery.services.approvals.types import (
    Approval,
    CodeGrant,
    NewApproval,
    NewStanding,
    Page,
    RegisteredTarget,
    StandingGrant,
    Subject,
    Verdict,
    Waiting,
)
from livery.services.audit.types import Entry


class ApprovalStore(Protocol):
    """Approvals and their states. One past its time is `expired` in every answer, whatever its row says."""

    async def request(self, approval: NewApproval, entry: Entry) -> str:
        """Keep a request; the id of the open one where the same action was asked for before."""

    async def get(self, approval_id: str, workspaces: Sequence[UUID]) -> Approval | None:
        """One approval."""

    async def list(self, workspaces: Sequence[UUID], page: Page) -> list[Approval]:
        """Approvals, newest first."""

    async def decide(self, known: Approval, verdict: Verdict, entry: Entry) -> Approval | None:
        """Take a step from the state and the house rules that `known` was read with; None where they have changed.

        In the same transaction: runs that wait for it are queued or end, and `remember` becomes a grant of code.
        """

    async def expire(self, workspaces: Sequence[UUID], limit: int) -> Sequence[Approval]:
        """Move what is past its time to `expired`, each with its entry, once; what waited for it is denied."""

    async def waiting(self, workspaces: Sequence[UUID]) -> Waiting:
        """What waits for a decision."""


class CodeGrantStore(Protocol):
    """Grants of code."""

    async def list(self, workspaces: Sequence[UUID], limit: int) -> list[CodeGrant]:
        """The live ones, newest first."""

    async def get(
        self, grant_id: UUID, workspaces: Sequence[UUID]
    ) -> tuple[CodeGrant, bool] | None:
        """A live one, and whether operators may approve in its workspace."""

    async def revoke(self, grant: CodeGrant, by: str, entry: Entry) -> bool:
        """Revoke it; False where it is not live. The next call in every process sees it."""


class TargetStore(Protocol):
    """Registered targets."""

    async def list(self, workspace_id: UUID) -> list[RegisteredTarget]:
        """Those of a workspace, by name."""

    async def register(self, target: RegisteredTarget, entry: Entry) -> bool:
        """Keep it; False where it is there already."""

    async def remove(self, workspace_id: UUID, host: str, by: str, entry: Entry) -> bool:
        """Remove it, and revoke the standing approvals for it, each with its entry; False where it is not there."""


class StandingStore(Protocol):
    """Standing approvals. Their runs are counted by the journal, in the transaction that begins them."""

    async def subject(
        self, workspace_id: UUID, skill: str, version: str | None, hired_agent_id: UUID | None
    ) -> Subject | None:
        """What a call of this skill would run in this workspace; None where there is no such skill or agent."""

    async def grant(self, standing: NewStanding, entry: Entry) -> bool:
        """Keep it; False where its target is not registered. The next call in every process knows it."""

    async def list(
        self, workspaces: Sequence[UUID], standing_id: str | None, limit: int
    ) -> list[StandingGrant]:
        """Newest first; with an id, that one."""

    async def revoke(self, known: StandingGrant, by: str, reason: str, entry: Entry) -> bool:
        """Revoke it; False where it was. No call begins under it from the commit on."""
