"""Approvals: the list with what waits first, one of them, and a person's decision."""

from collections import Counter
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from livery.client.approval_documents import Approval
from livery.manifest.errors import LiveryError
from livery.portals.operator.documents import whole, wholes
from livery.portals.operator.door import Door, checked_form, is_htmx
from livery.portals.operator.paging import window

DECISIONS = ("run_once", "always_allow", "deny")
WAITING = "requested"
STATES = (WAITING, "granted", "consumed", "denied", "expired", "revoked")
MOST_COUNTED = 100


async def listing(request: Request) -> Response:
    """What waits for a decision first, then the rest, each newest first; `state` narrows them. For htmx, the table."""
    asked = request.query_params.get("state", "")
    state = asked if asked in STATES else ""
    shown = window(request)
    door = Door.of(request)
    async with door.client(request) as platform:
        found = await platform.list_approvals(state=state or WAITING, limit=shown.limit + 1)
        if not state and len(found) <= shown.limit:
            # What waits is among the rest too: so many more are asked for.
            every = await platform.list_approvals(limit=shown.limit + 1 + len(found))
            found += [item for item in every if item["state"] != WAITING]
    approvals: list[Approval] = wholes(Approval, found)
    return door.page(
        request,
        "operator/approvals_table.html" if is_htmx(request) else "operator/approvals.html",
        approvals=approvals[: shown.limit],
        counts=Counter(item["state"] for item in approvals[: shown.limit]),
        more=shown.more(request, len(approvals)),
        state_asked=state,
        states=STATES,
    )


async def waiting(request: Request) -> Response:
    """How many wait, as the mark beside the menu's entry; nothing where none does, or where nobody may know."""
    door = Door.of(request)
    try:
        async with door.client(request) as platform:
            found = await platform.list_approvals(state=WAITING, limit=MOST_COUNTED)
    except LiveryError:
        found = []
    return door.page(
        request, "operator/approvals_waiting.html", count=len(found), most=MOST_COUNTED
    )


async def one(request: Request) -> Response:
    """What is asked: skill, target, input, who asks, until when."""
    door = Door.of(request)
    async with door.client(request) as platform:
        found = await platform.get_approval(request.path_params["approval_id"])
    approval: Approval = whole(Approval, found)
    return door.page(request, "operator/approval.html", approval=approval, decisions=DECISIONS)


async def decide(request: Request) -> Response:
    """Grant or deny; the API says who may."""
    form = await checked_form(request)
    approval_id = request.path_params["approval_id"]
    decision: Any = form.get("decision")
    if decision not in DECISIONS:
        raise HTTPException(422, "A decision is run_once, always_allow or deny.")
    reason = str(form.get("reason") or "").strip()[:500] or None
    async with Door.of(request).client(request) as platform:
        if decision == "deny":
            await platform.deny_approval(approval_id, reason=reason)
        else:
            await platform.grant_approval(approval_id, decision)
    return RedirectResponse(f"/approvals/{quote(approval_id, safe='')}", 303)
