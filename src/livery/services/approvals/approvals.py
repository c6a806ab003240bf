"""Ask for, list, grant, deny and revoke approvals of actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from livery.kernel.approval import House, Person, refusal
from livery.kernel.lifecycle import APPROVAL
from livery.services.approvals.ports import ApprovalStore
from livery.services.approvals.types import (
    DECISIONS,
    STATES,
    Action,
    Approval,
    NewApproval,
    Page,
    Verdict,
    Waiting,
)
from livery.services.audit.types import Entry
from livery.services.identity.access import Access
from livery.services.identity.errors import Forbidden, Invalid, NotFound
from livery.services.identity.types import Principal

LIFETIME = timedelta(hours=24)
_AT_ONCE = 200
_ATTEMPTS = 4


class Approvals:
    """The use cases of approvals."""

    def __init__(self, store: ApprovalStore, access: Access, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._access = access
        self._clock = clock

    async def request(self, action: Action, requester: Principal, correlation_id: str) -> str:
        """Ask for an approval; asking again for the same action answers the open request's id."""
        approval = NewApproval(
            f"APR-{token_hex(10)}",
            action,
            requester.label,
            requester.token_id,
            self._clock() + LIFETIME,
            requester.person.keys,
            requester.makers,
        )
        body = {
            "skill_key": action.skill_key,
            "version": action.version,
            "digest": action.digest,
            "action": action.action,
            "target": action.target,
            "args_hash": action.args_hash,
            "policy_hash": action.policy_hash,
            "by": requester.label,
        }
        entry = Entry(
            "approval.requested",
            action.workspace_id,
            approval.approval_id,
            body,
            correlation_id=correlation_id,
        )
        return await self._store.request(approval, entry)

    async def get(self, caller: Principal, approval_id: str) -> Approval:
        """One approval; an agent sees its own ones only. Raises not_found."""
        found = await self._store.get(approval_id, await self._access.visible(caller))
        if found is None or not caller.sees(found.hired_agent_id):
            raise NotFound(message=f"There is no approval {approval_id}.")
        return found

    async def list(
        self,
        caller: Principal,
        *,
        state: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Approval]:
        """Approvals that this caller sees, newest first."""
        if state is not None and state not in STATES:
            raise Invalid(message=f"A state is one of {', '.join(STATES)}.")
        page = Page(state, before, limit, caller.hired_agent_id)
        return await self._store.list(await self._access.visible(caller), page)

    async def grant(
        self,
        caller: Principal,
        approval_id: str,
        correlation_id: str = "",
        *,
        decision: str = "run_once",
    ) -> Approval:
        """Grant an open request: it may be used once, within 24 hours. `always_allow` grants the code besides.

        Raises forbidden with the reason, not_found, and invalid_transition where it is not open any more.
        """
        if decision not in DECISIONS:
            raise Invalid(message=f"A decision is one of {', '.join(DECISIONS)}.")
        verdict = Verdict(
            "grant",
            "granted",
            caller.label,
            decision,
            expires_at=self._clock() + LIFETIME,
            remember="always_allow" if decision == "always_allow" else None,
            hand=caller.person.keys,
            makers=caller.makers,
        )
        return await self._decide(caller, approval_id, verdict, correlation_id)

    async def deny(
        self,
        caller: Principal,
        approval_id: str,
        correlation_id: str = "",
        *,
        remember: bool = False,
        reason: str | None = None,
    ) -> Approval:
        """Deny an open request; with `remember` the code is denied from now on. Errors as for `grant`."""
        verdict = Verdict(
            "deny",
            "denied",
            caller.label,
            "deny",
            reason,
            remember="deny" if remember else None,
            code="approval_denied",
            message=f"{caller.label} denied it.",
        )
        return await self._decide(caller, approval_id, verdict, correlation_id)

    async def revoke(
        self, caller: Principal, approval_id: str, reason: str, correlation_id: str = ""
    ) -> Approval:
        """Take back what was granted and not yet used. Errors as for `grant`."""
        if not reason.strip():
            raise Invalid(message="Say why: the reason is on record.")
        verdict = Verdict(
            "revoke",
            "revoked",
            caller.label,
            reason=reason.strip(),
            code="approval_invalid",
            message=f"{caller.label} took the approval back.",
        )
        return await self._decide(caller, approval_id, verdict, correlation_id)

    async def _decide(
        self, caller: Principal, approval_id: str, verdict: Verdict, correlation_id: str
    ) -> Approval:
        if caller.role not in ("operator", "approver", "customer_admin"):
            # Before anything is looked up: these never decide, and learn nothing of what there is.
            anybody = Person("", "", "")
            raise Forbidden(
                message=refusal(verdict.event, caller.person, anybody, House(True, False))
            )
        for _ in range(_ATTEMPTS):
            known = await self.get(caller, approval_id)
            # Whoever asked for it, first or again.
            started_by = Person("", "", "", known.asked_hand, known.asked_makers)
            house = House(known.four_eyes, known.delegated)
            refused = refusal(verdict.event, caller.person, started_by, house)
            if refused is not None:
                raise Forbidden(message=refused)
            APPROVAL.advance(known.state, verdict.event)
            entry = Entry(
                f"approval.{verdict.state}",
                known.workspace_id,
                approval_id,
                _body(known, verdict),
                correlation_id=correlation_id,
            )
            decided = await self._store.decide(known, verdict, entry)
            if decided is not None:
                return decided
        raise NotFound(message=f"The approval {approval_id} kept changing. Look at it again.")

    async def expire(self) -> Sequence[Approval]:
        """Note what ran out, each once. Every decision counts it as expired from its moment on, noted or not."""
        return await self._store.expire(await self._access.everywhere(), _AT_ONCE)

    async def waiting(self) -> Waiting:
        """What waits for a decision, everywhere: for metrics."""
        return await self._store.waiting(await self._access.everywhere())


def _body(known: Approval, verdict: Verdict) -> dict[str, Any]:
    body: dict[str, Any] = {"by": verdict.by, "requested_by": known.requested_by}
    for name in ("decision", "reason", "remember"):
        value = getattr(verdict, name)
        if value is not None:
            body[name] = value
    return body
