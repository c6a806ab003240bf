"""How a run ended and what to do about it, from its envelope: the same words at every door."""

from collections.abc import Mapping
from typing import Any, Literal

Ending = Literal["done", "failed", "denied", "needs_approval"]
DENIED_CATEGORIES = frozenset({"policy", "quota"})
"""Categories of codes that say: this was not allowed."""
_NO_FAILURE = frozenset({"queued", "running", "waiting"})


def ending(envelope: Mapping[str, Any]) -> Ending:
    """How a run ended; `done` too where it is under way."""
    status, code = envelope.get("status"), envelope.get("code")
    if status == "awaiting_approval" or code == "approval_required":
        return "needs_approval"
    error = envelope.get("error") or {}
    # A run that was stopped at what it did not declare failed, and was denied.
    if status == "denied" or error.get("category") in DENIED_CATEGORIES:
        return "denied"
    return "done" if envelope.get("ok") or status in _NO_FAILURE else "failed"


def way_out(envelope: Mapping[str, Any]) -> str | None:
    """What to do about just this run; None where the envelope does not say."""
    error = envelope.get("error") or {}
    details = error.get("details")
    remedy = details.get("remedy") if isinstance(details, Mapping) else None
    if remedy:
        return str(remedy)
    return "Try again." if error.get("retryable") else None
