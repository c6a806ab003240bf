"""What a skill raised, as a code that the envelope may carry. A skill's exception is data: nothing of it is trusted."""

from __future__ import annotations

from typing import Any, Final

from livery.manifest.canonical import NotIJson, canonical_json
from livery.manifest.codes import CODES
from livery.manifest.errors import LiveryError
from livery.services.runs.types import Invoked

FAILED: Final = "provider_execution_failed"
# Verdicts of the platform: a skill that raises one of them was not judged, it failed.
_OURS: Final = frozenset(
    {
        "tool_ok",
        "unauthenticated",
        "forbidden",
        "approval_required",
        "skill_revoked",
        "idempotency_in_flight",
        "idempotency_conflict",
    }
)
MAX_TEXT: Final = 2000
"""Characters of a message or a remedy that are kept."""
_MAX_NAME: Final = 100
_MAX_DETAILS: Final = 16 * 1024


class Raised(Exception):
    """Carries what skill code raised out of its thread."""

    def __init__(self, invoked: Invoked) -> None:
        super().__init__(invoked.message)
        self.invoked = invoked


def failure(error: BaseException) -> Invoked:
    """The failed result for an exception; never raises. Call it where the exception was raised: reading it may run
    its code."""
    try:
        if isinstance(error, LiveryError):
            return _of_ours(error)
        name = type(error).__name__
        if type(name) is str and name.isprintable():
            return Invoked(code=FAILED, message=f"The skill raised {name[:_MAX_NAME]}.")
    except BaseException:  # noqa: S110 - an exception may lie about itself in any way
        pass
    return Invoked(code=FAILED, message="The skill raised an exception that cannot be read.")


def _of_ours(error: LiveryError) -> Invoked:
    code = error.code
    if type(code) is not str or code not in CODES or code in _OURS:
        code = FAILED
    remedy = str(error.remedy)[:MAX_TEXT]
    details: dict[str, Any] = {**error.details, "remedy": remedy}
    try:
        if len(canonical_json(details)) > _MAX_DETAILS:
            details = {"remedy": remedy}
    except NotIJson:
        details = {"remedy": remedy}
    return Invoked(
        code=code,
        message=str(error.message)[:MAX_TEXT],
        details=details,
        retryable=error.retryable is True,
    )
