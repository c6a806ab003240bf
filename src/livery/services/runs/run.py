"""The way of one execution: resolve, decide, begin, invoke, settle. Every door ends here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from livery.kernel.decide import Denial, Permit, Request, decide
from livery.kernel.standing import ACTION, is_standing
from livery.manifest.envelope import Envelope, error_envelope
from livery.manifest.errors import LiveryError, Violation
from livery.services.artifacts.attest import attest
from livery.services.artifacts.types import NewArtifact
from livery.services.audit.ports import Signer
from livery.services.runs.asking import Asking
from livery.services.runs.errors import (
    DatabaseFull,
    IdempotencyConflict,
    IdempotencyInFlight,
    JournalUnavailable,
    RunDenied,
)
from livery.services.runs.ports import Executors, Journal, Probe, RunStore, Telemetry
from livery.services.runs.queries import WAITING, envelope_of
from livery.services.runs.records import (
    Begun,
    answer_envelope,
    broken_off,
    check_output,
    denied_envelope,
    make_intent,
    make_outcome,
    make_provenance,
    make_refusal,
    may_have_acted,
    own_approval,
    withheld,
)
from livery.services.runs.resolve import Resolver
from livery.services.runs.types import (
    Call,
    ExecutionContract,
    Inner,
    Invocation,
    Invoked,
    Outcome,
)

_ATTEMPTS = 8
_ROOM_PAUSE_S = 3.0
_KEY_LIMIT = 255
MAX_DEPTH = 5
"""So many skills may call each other in a row."""


class Runner:
    """Runs skills. All it needs comes through ports; it keeps nothing of a run."""

    def __init__(
        self,
        resolver: Resolver,
        journal: Journal,
        runs: RunStore,
        executors: Executors,
        asking: Asking,
        signer: Signer,
        telemetry: Telemetry,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        probe: Probe,
    ) -> None:
        self._resolver = resolver
        self._journal = journal
        self._runs = runs
        self._executors = executors
        self._asking = asking
        self._signer = signer
        self._telemetry = telemetry
        self._clock = clock
        self._new_id = new_id
        self._probe = probe
        self._settling: set[asyncio.Future[bool | None]] = set()

    async def run(self, call: Call) -> Envelope:
        """Run a skill once. Raises RunDenied, not_found and idempotency errors; a failure is an envelope."""
        _check_key(call.idempotency_key)
        for _ in range(_ATTEMPTS):
            begun = await self._begin(call)
            if isinstance(begun, Envelope):
                return begun
            if begun is not None:
                return await self._finish(call, begun)
        raise JournalUnavailable(
            message="The record kept changing; nothing was started. Try again."
        )

    async def _begin(self, call: Call) -> Begun | Envelope | None:
        contract = await self._resolver.resolve(call)
        self._probe("resolved")
        start_ns = time.time_ns()
        now = self._clock()
        request = Request(
            call.principal.uid,
            str(contract.workspace_id),
            call.args,
            call.dry_run,
            _known(call.approval_id),
            call.principal.role,
        )
        decision = decide(
            request, contract.facts, now, integrity=self._executors.integrity(contract)
        )
        run_id = call.run_id or self._new_id()
        if isinstance(decision, Permit):
            refused = await self._executors.ready(contract)
            if refused is not None:
                decision = Denial(
                    refused[0], (refused[1],), (), decision.args_json, decision.args_hash
                )
        if isinstance(decision, Denial):
            # None: the facts it was denied by have changed, so it is decided again.
            return await self._deny(call, contract, decision, run_id, now, start_ns)
        self._probe("decided")
        verdict = await self._journal.begin(make_intent(call, contract, decision, run_id, now))
        if verdict is None:
            self._probe("begun")
            return Begun(run_id, contract, decision, now, start_ns)
        if verdict in ("!stale", "!lease"):
            self._resolver.forget()
            return None
        if verdict == "!retry":
            return None
        if verdict == "!known":
            return await self._replay(call, contract, decision.args_hash)
        if verdict == "!taken":
            return await self._recorded(run_id, contract)
        if verdict == "!own":
            own = own_approval(decision, contract.skill_key)
            return await self._deny(call, contract, own, run_id, now, start_ns)
        envelope = denied_envelope(call, contract, verdict, run_id, ())
        self._report(call, envelope, contract, start_ns)
        raise RunDenied(verdict, envelope)

    async def _deny(
        self,
        call: Call,
        contract: ExecutionContract,
        denial: Denial,
        run_id: UUID,
        now: datetime,
        start_ns: int,
    ) -> Envelope | None:
        """Record a denial and raise it. None where the facts it was decided by are over; the envelope of a run that
        waits for its approval."""
        if await self._ran_before(call, contract, denial):
            return await self._replay(call, contract, denial.args_hash or "")
        waits = denial.code == "approval_required" and call.wait_for_approval
        if waits and (parked := await self._asking.park(call, contract, denial, run_id)):
            self._report(call, parked, contract, start_ns)
            return parked
        if waits:
            return None
        envelope = denied_envelope(
            call, contract, denial.code, run_id, denial.reasons, denial.remedy
        )
        verdict = await self._journal.begin(
            make_refusal(call, contract, denial, envelope, run_id, now)
        )
        if verdict == "!stale":
            self._resolver.forget()
            return None
        if verdict == "!taken":
            return await self._recorded(run_id, contract)
        request_id = None
        if denial.code == "approval_required":
            request_id = await self._asking.request(call, contract, denial)
        self._report(call, envelope, contract, start_ns)
        message = envelope.error.message if envelope.error else None
        raise RunDenied(
            denial.code,
            envelope,
            message,
            violations=denial.violations,
            approval_request_id=request_id,
            remedy=denial.remedy,
        )

    async def _ran_before(self, call: Call, contract: ExecutionContract, denial: Denial) -> bool:
        """Whether a call that no standing approval admits any more is one that ran under one before, by its key:
        sending it again is answered by what it came to, also once the count is used up."""
        if denial.code not in ("approval_required", "approval_invalid") or call.dry_run:
            return False
        if call.idempotency_key is None or contract.capabilities.effects != (ACTION,):
            return False
        held = await self._runs.held(
            contract.workspace_id, contract.skill_key, call.idempotency_key
        )
        if held is None:
            return False
        record = await self._runs.get(held.run_id, [contract.workspace_id])
        return record is not None and is_standing(record.approval_id)

    async def _replay(
        self, call: Call, contract: ExecutionContract, args_hash: str
    ) -> Envelope | None:
        held = await self._runs.held(
            contract.workspace_id, contract.skill_key, call.idempotency_key or ""
        )
        if held is None:
            return None  # the first call failed and freed its key in between
        if held.args_hash != args_hash:
            self._telemetry.idempotency("conflict")
            raise IdempotencyConflict
        if held.status in ("running", *WAITING):
            self._telemetry.idempotency("in_flight")
            raise IdempotencyInFlight
        document = held.envelope
        if document is None:  # the sweep settled it
            record = await self._runs.get(held.run_id, [contract.workspace_id])
            if record is None:
                return None
            document = envelope_of(record)
        self._telemetry.idempotency("replayed")
        envelope = Envelope.from_dict(document)
        envelope.from_cache = True
        return envelope

    async def _finish(self, call: Call, begun: Begun) -> Envelope:
        """Invoke and settle. Whatever breaks in between, a run that was begun is settled."""
        try:
            return await self._invoke(call, begun)
        except Exception as error:
            envelope, outcome = broken_off(call, begun, type(error).__name__)
            try:
                settled = await self._journal.settle(outcome)
            except DatabaseFull:
                self._settle_behind(outcome)
                raise
            if not settled:
                envelope = await self._recorded(begun.run_id, begun.contract)
            self._report(call, envelope, begun.contract, begun.start_ns)
            if isinstance(error, DatabaseFull) and envelope.status == "failed":
                raise  # there was room for this end only, and it frees the key
            return envelope
        except BaseException:
            # The caller is gone and waits for nothing; the record is completed behind its back.
            _, outcome = broken_off(call, begun, "the caller went away")
            self._settle_behind(outcome)
            raise

    def _settle_behind(self, outcome: Outcome) -> None:
        task = asyncio.ensure_future(self._settle_with_room(outcome))
        self._settling.add(task)
        task.add_done_callback(self._settled)

    async def _settle_with_room(self, outcome: Outcome) -> bool | None:
        # While this process lives, no sweep ends its runs: one that is never settled keeps its key and its money.
        while True:
            with suppress(DatabaseFull):
                return await self._journal.settle(outcome)
            await asyncio.sleep(_ROOM_PAUSE_S)

    def _settled(self, task: asyncio.Future[bool | None]) -> None:
        self._settling.discard(task)
        if not task.cancelled():
            task.exception()  # the sweep settles what could not be

    async def _invoke(self, call: Call, begun: Begun) -> Envelope:
        contract, permit = begun.contract, begun.permit
        started = time.perf_counter_ns()
        invocation = Invocation(
            begun.run_id,
            contract,
            call.args,
            call.dry_run,
            begun.now,
            call.correlation_id,
            call.idempotency_key,
            Inner(call.depth, partial(self._inner, call)),
        )
        invoked = await self._executors.invoke(invocation)
        duration_us = max(
            1, (time.perf_counter_ns() - started) // 1000
        )  # 0 is the platform's own end
        self._probe("invoked")
        if (
            invoked.code == "timeout"
            and not invoked.effects_known
            and may_have_acted(call, contract)
        ):
            invoked.unknown = True
        if invoked.unknown:
            # Charged in full until it is resolved, as the sweep does.
            invoked.cost = permit.estimate
        output_hash = check_output(invoked, contract)
        provenance = make_provenance(call, begun, invoked, output_hash)
        written = (
            self._attested(begun, invoked, provenance)
            if invoked.artifacts and invoked.code == "tool_ok"
            else []
        )
        envelope = answer_envelope(call, begun, invoked, provenance, written, duration_us)
        settled = await self._journal.settle(
            make_outcome(call, begun, invoked, envelope, written, duration_us, permit)
        )
        if settled is None:
            envelope, outcome = withheld(call, begun, invoked, duration_us)
            settled = await self._journal.settle(outcome)
        self._probe("settled")
        if not settled:
            envelope = await self._recorded(begun.run_id, begun.contract)
        self._report(call, envelope, contract, begun.start_ns, duration_us)
        return envelope

    async def _inner(self, outer: Call, skill: str, args: Any) -> Envelope:
        """Run a skill for another one: the same caller, decided and recorded like any call; never raises for what
        that comes to. A dry run stays one; no approval is handed on."""
        if outer.depth >= MAX_DEPTH:
            said = f"Skills call each other at most {MAX_DEPTH} deep."
            return _unrecorded(outer, skill, "provider_policy_denied", said)
        call = replace(
            outer,
            skill=skill,
            args=args,
            version=None,
            channel=None,
            approval_id=None,
            idempotency_key=None,
            wait_for_approval=False,
            run_id=None,
            depth=outer.depth + 1,
        )
        try:
            return await self.run(call)
        except RunDenied as denied:
            if denied.approval_request_id is not None and denied.envelope.error is not None:
                denied.envelope.error.details["approval_request_id"] = denied.approval_request_id
            return denied.envelope
        except LiveryError as error:
            return _unrecorded(outer, skill, error.code, error.message)

    def _attested(
        self, begun: Begun, invoked: Invoked, provenance: dict[str, Any]
    ) -> list[NewArtifact]:
        contract = begun.contract
        return attest(
            self._signer,
            {
                **provenance,
                "run_id": str(begun.run_id),
                "started_at": begun.now.isoformat(),
            },
            [(self._new_id(), item) for item in invoked.artifacts],
            run_id=begun.run_id,
            workspace_id=contract.workspace_id,
            skill_key=contract.skill_key,
            skill_version=contract.version,
            now=self._clock(),
        )

    async def _recorded(self, run_id: UUID, contract: ExecutionContract) -> Envelope:
        # The run was settled before, as a rule by the sweep that took this process for dead: the record decides.
        record = await self._runs.get(run_id, [contract.workspace_id])
        if record is None:
            raise JournalUnavailable
        return Envelope.from_dict(envelope_of(record))

    def _report(
        self,
        call: Call,
        envelope: Envelope,
        contract: ExecutionContract,
        start_ns: int,
        duration_us: int = 0,
    ) -> None:
        self._telemetry.finished(
            contract,
            call.principal.label,
            envelope.run_id,
            envelope.status,
            envelope.code,
            call.correlation_id,
            start_ns,
            duration_us,
        )


def _unrecorded(call: Call, skill: str, code: str, message: str) -> Envelope:
    return error_envelope(
        code,
        run_id="",
        skill_key=skill,
        skill_version=None,
        digest=None,
        correlation_id=call.correlation_id,
        status="denied",
        message=message,
    )


def _known(approval_id: str | None) -> str | None:
    # What cannot be the id of an approval is looked for as "", which none has.
    if approval_id is None or (approval_id.isascii() and approval_id.isprintable()):
        return approval_id
    return ""


def _check_key(key: str | None) -> None:
    if key is not None and (
        not 0 < len(key) <= _KEY_LIMIT or not key.isprintable() or not key.isascii()
    ):
        raise LiveryError(
            "validation_error",
            f"An Idempotency-Key is 1 to {_KEY_LIMIT} printable ASCII characters.",
            violations=(Violation("/idempotency_key", "not a valid key"),),
        )
