"""Explain a run: which rule denied it, by which facts, what would allow it, and what would happen now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from livery.kernel.decide import Decision, Denial, Request, decide
from livery.services import PLATFORM
from livery.services.identity.access import Access
from livery.services.identity.types import AuthorizedWorkspaceId, Principal
from livery.services.runs.errors import RunNotFound
from livery.services.runs.ports import BudgetStore, Executors, RunStore
from livery.services.runs.queries import envelope_of
from livery.services.runs.resolve import Resolver
from livery.services.runs.ruling import refused_inside, ruling
from livery.services.runs.types import Call, ExecutionContract, RunRecord


class Explainer:
    """Answers why."""

    def __init__(
        self,
        runs: RunStore,
        budgets: BudgetStore,
        resolver: Resolver,
        executors: Executors,
        access: Access,
        clock: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._budgets = budgets
        self._resolver = resolver
        self._executors = executors
        self._access = access
        self._clock = clock

    async def explain(self, caller: Principal, run_id: UUID) -> dict[str, Any]:
        """The document of `GET /v1/runs/{id}/explain`; raises not_found, also for another workspace's run."""
        record = await self._runs.get(run_id, await self._access.visible(caller))
        if record is None or not caller.sees(record.hired_agent_id):
            raise RunNotFound(message=f"There is no run {run_id}.")
        envelope = envelope_of(record)
        contract = await self._again(record)
        error = envelope.get("error")
        said = error if isinstance(error, dict) else {}
        reason = str(said.get("message") or "")
        remedy = (said.get("details") or {}).get("remedy")
        verdict = self._verdict(record, contract)
        if record.status == "awaiting_approval" and isinstance(verdict, Denial):
            reason = " ".join((reason, *verdict.reasons))
        usual = await self._again(record, usual=True)
        pinned = contract is not None and usual is not None and usual.digest != contract.digest
        rule, steps = ruling(record, reason, remedy, contract, verdict, pinned=pinned)
        return {
            "run_id": str(record.run_id),
            "skill_key": record.skill_key,
            "version": record.skill_version,
            "status": record.status,
            "code": record.code or "",
            "reason": reason,
            "rule": rule,
            "facts": {
                "then": _then(record, envelope),
                "now": await self._now(record, contract),
            },
            "would_allow": steps,
            "now": _shown(record, verdict, reason),
        }

    async def _again(self, record: RunRecord, *, usual: bool = False) -> ExecutionContract | None:
        """What the same call would be decided by now, None where its skill is gone; `usual`: without its version."""
        version = None if usual else record.skill_version
        call = Call(_principal(record), record.skill_key, record.input, version=version)
        return await self._resolver.recompile(
            call, AuthorizedWorkspaceId(record.workspace_id), record.hired_agent_id
        )

    def _verdict(self, record: RunRecord, contract: ExecutionContract | None) -> Decision | None:
        if contract is None:
            return None
        request = Request(
            _principal(record).uid,
            str(record.workspace_id),
            {} if record.input is None else record.input,
            record.dry_run,
            role=record.principal.partition(":")[0],
        )
        return decide(
            request, contract.facts, self._clock(), integrity=self._executors.integrity(contract)
        )

    async def _now(self, record: RunRecord, contract: ExecutionContract | None) -> dict[str, Any]:
        if contract is None:
            return {}
        facts = contract.facts
        found: dict[str, Any] = {
            "version_status": facts.version_status,
            "certificate": facts.certificate.state if facts.certificate else None,
            "certificate_expires_at": facts.certificate.expires_at.isoformat()
            if facts.certificate
            else None,
            "kill_switch": facts.kill_switch,
            "agent_status": facts.agent_status,
            "entitled": facts.entitled,
            "runtime_bound": facts.runtime_bound,
            "integrity": self._executors.integrity(contract) or "as certified",
            "effects": list(facts.required.effects),
            "estimate_usd": facts.estimate / 1_000_000,
            "policy_hash": contract.policy_hash,
            "standing_approvals": [item.standing_id for item in facts.standing],
        }
        budget = await self._budgets.budget(record.workspace_id)
        if budget is not None:
            found["budget_usd"] = {
                name: value / 1_000_000 for name, value in zip(
                    ("cap", "reserved", "spent"), budget, strict=True
                )
            }  # fmt: skip
        return found


def _shown(record: RunRecord, verdict: Decision | None, reason: str) -> dict[str, Any]:
    if verdict is None:
        return {"decision": "deny", "code": "not_found", "reasons": ["The skill is gone."]}
    if record.input is None and verdict_is_of_input(verdict):
        # A denial by standing keeps no input: what it would be judged by is not there.
        said = "The input was not kept; it is judged when the call is made."
        return {"decision": "allow", "code": None, "reasons": [said]}
    if isinstance(verdict, Denial):
        return {"decision": "deny", "code": verdict.code, "reasons": list(verdict.reasons)}
    if refused_inside(record):
        said = f"Inside of it this version is refused as it was: {reason}"
        return {"decision": "allow", "code": record.code, "reasons": [said]}
    return {"decision": "allow", "code": None, "reasons": []}


def verdict_is_of_input(verdict: object) -> bool:
    """Whether a verdict was given by the input alone."""
    return isinstance(verdict, Denial) and verdict.code == "tool_input_invalid"


def _then(record: RunRecord, envelope: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "principal": record.principal,
        "workspace_id": str(record.workspace_id),
        "hired_agent_id": str(record.hired_agent_id) if record.hired_agent_id else None,
        "digest": record.digest,
        "dry_run": record.dry_run,
        "approval_id": record.approval_id,
        "at": record.created_at.isoformat(),
        "side_effects": envelope.get("side_effects") or [],
    }


def _principal(record: RunRecord) -> Principal:
    """The caller as the record names them; a token's id is not kept, so that a policy by id is not asked again."""
    role, _, name = record.principal.partition(":")
    own = record.workspace_id if role.startswith("customer_") or role == "agent" else None
    return Principal(PLATFORM, name, role, own, record.hired_agent_id if role == "agent" else None)
