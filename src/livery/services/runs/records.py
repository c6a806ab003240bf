"""What the record holds of a run: intents, refusals, outcomes, and the envelopes that answer them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from livery.kernel.decide import Denial, Permit
from livery.kernel.standing import is_standing
from livery.manifest.canonical import NotIJson, canonical_json
from livery.manifest.codes import info
from livery.manifest.denylist import find_secret, redact, redact_text
from livery.manifest.envelope import Envelope, Usage, error_envelope, ok_envelope
from livery.services.artifacts.types import NewArtifact
from livery.services.runs.types import Call, ExecutionContract, Intent, Invoked, Outcome

MAX_OUTPUT = 1024 * 1024
"""Largest output in bytes of canonical JSON; more is an artifact."""
_MESSAGE_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that the journal has started."""

    run_id: UUID
    contract: ExecutionContract
    permit: Permit
    now: datetime
    start_ns: int


def _period(now: datetime) -> str:
    # kernel.periods.month_key of a UTC moment, written out because it is asked on every call.
    return f"{now.year:04d}-{now.month:02d}"


def make_intent(
    call: Call, contract: ExecutionContract, permit: Permit, run_id: UUID, now: datetime
) -> Intent:
    """What the journal is asked to start."""
    # A standing approval admits many runs, so that each names it; one of a single action names its run.
    under = f'"approval":"{permit.approval_id}",' if is_standing(permit.approval_id) else ""
    body = (
        f'{{{under}"args":"{permit.args_hash}","digest":"{contract.digest}","policy":"{contract.policy_hash}",'
        f'"skill":"{contract.badge}"}}'
    )
    once = permit.approval_id is not None and not is_standing(permit.approval_id)
    return Intent(
        run_id,
        contract.workspace_id,
        contract.hired_agent_id,
        contract.skill_key,
        contract.version,
        contract.digest,
        call.principal.label,
        None if call.dry_run else call.idempotency_key,  # it stands for no run that counts
        permit.args_hash,
        permit.args_json.decode(),
        call.dry_run,
        permit.estimate,
        _period(now),
        permit.approval_id,
        contract.policy_hash,
        contract.global_epoch,
        contract.local_epoch,
        call.correlation_id,
        None,
        None,
        body,
        call.principal.person.keys if once else None,
        call.principal.makers if once else None,
        permit,
    )


def own_approval(permit: Permit, skill_key: str) -> Denial:
    """The denial of a call under an approval that its own caller granted, where that takes somebody else."""
    return Denial(
        "approval_invalid",
        (
            f"This workspace wants four eyes: whoever granted {permit.approval_id} does not use it themselves,"
            " by no token that is theirs.",
        ),
        (),
        permit.args_json,
        permit.args_hash,
        remedy=f"Ask again without an approval id, and let somebody else grant it: livery run {skill_key} --input …",
    )


def make_refusal(
    call: Call,
    contract: ExecutionContract,
    denial: Denial,
    envelope: Envelope,
    run_id: UUID,
    now: datetime,
) -> Intent:
    """What the journal keeps of a denial."""
    reasons = [redact_text(reason) for reason in denial.reasons]
    body = orjson.dumps(
        {
            "args": denial.args_hash,
            "digest": contract.digest,
            "policy": contract.policy_hash,
            "reasons": reasons,
            "skill": contract.badge,
        }
    ).decode()
    kept = denial.args_json.decode() if denial.args_json is not None else None
    return Intent(
        run_id,
        contract.workspace_id,
        contract.hired_agent_id,
        contract.skill_key,
        contract.version,
        contract.digest,
        call.principal.label,
        None,
        denial.args_hash,
        kept,
        call.dry_run,
        0,
        _period(now),
        call.approval_id if call.run_id is not None else None,
        contract.policy_hash,
        contract.global_epoch,
        contract.local_epoch,
        call.correlation_id,
        denial.code,
        orjson.dumps(envelope.to_dict()).decode(),
        body,
        None,
        None,
        None,
    )


def denied_envelope(
    call: Call,
    contract: ExecutionContract,
    code: str,
    run_id: UUID,
    reasons: tuple[str, ...],
    remedy: str | None = None,
) -> Envelope:
    """The envelope of a run that was not admitted."""
    message = " ".join(redact_text(reason) for reason in reasons) or None
    return error_envelope(
        code,
        run_id=str(run_id),
        skill_key=contract.skill_key,
        skill_version=contract.version,
        digest=contract.digest,
        correlation_id=call.correlation_id,
        status="denied",
        message=message,
        details={"remedy": remedy or info(code).remedy},
    )


def check_output(invoked: Invoked, contract: ExecutionContract) -> str | None:
    """Hash the output; what is no I-JSON or breaks the schema fails the run, a raw secret in it is redacted."""
    if invoked.code != "tool_ok":
        invoked.result = None
        return None
    try:
        # The form first: the search for secrets does not end on a value that holds itself.
        text = canonical_json(invoked.result)
        if find_secret(invoked.result) is not None:
            invoked.result = redact(invoked.result)
            text = canonical_json(invoked.result)
    except NotIJson as error:
        invoked.code, invoked.message = (
            "tool_output_invalid",
            f"The output at {error.pointer or '/'}: {error.reason}",
        )
        invoked.result = None
        return None
    if len(text) > MAX_OUTPUT:
        invoked.code = "tool_output_invalid"
        invoked.message = f"The output has {len(text)} bytes; {MAX_OUTPUT} are the most."
        invoked.result = None
        return None
    if not invoked.draft and not contract.output_schema.is_valid(invoked.result):
        fault = contract.output_schema.violations(invoked.result)[0]
        invoked.code = "tool_output_invalid"
        invoked.message = f"The output at {fault.pointer or '/'}: {fault.message}"
        invoked.result = None
        return None
    return "sha256:" + sha256(text).hexdigest()


def make_provenance(
    call: Call, begun: Begun, invoked: Invoked, output_hash: str | None
) -> dict[str, Any]:
    """What a run was made from: code, certificate, policy, input, output and data, by hash."""
    contract = begun.contract
    provenance: dict[str, Any] = {
        "badge": contract.badge,
        "digest": contract.digest,
        "certificate_id": contract.certificate_id,
        "policy": contract.policy_hash,
        "input": begun.permit.args_hash,
        "output": output_hash,
    }
    if begun.permit.approval_id is not None:
        provenance["approval"] = begun.permit.approval_id
    if call.dry_run:
        provenance["dry_run"] = True
    if invoked.data:
        provenance["data"] = invoked.data
    if invoked.lineage:
        provenance["lineage"] = invoked.lineage
    if invoked.calls:
        provenance["calls"] = invoked.calls
    return provenance


def answer_envelope(
    call: Call,
    begun: Begun,
    invoked: Invoked,
    provenance: dict[str, Any],
    written: list[NewArtifact],
    duration_us: int,
) -> Envelope:
    """The envelope of a run that the skill brought to its end."""
    contract = begun.contract
    usage = Usage(duration_us // 1000, invoked.tokens_in, invoked.tokens_out, invoked.cost)
    if invoked.code == "tool_ok":
        artifacts = [
            {
                "artifact_id": str(item.artifact.artifact_id),
                "name": item.artifact.name,
                "media_type": item.artifact.media_type,
                "sha256": item.artifact.sha256,
                "size": item.artifact.size,
            }
            for item in written
        ]
        return ok_envelope(
            run_id=str(begun.run_id),
            skill_key=contract.skill_key,
            skill_version=contract.version,
            digest=contract.digest,
            correlation_id=call.correlation_id,
            result=invoked.result,
            usage=usage,
            artifacts=artifacts,
            side_effects=invoked.side_effects,
            provenance=provenance,
            approval_id=begun.permit.approval_id,
            provider_id=contract.provider_id,
            tool_id=contract.tool_id,
        )
    return error_envelope(
        invoked.code,
        run_id=str(begun.run_id),
        skill_key=contract.skill_key,
        skill_version=contract.version,
        digest=contract.digest,
        correlation_id=call.correlation_id,
        status="unknown" if invoked.unknown else "failed",
        message=_plain(invoked.message) if invoked.message else None,
        retryable=False if invoked.unknown else invoked.retryable,
        details=_details(invoked.details),
        usage=usage,
        side_effects=invoked.side_effects,
        provenance=provenance,
        approval_id=begun.permit.approval_id,
        provider_id=contract.provider_id,
        tool_id=contract.tool_id,
    )


def _plain(message: str) -> str:
    """A skill's own words, as they may be stored: no secrets, nothing that PostgreSQL or JSON refuses."""
    text = redact_text(message[:_MESSAGE_LIMIT]).replace("\x00", "\ufffd")
    return text.encode("utf-8", "replace").decode()


def _details(details: dict[str, Any]) -> dict[str, Any]:
    try:
        canonical_json(details)
    except NotIJson:
        return {}
    found: dict[str, Any] = redact(details)
    return found


def may_have_acted(call: Call, contract: ExecutionContract) -> bool:
    """Whether a call that broke off can have had an effect: then nobody may simply repeat it."""
    return bool(contract.capabilities.effects) and not call.dry_run


def broken_off(call: Call, begun: Begun, what: str) -> tuple[Envelope, Outcome]:
    """The end of a run that the platform could not bring to its own."""
    unknown = may_have_acted(call, begun.contract)
    envelope = error_envelope(
        "execution_error",
        run_id=str(begun.run_id),
        skill_key=begun.contract.skill_key,
        skill_version=begun.contract.version,
        digest=begun.contract.digest,
        correlation_id=call.correlation_id,
        status="unknown" if unknown else "failed",
        message=f"The platform could not finish the run ({what}).",
        retryable=not unknown,
        approval_id=begun.permit.approval_id,
    )
    # Unknown is charged in full until it is resolved, as the sweep does.
    cost = begun.permit.estimate if unknown else 0
    return envelope, make_outcome(
        call, begun, Invoked(code="execution_error", cost=cost), envelope, [], 0, begun.permit
    )


def withheld(
    call: Call, begun: Begun, invoked: Invoked, duration_us: int
) -> tuple[Envelope, Outcome]:
    """The end of a run whose version was revoked while it ran: what it cost and did stays on record, not its answer."""
    envelope = error_envelope(
        "skill_revoked",
        run_id=str(begun.run_id),
        skill_key=begun.contract.skill_key,
        skill_version=begun.contract.version,
        digest=begun.contract.digest,
        correlation_id=call.correlation_id,
        status="failed",
        message=f"{begun.contract.badge} was revoked while this run was on; its result is withheld.",
        retryable=False,
        details={"withheld": True},
        usage=Usage(duration_us // 1000, invoked.tokens_in, invoked.tokens_out, invoked.cost),
        side_effects=invoked.side_effects,
        provenance=make_provenance(call, begun, Invoked(data=invoked.data), None),
        approval_id=begun.permit.approval_id,
    )
    kept = Invoked(
        code="skill_revoked",
        cost=invoked.cost,
        tokens_in=invoked.tokens_in,
        tokens_out=invoked.tokens_out,
    )
    return envelope, make_outcome(call, begun, kept, envelope, [], duration_us, begun.permit)


def make_outcome(
    call: Call,
    begun: Begun,
    invoked: Invoked,
    envelope: Envelope,
    written: list[NewArtifact],
    duration_us: int,
    permit: Permit,
) -> Outcome:
    """What the journal keeps of a run that ended; a retryable failure frees its key.

    The envelope is encoded here, once: the very bytes that are kept are what a door answers.
    """
    body: dict[str, Any] = {"cost": invoked.cost, "provenance": envelope.provenance}
    if written:
        body["artifacts"] = {
            str(item.artifact.artifact_id): item.artifact.sha256 for item in written
        }
    retryable = envelope.error is not None and envelope.error.retryable
    envelope.encoded = orjson.dumps(envelope.to_dict())
    return Outcome(
        begun.run_id,
        begun.contract.workspace_id,
        begun.contract.skill_key,
        envelope.status,
        envelope.code,
        permit.estimate,
        invoked.cost,
        invoked.tokens_in,
        invoked.tokens_out,
        duration_us,
        retryable,
        call.idempotency_key,
        call.correlation_id,
        envelope.encoded.decode(),
        orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode(),
        tuple(written) if envelope.ok else (),
    )
