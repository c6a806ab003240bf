"""Reads of runs, for the doors."""

from __future__ import annotations

from uuid import UUID

from livery.kernel.lifecycle import RUN
from livery.manifest.envelope import error_envelope
from livery.services.identity.access import Access
from livery.services.identity.filters import check_status
from livery.services.identity.types import Principal
from livery.services.runs.errors import RunNotFound
from livery.services.runs.ports import RunStore
from livery.services.runs.types import RunRecord

WAITING = ("awaiting_approval", "queued")


class RunQueries:
    """Lists and shows runs."""

    def __init__(self, store: RunStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def get(self, caller: Principal, run_id: UUID) -> RunRecord:
        """One run; raises not_found, also for another workspace's, and for an agent also for another caller's."""
        record = await self._store.get(run_id, await self._access.visible(caller))
        if record is None or not caller.sees(record.hired_agent_id):
            raise RunNotFound(message=f"There is no run {run_id}.")
        return record

    async def search(
        self,
        caller: Principal,
        *,
        status: str | None = None,
        code: str | None = None,
        skill_key: str | None = None,
        before: UUID | None = None,
        limit: int = 50,
    ) -> list[RunRecord]:
        """Runs that this caller sees, newest first. A status that is none is validation_error, with those that are."""
        check_status(status, RUN)
        visible = await self._access.visible(caller)
        return await self._store.list(
            visible,
            status=status,
            code=code,
            skill_key=skill_key,
            agent=caller.hired_agent_id,
            before=before,
            limit=limit,
        )


def waiting_envelope(record: RunRecord) -> dict[str, object]:
    """The envelope of a run that waits: for its approval, or to be started."""
    message = (
        f"It waits for the approval {record.approval_id}."
        if record.status == "awaiting_approval"
        else f"It was approved ({record.approval_id}) and is about to be started."
    )
    return error_envelope(
        "approval_required",
        run_id=str(record.run_id),
        skill_key=record.skill_key,
        skill_version=record.skill_version,
        digest=record.digest,
        correlation_id=record.correlation_id,
        status=record.status,
        message=message,
        details={
            "approval_request_id": record.approval_id,
            "remedy": f"livery approvals show {record.approval_id}",
        },
        approval_id=record.approval_id,
    ).to_dict()


def envelope_of(record: RunRecord) -> dict[str, object]:
    """The envelope of a run; one that the journal denied or the sweep settled is rebuilt from its row."""
    if record.envelope is not None:
        return dict(record.envelope)
    if record.status in WAITING:
        return waiting_envelope(record)
    code = record.code or "execution_error"
    swept = code == "execution_error"
    return error_envelope(
        code,
        run_id=str(record.run_id),
        skill_key=record.skill_key,
        skill_version=record.skill_version,
        digest=record.digest,
        correlation_id=record.correlation_id,
        status=record.status,
        message="The process that ran it was lost before it could record the outcome."
        if swept
        else None,
        retryable=record.status == "failed" if swept else None,
        approval_id=record.approval_id,
    ).to_dict()
