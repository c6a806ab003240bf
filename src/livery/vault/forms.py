"""Reading requests: strict, bounded, and never quoting what was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import ClientDisconnect, Request

from livery.manifest.canonical import NotIJson, check_ijson
from livery.manifest.denylist import find_secret
from livery.manifest.errors import Violation
from livery.vault.errors import InputInvalid, SecretMisplaced
from livery.vault.secret import Secret

MAX_BODY = 64 * 1024
_SHORTEST_TELLING = 6  # a shorter piece of a secret is found in ordinary labels by chance

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.:-]{0,63}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
Ref = Annotated[str, StringConstraints(pattern=r"^cred_[0-9a-f]{32}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$")]


class Form(BaseModel):
    """A request; unknown members are refused."""

    model_config = ConfigDict(
        extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True, frozen=True
    )

    workspace_id: UUID


class StoreForm(Form):
    """`PUT /vault/v1/credentials`."""

    kind: Kind
    label: Label
    secret: Secret[Mapping[str, Any]]


class RotateForm(Form):
    """`POST /vault/v1/credentials/{ref}/rotate`."""

    secret: Secret[Mapping[str, Any]]


class ListForm(Form):
    """`GET /vault/v1/credentials`: query parameters."""

    limit: int = Field(default=100, ge=1, le=500)
    cursor: Ref | None = None


class RevokeForm(Form):
    """`DELETE /vault/v1/credentials/{ref}`: query parameters."""


class ResolveForm(Form):
    """`POST /vault/v1/resolve`."""

    credential_ref: Ref
    kind: Kind
    run_id: Name
    skill_key: Name


F = TypeVar("F", bound=Form)


async def read(request: Request, form: type[F]) -> F:
    """Return the request as `form`; raises `InputInvalid` or `SecretMisplaced`."""
    if request.method in {"GET", "HEAD", "DELETE"}:
        return _parse(dict(request.query_params), form)
    members = _object(await _body(request))
    if "secret" in form.model_fields:
        members["secret"] = _secret(members.get("secret"))
    parsed = _parse(members, form)
    if isinstance(parsed, StoreForm):
        _refuse_misplaced(parsed)
    return parsed


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise InputInvalid(f"The body is larger than {MAX_BODY} bytes.")
    except ClientDisconnect:
        raise InputInvalid("The body ended early.") from None
    return bytes(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:  # its `doc` is the body: never chained
        value = None
    if not isinstance(value, dict):
        raise InputInvalid("The body is not a JSON object.")
    return value


def _secret(value: object) -> Secret[Mapping[str, Any]]:
    if not isinstance(value, dict) or not value:
        raise _invalid("/secret", "must be an object with at least one member")
    try:
        check_ijson(value)
    except NotIJson:
        raise _invalid("/secret", "is not I-JSON (RFC 7493)") from None
    return Secret(value)


def _parse(members: Mapping[str, Any], form: type[F]) -> F:
    try:
        return form.model_validate(members)
    except ValidationError as error:
        violations = tuple(
            Violation(*_where(item["loc"], item["msg"], form))
            for item in error.errors(include_input=False, include_context=False, include_url=False)
        )
    raise InputInvalid("The request is not what this call takes.", violations=violations)


def _where(loc: tuple[int | str, ...], message: str, form: type[Form]) -> tuple[str, str]:
    # The name of an unknown member is the caller's text and may be a secret: it is not repeated.
    known = bool(loc) and loc[0] in form.model_fields
    return (f"/{loc[0]}", message) if known else ("", "has a member that this call does not take")


def _refuse_misplaced(form: StoreForm) -> None:
    plain = {"kind": form.kind, "label": form.label}
    pieces = [p for p in _strings(form.secret.reveal()) if len(p) >= _SHORTEST_TELLING]
    for name, text in plain.items():
        if find_secret({name: text}) is not None or any(piece in text for piece in pieces):
            raise SecretMisplaced(
                "A field that is stored in plain text holds a secret.",
                violations=(Violation(f"/{name}", "holds a secret"),),
                remedy="Put it into `secret` only, and describe it in `label`.",
            )


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)


def _invalid(pointer: str, message: str) -> InputInvalid:
    return InputInvalid(
        "The request is not what this call takes.", violations=(Violation(pointer, message),)
    )
