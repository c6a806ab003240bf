"""Sign-in and sign-out: an API token, pasted once or fetched with a one-time code."""

import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from livery.client.errors import ApiProblem
from livery.portals.operator.door import Door, checked_form, local_path, session_of
from livery.portals.operator.session import Session
from livery.portals.operator.settings import ROLES

_NEW_BY_LINK = "On the platform's machine, `livery token link` prints a new one."
_NEW_BY_ROLE = "On the platform's machine, `livery token new --role operator` makes a new one."
_TOKEN = re.compile(r"[\x21-\x7e]{8,512}\Z")
_REASONS = {
    "ended": "Your token no longer works. Sign in with another one.",
    "out": "You are signed out.",
}


async def show(request: Request) -> Response:
    """The form. A one-time code in the link is used by the button only, never by opening it."""
    if session_of(request) and not request.query_params.get("code"):
        return RedirectResponse(local_path(request.query_params.get("next")), 303)
    reason = _REASONS.get(request.query_params.get("reason", ""), "")
    return _form(request, note=reason)


async def submit(request: Request) -> Response:
    """Try the token with the API and begin a session with it."""
    form = await checked_form(request)
    code = str(form.get("code") or "")
    token = await _redeemed(request, code) if code else str(form.get("token") or "").strip()
    if token is None:
        said = "This sign-in link was used already, or is too old."
        return _form(request, 401, problem=said, way_out=_NEW_BY_LINK)
    if not _TOKEN.match(token):
        return _form(request, 401, problem="This is not an API token.", way_out=_NEW_BY_ROLE)
    door = Door.of(request)
    try:
        async with door.client(request, token) as platform:
            me = await platform.whoami()
    except ApiProblem as refused:
        if refused.status not in {401, 403}:
            raise
        said = "This token is not known, or it has ended."
        return _form(request, 401, problem=said, way_out=_NEW_BY_ROLE)
    if me["role"] not in ROLES:
        said = f"A token of the role {me['role']} does not open the operator's portal."
        return _form(request, 403, problem=said, way_out=_own_door(str(me["role"])))
    workspace = me.get("workspace")
    response = RedirectResponse(local_path(form.get("next")), 303)
    session = Session(
        token, str(me["principal"]), str(me["role"]), str(workspace["slug"] if workspace else "")
    )
    door.sessions.write(request, response, session)
    return response


async def leave(request: Request) -> Response:
    """End the session in this browser."""
    await checked_form(request)
    response = RedirectResponse("/sign-in?reason=out", 303)
    Door.of(request).sessions.end(request, response)
    return response


def _own_door(role: str) -> str:
    """Who may sign in here, and where a token of another role is used."""
    here = f"A token of one of these roles signs in here: {', '.join(sorted(ROLES))}."
    if role == "agent":
        return f"{here} An agent works over MCP: `livery agents mcp` says how."
    return f"{here} Use this one at the terminal, as LIVERY_TOKEN, or over HTTP."


async def _redeemed(request: Request, code: str) -> str | None:
    redeem = Door.of(request).settings.redeem
    return await redeem(code) if redeem else None


def _form(
    request: Request, status: int = 200, *, note: str = "", problem: str = "", way_out: str = ""
) -> Response:
    door = Door.of(request)
    sealed = Response()
    csrf = door.sessions.form(request, sealed)
    asked = request.query_params
    # A session that is being replaced keeps its own token: that is the one that will be checked.
    session = session_of(request)
    page = door.page(
        request,
        "operator/sign_in.html",
        status,
        form_csrf=session.csrf if session else csrf,
        code="" if problem else asked.get("code", ""),
        next=local_path(asked.get("next")),
        note=note,
        problem=problem,
        way_out=way_out,
    )
    page.headers["set-cookie"] = sealed.headers["set-cookie"]
    return page
