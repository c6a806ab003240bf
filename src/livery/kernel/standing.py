"""Standing approvals: which skills may have one, and which call one of them admits. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from livery.manifest.capabilities import Capabilities, hosts_meant
from livery.manifest.urls import named_host

PREFIX: Final = "STA-"
ACTION: Final = "send"


@dataclass(frozen=True, slots=True)
class StandingApproval:
    """One that is alive for this caller's scope, this digest and this policy; the journal counts its runs."""

    standing_id: str
    target: str
    expires_at: datetime


def is_standing(approval_id: str | None) -> bool:
    """Whether an id is that of a standing approval."""
    return approval_id is not None and approval_id.startswith(PREFIX)


def why_not(effects: Iterable[str], review_policy: str) -> tuple[str, str] | None:
    """Reason and remedy why a contract can have no standing approval; None where it can."""
    declared = tuple(effects)
    if declared != (ACTION,):
        named = ", ".join(declared) or "no effect"
        return (
            f"Only a skill whose sole effect is {ACTION} can have a standing approval; this one declares {named}.",
            "Approve each call by itself: livery approvals grant APR-…"
            if declared
            else "It needs no approval: call it.",
        )
    if review_policy == "fixed":
        return (
            "The contract says review_policy: fixed: every call is approved by itself.",
            "Approve each call by itself: livery approvals grant APR-…",
        )
    return None


def reached(capabilities: Capabilities, args: Any) -> tuple[str, ...]:
    """Every host that a call with this input could reach, as the runtime will hold it to."""
    return hosts_meant(capabilities.network, args, named_host)


def admitting(
    known: Iterable[StandingApproval],
    capabilities: Capabilities,
    review_policy: str,
    args: Any,
    now: datetime,
    named: str | None = None,
) -> str | None:
    """The id of the one that admits this call, the first to end; with `named`, that one or none.

    The call must be able to reach its target and nothing else.
    """
    if not known or why_not(capabilities.effects, review_policy) is not None:
        return None
    hosts = reached(capabilities, args)
    fits = [
        (item.expires_at, item.standing_id)
        for item in known
        if hosts == (item.target,)
        and item.expires_at > now
        and (named is None or item.standing_id == named)
    ]
    return min(fits)[1] if fits else None
