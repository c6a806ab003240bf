"""JSON bodies: read once, bounded, without secrets, and documented."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from livery.api.http import careful
from livery.api.http.door import header
from livery.manifest.canonical import join_pointer
from livery.manifest.denylist import find_secret
from livery.manifest.errors import LiveryError, Violation

MAX_BODY = 8 * 1024 * 1024
_JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
Body = TypeVar("Body", bound=BaseModel)


async def body(request: Request, judged: str | None = None) -> Any:
    """The JSON body of a request; raises validation_error, payload_too_large or unsupported_media_type.

    What is outside I-JSON in the member `judged` is tool_input_invalid: a member that is named twice here, and all
    else by whoever judges it.
    """
    _check_type(request)
    whole = bytearray()
    async for chunk in request.stream():
        _add(whole, chunk)
    return _parsed(whole, judged)


async def unread_body(request: Request, judged: str | None = None) -> Any:
    """`body` of a request that nobody has read from before: without an asynchronous generator, for the hot path."""
    _check_type(request)
    whole, more = bytearray(), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        _add(whole, message.get("body", b""))
        more = message.get("more_body", False)
    return _parsed(whole, judged)


def _check_type(request: Request) -> None:
    kind = header(request, "content-type")
    if kind not in (None, "application/json") and not _JSON_TYPE.match(kind or ""):
        raise LiveryError("unsupported_media_type", "Send JSON, as application/json.")


def _add(whole: bytearray, chunk: bytes) -> None:
    if len(whole) + len(chunk) > MAX_BODY:
        raise LiveryError("payload_too_large", f"A body is at most {MAX_BODY} bytes.")
    whole += chunk


def _parsed(whole: bytearray, judged: str | None) -> Any:
    raw = bytes(whole)
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            return careful.read(raw, judged)
        except ValueError:
            raise LiveryError(
                "validation_error",
                "The body is no JSON.",
                violations=(Violation("", f"line {error.lineno}, column {error.colno}"),),
            ) from None
    if careful.may_repeat(raw, found):
        careful.refuse_repeated(raw, judged)
    return found


async def read(request: Request, model: type[Body]) -> Body:
    """The body of a request as its model. Raises validation_error, or secret_in_payload: no field takes a secret."""
    given = await body(request)
    pointer = find_secret(given)
    if pointer is not None:
        raise LiveryError(
            "secret_in_payload",
            f"The body holds a raw secret at {pointer or '/'}.",
            violations=(Violation(pointer, "a raw secret; pass a credential_ref instead"),),
        )
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> LiveryError:
    """A body that does not fit, as a problem with pointers."""
    violations = [
        Violation(join_pointer(*fault["loc"]), fault["msg"])
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return LiveryError("validation_error", "The body does not fit.", violations=violations)


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """What OpenAPI says of a body that `read` reads."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
