"""Approvals and grants of code in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from livery.services.approvals.types import Approval, CodeGrant, NewApproval, Page, Verdict, Waiting
from livery.services.audit.types import Entry
from livery.storage.database import Database, Transaction
from livery.storage.waiting import deny_waiting, queue_waiting

LAPSED = "The approval ran out before it was used."


class PostgresApprovals:
    """See services.approvals.ports.ApprovalStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def request(self, approval: NewApproval, entry: Entry) -> str:
        """Keep a request, or find the open one."""
        action = approval.action
        bound = (
            action.workspace_id,
            action.skill_key,
            action.digest,
            action.action,
            action.args_hash,
            action.policy_hash,
            action.hired_agent_id,
        )
        async with self._database.write([action.workspace_id]) as tx:
            entries = []
            for row in await tx.rows("approval_lapsed_twin", *bound):
                entries += await _expire(tx, row["approval_id"])
            kept: str = await tx.value(
                "approval_request",
                approval.approval_id,
                action.workspace_id,
                action.hired_agent_id,
                action.skill_key,
                action.digest,
                action.action,
                action.args_hash,
                action.policy_hash,
                approval.requested_by,
                approval.expires_at,
                approval.requested_by_token,
                action.skill_id,
                action.version,
                action.security_hash,
                action.target,
                orjson.dumps(action.input).decode(),
                approval.hand,
                approval.makers,
            )
            if kept == approval.approval_id:
                entries.append(entry)
            for item in entries:
                await tx.append(item)
        return kept

    async def get(self, approval_id: str, workspaces: Sequence[UUID]) -> Approval | None:
        """One approval."""
        async with self._database.read(workspaces) as tx:
            row = await tx.row("approval_get", approval_id)
        return _approval(row) if row else None

    async def list(self, workspaces: Sequence[UUID], page: Page) -> list[Approval]:
        """Approvals, newest first."""
        async with self._database.read(workspaces) as tx:
            rows = await tx.rows(
                "approval_list", page.state, page.before, page.limit, page.hired_agent_id
            )
        return [_approval(row) for row in rows]

    async def decide(self, known: Approval, verdict: Verdict, entry: Entry) -> Approval | None:
        """Take a step, move what waits for it, and remember what is to be remembered."""
        async with self._database.write([known.workspace_id]) as tx:
            decided = await tx.value(
                "approval_decide",
                known.approval_id,
                verdict.state,
                known.state,
                verdict.by,
                verdict.decision,
                verdict.reason,
                verdict.expires_at,
                True,
                known.four_eyes,
                known.delegated,
                known.asked_hand,
                verdict.hand or None,
                verdict.makers if verdict.hand else None,
            )
            if decided is None:
                return None
            entries = [entry]
            if verdict.event == "grant":
                entries += await queue_waiting(tx, known.approval_id, verdict.by)
            else:
                message = verdict.message + (f" {verdict.reason}" if verdict.reason else "")
                entries += await deny_waiting(
                    tx, known.approval_id, verdict.code, message, verdict.by
                )
            if verdict.remember is not None:
                entries += await _remember(tx, known, verdict)
            for item in entries:
                await tx.append(item)
            row = await tx.row("approval_get", known.approval_id)
        return _approval(row)

    async def expire(self, workspaces: Sequence[UUID], limit: int) -> Sequence[Approval]:
        """Note what ran out, each in a transaction of its own: another process may be at it too."""
        async with self._database.read(workspaces) as tx:
            lapsed = [row["approval_id"] for row in await tx.rows("approval_lapsed", limit)]
        done = []
        for approval_id in lapsed:
            async with self._database.write(workspaces) as tx:
                entries = await _expire(tx, approval_id)
                for item in entries:
                    await tx.append(item)
                if entries:
                    done.append(_approval(await tx.row("approval_get", approval_id)))
        return done

    async def waiting(self, workspaces: Sequence[UUID]) -> Waiting:
        """What waits for a decision."""
        async with self._database.read(workspaces) as tx:
            row = await tx.row("approval_waiting")
        return Waiting(row["count"], row["oldest_s"])


class PostgresCodeGrants:
    """See services.approvals.ports.CodeGrantStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, workspaces: Sequence[UUID], limit: int) -> list[CodeGrant]:
        """The live grants, newest first."""
        async with self._database.read(workspaces) as tx:
            return [_grant(row) for row in await tx.rows("code_grant_list", None, limit)]

    async def get(
        self, grant_id: UUID, workspaces: Sequence[UUID]
    ) -> tuple[CodeGrant, bool] | None:
        """A live grant, and whether operators may approve in its workspace."""
        async with self._database.read(workspaces) as tx:
            row = await tx.row("code_grant_list", grant_id, 1)
        return (_grant(row), row["delegated"]) if row else None

    async def revoke(self, grant: CodeGrant, by: str, entry: Entry) -> bool:
        """Revoke it, and end the epoch of its workspace."""
        async with self._database.write([grant.workspace_id]) as tx:
            if await tx.value("code_grant_revoke", grant.grant_id, by) is None:
                return False
            await tx.bump(grant.workspace_id)
            await tx.append(entry)
        return True


async def _expire(tx: Transaction, approval_id: str) -> list[Entry]:
    """Move one to `expired`; its entries, none where somebody was faster."""
    workspace_id = await tx.value("approval_expire", approval_id)
    if workspace_id is None:
        return []
    entries = [Entry("approval.expired", workspace_id, approval_id, {"by": "platform"})]
    return entries + await deny_waiting(tx, approval_id, "approval_invalid", LAPSED, "platform")


async def _remember(tx: Transaction, known: Approval, verdict: Verdict) -> list[Entry]:
    if known.skill_id is None or known.security_hash is None or verdict.remember is None:
        return []
    scope = (known.workspace_id, known.skill_id, known.security_hash, known.hired_agent_id)
    await tx.rows("code_grant_replace", *scope, verdict.by)
    grant_id = uuid7()
    await tx.rows(
        "code_grant_add",
        grant_id,
        known.workspace_id,
        known.hired_agent_id,
        known.skill_id,
        known.security_hash,
        verdict.remember,
        verdict.by,
        known.approval_id,
    )
    await tx.bump(known.workspace_id)
    body = {
        "skill_key": known.skill_key,
        "security_hash": known.security_hash,
        "decision": verdict.remember,
        "approval_id": known.approval_id,
        "hired_agent_id": str(known.hired_agent_id) if known.hired_agent_id else None,
        "by": verdict.by,
    }
    return [Entry("code_grant.made", known.workspace_id, str(grant_id), body)]


def _approval(row: Any) -> Approval:
    values = dict(row)
    values["input"] = orjson.loads(values["input"]) if values["input"] else None
    values["asked_hand"] = tuple(values["asked_hand"])
    values["asked_makers"] = tuple(values["asked_makers"])
    return Approval(**values)


def _grant(row: Any) -> CodeGrant:
    values = dict(row)
    del values["delegated"]
    return CodeGrant(**values)
