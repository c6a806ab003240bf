"""Every error as a problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from livery.api.http.door import correlation_id
from livery.manifest.canonical import join_pointer
from livery.manifest.denylist import redact_text
from livery.manifest.errors import LiveryError, Violation

_CODES = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_log = structlog.get_logger("livery.api")

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "category": {"enum": ["input", "policy", "quota", "provider", "timeout", "internal"]},
        "correlation_id": {"type": "string"},
        "violations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string"},
                    "message": {"type": "string"},
                    "code": {"type": "string"},
                },
                "required": ["pointer", "message"],
            },
        },
        "remedy": {"type": "string"},
        "details": {"type": "object"},
        "run_id": {"type": "string", "format": "uuid"},
        "envelope": {"type": "object"},
        "approval_request_id": {"type": "string"},
    },
    "required": [
        "type", "title", "status", "detail", "code", "category", "correlation_id", "violations", "remedy",
    ],
}  # fmt: skip
"""The schema of every error."""

_MEANING = {
    401: "No valid token.",
    403: "Not allowed for this caller, or denied.",
    404: "It does not exist, or not for this caller.",
    409: "It conflicts with what is there.",
    413: "Too large.",
    415: "Not JSON.",
    422: "The request does not fit.",
    429: "A quota or budget is used up.",
    500: "The platform failed.",
    503: "Not now; try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: these statuses are problem documents."""
    content = {"application/problem+json": {"schema": PROBLEM}}
    return {
        status: {"description": _MEANING[status], "content": content} for status in (*statuses, 500)
    }


def problem(
    request: Request, error: LiveryError, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to an error."""
    known = correlation_id(request)
    document = error.problem(known, instance=redact_text(request.url.path))
    # An unexpected error is answered outside of the layer that sets the correlation id on all others.
    sent = {**(headers or {}), "X-Correlation-ID": known}
    if error.status == 401:
        sent["WWW-Authenticate"] = "Bearer"
    if error.code == "unavailable":
        sent["Retry-After"] = "1"
    return Response(
        orjson.dumps(document), error.status, sent, media_type="application/problem+json"
    )


def install_errors(app: FastAPI) -> None:
    """Answer every error with a problem document."""

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, LiveryError)  # registered for it
        if error.status >= 500:
            _log.warning("failed", code=error.code, correlation_id=correlation_id(request))
        return problem(request, error)

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        violations = [
            Violation(join_pointer(*_place(fault)), redact_text(str(fault.get("msg", ""))))
            for fault in error.errors()
        ]
        return problem(
            request,
            LiveryError("validation_error", "The request does not fit.", violations=violations),
        )

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        made = LiveryError(_CODES.get(error.status_code, "validation_error"))
        return problem(request, made, _allowed(request) if made.status == 405 else None)

    async def unknown(request: Request, error: Exception) -> Response:
        # The text of an unknown error may hold anything; only its type goes out and into the log.
        _log.error(
            "internal_error",
            error=type(error).__name__,
            correlation_id=correlation_id(request),
            path=request.url.path,
        )
        return problem(request, LiveryError("internal_error"))

    app.add_exception_handler(LiveryError, known)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unknown)


def _allowed(request: Request) -> dict[str, str]:
    """Which methods this path has, over all of its routes."""
    found = [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
    return {"Allow": ", ".join(["HEAD", *found] if "GET" in found else found)}


def _place(fault: Mapping[str, Any]) -> list[str | int]:
    return [
        part for part in fault.get("loc", ()) if part not in ("body", "query", "path", "header")
    ]
