"""Every failure as a page: what happened, under which id, and the way out."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from livery.client.errors import ApiProblem, NotUnderstood, TooSlow, Unreachable
from livery.manifest.errors import LiveryError
from livery.portals.operator.door import Door, session_of, to_sign_in

_TITLES = {
    400: "That request makes no sense",
    403: "You may not do that",
    404: "There is nothing here",
    405: "That is not how this page is used",
    410: "This is past its retention",
    413: "That is too large",
    422: "That cannot be done",
    429: "Too much at once",
    502: "The platform answered something else",
    503: "The platform does not answer",
}
_WAYS_OUT = {
    403: "Ask an operator for a token with the right role, then sign in with it.",
    404: "It may belong to another workspace, or never have been. Start from a list.",
    502: "Is the API of the same version as this portal? `livery doctor` says so.",
    503: "Is it running? Start it with `livery up`; `livery status` says what runs.",
}


async def of_livery(request: Request, error: Exception) -> Response:
    """The page for an error that the client or the portal raised."""
    assert isinstance(error, LiveryError)
    if isinstance(error, ApiProblem) and error.status == 401:
        response = to_sign_in(request, "ended")
        Door.of(request).sessions.end(request, response)
        return response
    status = _status(error)
    return _page(
        request,
        status,
        code=error.code,
        message=error.message,
        remedy=error.remedy or _WAYS_OUT.get(status, ""),
        correlation=getattr(error, "correlation_id", ""),
    )


async def of_http(request: Request, error: Exception) -> Response:
    """The page for a wrong address, method or form."""
    assert isinstance(error, HTTPException)
    detail = error.detail if error.status_code in {403, 404, 413} else ""
    said = "" if detail in {"Not Found", "Forbidden"} else detail
    return _page(request, error.status_code, message=said)


async def of_anything(request: Request, _error: Exception) -> Response:
    """The page for a fault of ours; it tells nothing of the inside."""
    return _page(request, 500, code="internal_error")


def _status(error: LiveryError) -> int:
    if isinstance(error, Unreachable | TooSlow):
        return 503
    if isinstance(error, NotUnderstood):
        return 502
    return error.status


def _page(
    request: Request,
    status: int,
    *,
    code: str = "",
    message: str = "",
    remedy: str = "",
    correlation: str = "",
) -> Response:
    template = "operator/error.html" if session_of(request) else "operator/error_alone.html"
    found = {"correlation_id": correlation} if correlation else {}
    page = Door.of(request).page(
        request,
        template,
        status,
        http_status=status,
        title=_TITLES.get(status, "Something went wrong here"),
        code=code,
        message=message,
        remedy=remedy or _WAYS_OUT.get(status, "Go back and try again."),
        **found,
    )
    # An error replaces the page, whatever part of it htmx asked for.
    page.headers["HX-Retarget"] = "body"
    page.headers["HX-Reswap"] = "innerHTML"
    return page
