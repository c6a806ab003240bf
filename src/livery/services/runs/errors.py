"""Refusals of runs."""

from __future__ import annotations

from typing import Any

from livery.manifest.envelope import Envelope
from livery.manifest.errors import LiveryError


class RunDenied(LiveryError):
    """The run was not admitted. Carries the envelope that the record holds."""

    code = "policy_denied"

    def __init__(
        self,
        code: str,
        envelope: Envelope,
        message: str | None = None,
        *,
        violations: Any = (),
        approval_request_id: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(code, message, violations=violations, remedy=remedy)
        self.envelope = envelope
        self.approval_request_id = approval_request_id

    def problem(self, correlation_id: str, instance: str | None = None) -> dict[str, Any]:
        """The problem document with the members `run_id` and `envelope`."""
        document = LiveryError.problem(self, correlation_id, instance)
        document["run_id"] = self.envelope.run_id
        document["envelope"] = self.envelope.to_dict()
        if self.approval_request_id is not None:
            document["approval_request_id"] = self.approval_request_id
        return document


class IdempotencyInFlight(LiveryError):
    """The first call with this key is still running."""

    code = "idempotency_in_flight"


class IdempotencyConflict(LiveryError):
    """This key was used with other arguments."""

    code = "idempotency_conflict"


class RunNotFound(LiveryError):
    """There is no such run, or not for this caller."""

    code = "not_found"


class JournalUnavailable(LiveryError):
    """The record cannot be written, so nothing is started."""

    code = "internal_error"


class DatabaseAway(JournalUnavailable):
    """The database does not answer just now; the same call may succeed in a moment."""

    code = "unavailable"

    def __init__(self, message: str = "The database does not answer just now.") -> None:
        super().__init__(
            message=message,
            remedy="Repeat the call in a moment, a run with the same idempotency key: what was done is not "
            "done twice. `livery status` says what is missing.",
        )


class DatabaseFull(JournalUnavailable):
    """The database has no room for what was to be written; the same call may succeed once it has."""

    code = "unavailable"

    def __init__(
        self,
        message: str = "The disk of the database is full.",
        way_out: str = "Free space on the disk that holds the database",
    ) -> None:
        super().__init__(
            message=message,
            remedy=f"{way_out}; nothing has to be started again. Then repeat the call, a run with the same "
            "idempotency key: what was done is not done twice.",
        )
