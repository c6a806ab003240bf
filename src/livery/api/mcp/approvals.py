"""A call that waits for a person: what the client was asked, and what became of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from livery.manifest.errors import LiveryError
from livery.services.approvals.approvals import Approvals
from livery.services.identity.types import Principal

WAIT_S = 10.0
"""So long a repeated call waits for the decision; then the client is asked again."""
_STEP_S = 0.25


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client can do and did: `state` is the approval that it was sent to, `action` accept, decline or cancel."""

    opens_urls: bool = False
    state: str | None = None
    action: str | None = None


class Undecided(Exception):
    """Nobody has decided yet."""

    def __init__(self, approval_id: str) -> None:
        super().__init__(approval_id)
        self.approval_id = approval_id


async def decided(approvals: Approvals, caller: Principal, asked: Asked) -> str:
    """The approval to repeat the call with. Raises Undecided, approval_denied, approval_required, not_found.

    The state is no secret and proves nothing: the kernel binds an approval to agent, code and arguments.
    """
    approval_id = asked.state or ""
    if asked.action not in (None, "accept"):
        said = "The person who was asked did not want to decide."
        raise LiveryError("approval_required", said)
    waited = 0.0
    while True:
        found = await approvals.get(caller, approval_id)
        if found.state == "denied":
            raise LiveryError("approval_denied", found.reason)
        if found.state != "requested":
            return approval_id  # one that counts for nothing is denied by the kernel, on the record
        if waited >= WAIT_S:
            raise Undecided(approval_id)
        await asyncio.sleep(_STEP_S)
        waited += _STEP_S
