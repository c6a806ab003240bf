"""Standing approvals: so many sendings of one version to one registered target, under one policy, until then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import token_hex
from uuid import UUID

from livery.kernel.approval import House, Person, refusal
from livery.kernel.standing import ACTION, PREFIX, why_not
from livery.manifest.contract import parse_contract
from livery.manifest.errors import LiveryError
from livery.manifest.skillmd import SkillMd
from livery.services.approvals.ports import StandingStore
from livery.services.approvals.targets import house_of, target_of
from livery.services.approvals.types import NewStanding, StandingGrant, Subject
from livery.services.audit.types import Entry
from livery.services.identity.access import Access
from livery.services.identity.errors import Forbidden, Invalid, NotFound
from livery.services.identity.types import Principal

MOST_RUNS = 10_000
MOST_DAYS = 90.0
_LISTED = 500


class StandingNotPossible(LiveryError):
    """This skill's effects are approved one by one, whoever asks."""

    code = "policy_denied"


class StandingApprovals:
    """The use cases of standing approvals."""

    def __init__(self, store: StandingStore, access: Access, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._access = access
        self._clock = clock

    async def list(self, caller: Principal) -> list[StandingGrant]:
        """Those that this caller sees, newest first; an agent sees its own."""
        found = await self._store.list(await self._access.visible(caller), None, _LISTED)
        return [item for item in found if caller.sees(item.hired_agent_id)]

    async def get(self, caller: Principal, standing_id: str) -> StandingGrant:
        """One of them. Raises not_found."""
        found = await self._store.list(await self._access.visible(caller), standing_id, 1)
        if not found or not caller.sees(found[0].hired_agent_id):
            raise NotFound(message=f"There is no standing approval {standing_id}.")
        return found[0]

    async def grant(
        self,
        caller: Principal,
        workspace: str | None,
        skill: str,
        target: str,
        *,
        runs: int,
        days: float = 1.0,
        version: str | None = None,
        hired_agent_id: UUID | None = None,
        correlation_id: str = "",
    ) -> StandingGrant:
        """Grant `runs` sendings to a registered target within `days`: for this agent, or for callers that are none.

        `version` is the one that a call would run now, by default. Raises forbidden, not_found, validation_error, and
        policy_denied where the skill does more than send or its contract says `review_policy: fixed`.
        """
        known = await house_of(self._access, caller, workspace)
        host = target_of(target)
        if not 1 <= runs <= MOST_RUNS or not 0 < days <= MOST_DAYS:
            raise Invalid(
                message=f"A standing approval is for 1 to {MOST_RUNS} runs within at most {MOST_DAYS:g} days."
            )
        found = await self._store.subject(known.workspace_id, skill, version, hired_agent_id)
        if found is None:
            raise NotFound(
                message=f"There is no skill {skill!r} in {known.slug}, or no such version or agent."
            )
        _possible(found)
        granted = NewStanding(
            f"{PREFIX}{token_hex(10)}",
            known.workspace_id,
            hired_agent_id,
            found,
            host,
            runs,
            self._clock() + timedelta(days=days),
            caller.label,
            caller.token_id,
            caller.person.keys,
            caller.makers,
        )
        entry = _entry("granted", granted, correlation_id)
        if not await self._store.grant(granted, entry):
            raise Invalid(
                message=f"{host} is no registered target of {known.slug}.",
                remedy=f"Register it: livery workspaces targets add {known.slug} {host}",
            )
        return await self.get(caller, granted.standing_id)

    async def revoke(
        self, caller: Principal, standing_id: str, reason: str, correlation_id: str = ""
    ) -> StandingGrant:
        """Take back what is left of it: the next call asks. Raises forbidden, not_found, invalid_transition."""
        if not reason.strip():
            raise Invalid(message="Say why: the reason is on record.")
        person = caller.person
        refused = refusal("revoke", person, Person("", "", ""), House(False, True))
        if refused is not None:
            raise Forbidden(message=refused)
        known = await self.get(caller, standing_id)
        refused = refusal("revoke", person, Person("", "", ""), House(False, known.delegated))
        if refused is not None:
            raise Forbidden(message=refused)
        body = {"by": caller.label, "reason": reason.strip(), "used": known.used}
        entry = Entry(
            "standing_approval.revoked",
            known.workspace_id,
            standing_id,
            body,
            correlation_id=correlation_id,
        )
        if not await self._store.revoke(known, caller.label, reason.strip(), entry):
            raise LiveryError("invalid_transition", f"{standing_id} was revoked already.")
        return await self.get(caller, standing_id)


def _possible(found: Subject) -> None:
    contract = parse_contract(found.contract, SkillMd(name=found.skill_key))
    refused = why_not(contract.capabilities.effects, contract.review_policy)
    if refused is not None:
        badge = f"{found.skill_key}@{found.version}"
        raise StandingNotPossible(message=f"{badge}: {refused[0]}", remedy=refused[1])


def _entry(step: str, granted: NewStanding, correlation_id: str) -> Entry:
    subject = granted.subject
    body = {
        "skill_key": subject.skill_key,
        "version": subject.version,
        "digest": subject.digest,
        "policy_hash": subject.policy_hash,
        "action": ACTION,
        "target": granted.target,
        "runs": granted.runs,
        "expires_at": granted.expires_at.isoformat(),
        "hired_agent_id": str(granted.hired_agent_id) if granted.hired_agent_id else None,
        "by": granted.granted_by,
    }
    return Entry(
        f"standing_approval.{step}",
        granted.workspace_id,
        granted.standing_id,
        body,
        correlation_id=correlation_id,
    )
