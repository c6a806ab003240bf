"""A call that lacks its approval: ask for it, and, where the caller wants to, wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson

from livery.kernel.approval import targets
from livery.kernel.decide import Denial
from livery.manifest.denylist import redact
from livery.manifest.envelope import Envelope
from livery.manifest.errors import LiveryError
from livery.services.approvals.approvals import Approvals
from livery.services.approvals.types import Action
from livery.services.runs.errors import IdempotencyConflict, IdempotencyInFlight
from livery.services.runs.ports import RunStore, WaitingStore
from livery.services.runs.queries import WAITING, envelope_of
from livery.services.runs.types import Call, ExecutionContract, Parked

RUN = "run"
"""The action of an approval that admits code without effects."""
_TARGETS = 20


class Asking:
    """Makes requests for approvals, and runs that wait for them."""

    def __init__(
        self,
        approvals: Approvals,
        waiting: WaitingStore,
        runs: RunStore,
        process_id: Callable[[], UUID],
    ) -> None:
        self._approvals = approvals
        self._waiting = waiting
        self._runs = runs
        self._process_id = process_id

    async def request(self, call: Call, contract: ExecutionContract, denial: Denial) -> str:
        """Ask for an approval of exactly this call; its id. One approval covers all effects of one call: they have
        the same arguments."""
        args = orjson.loads(denial.args_json) if denial.args_json is not None else None
        action = Action(
            contract.workspace_id,
            contract.hired_agent_id,
            contract.skill_key,
            contract.digest,
            ",".join(contract.capabilities.effects) or RUN,
            denial.args_hash or "",
            contract.policy_hash,
            contract.skill_id,
            contract.version,
            contract.security_hash,
            ", ".join(targets(contract.capabilities.network, args)[:_TARGETS]),
            redact(args),
        )
        try:
            return await self._approvals.request(action, call.principal, call.correlation_id)
        except Exception as error:
            raise LiveryError("approval_persist_failed") from error

    async def park(
        self, call: Call, contract: ExecutionContract, denial: Denial, run_id: UUID
    ) -> Envelope | None:
        """Ask, and keep the run that waits; None where things changed meanwhile: the call is decided again.

        The same call again (by its key, or by the same caller for the same approval) is answered by the same run.
        """
        known = await self.held(call, contract, denial.args_hash or "")
        if known is not None:
            return known
        if contract.skill_id is None or denial.args_json is None:
            return None
        approval_id = await self.request(call, contract, denial)
        parked = Parked(
            run_id,
            contract.workspace_id,
            contract.hired_agent_id,
            contract.skill_key,
            contract.skill_id,
            contract.version,
            contract.digest,
            call.principal.label,
            call.principal.token_id,
            denial.args_hash or "",
            denial.args_json.decode(),
            approval_id,
            call.version,
            call.channel,
            call.idempotency_key,
            call.correlation_id,
        )
        try:
            kept = await self._waiting.park(parked, self._process_id())
        except Exception as error:
            raise LiveryError("approval_persist_failed") from error
        return await self._envelope(kept, contract) if kept is not None else None

    async def held(
        self, call: Call, contract: ExecutionContract, args_hash: str
    ) -> Envelope | None:
        """What the key of a call stands for already: a run that waits or works, or the result it had."""
        if call.idempotency_key is None:
            return None
        held = await self._runs.held(
            contract.workspace_id, contract.skill_key, call.idempotency_key
        )
        if held is None:
            return None
        if held.args_hash != args_hash:
            raise IdempotencyConflict
        if held.status == "running":
            raise IdempotencyInFlight
        envelope = await self._envelope(held.run_id, contract)
        if envelope is not None and envelope.status not in WAITING:
            envelope.from_cache = True
        return envelope

    async def _envelope(self, run_id: UUID, contract: ExecutionContract) -> Envelope | None:
        record = await self._runs.get(run_id, [contract.workspace_id])
        if record is None:
            return None
        document: dict[str, Any] = envelope_of(record)
        return Envelope.from_dict(document)
