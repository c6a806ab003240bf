"""The vault's door, `/vault/v1`: two grants, every call recorded, no secret in any error."""

from __future__ import annotations

import re
import traceback
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from livery.manifest.errors import LiveryError
from livery.vault import forms
from livery.vault.backend import Backend
from livery.vault.errors import (
    CredentialNotFound,
    Forbidden,
    Unauthenticated,
    VaultError,
    VaultFull,
)
from livery.vault.tokens import Callers
from livery.vault.types import REF, Call, Grant

_CORRELATION = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
_ANYBODY = "anonymous"
_LACKS = "53"
"""The class of PostgreSQL's SQLSTATEs for insufficient resources: 53100 is a full disk."""
_log = structlog.get_logger("livery.vault")

Do = Callable[[Backend, Call, Any], Awaitable[JSONResponse]]


@dataclass(frozen=True, slots=True)
class _Action:
    """One call of the door: its name in the access table, its grant, its form, what it does."""

    name: str
    grant: Grant
    form: type[forms.Form]
    do: Do


class Door:
    """Authenticate, read, authorise, act, record; in this order, for every call."""

    def __init__(self, backend: Backend, callers: Callers) -> None:
        self._backend = backend
        self._callers = callers

    def endpoint(self, action: _Action) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of an action."""

        async def serve(request: Request) -> Response:
            return await self._serve(request, action)

        return serve

    async def unknown(self, request: Request, _error: Exception) -> Response:
        """Answer a path or method that does not exist; recorded like any other refusal."""
        return await self._serve(request, None)

    async def _serve(self, request: Request, action: _Action | None) -> Response:
        correlation_id = _header(request, "x-correlation-id", _CORRELATION) or uuid.uuid4().hex
        call = Call(_ANYBODY, action.name if action else "unknown", correlation_id)
        problem: LiveryError
        try:
            return _finish(await self._answer(request, action, call), correlation_id)
        except LiveryError as error:
            problem = error
        except Exception as error:
            problem = _report(error, correlation_id)
        document = JSONResponse(
            problem.problem(correlation_id),
            status_code=problem.status,
            media_type="application/problem+json",
        )
        return _finish(document, correlation_id)

    async def _answer(self, request: Request, action: _Action | None, call: Call) -> JSONResponse:
        ref = request.path_params.get("ref", "")
        call = replace(call, credential_ref=ref if REF.fullmatch(ref) else None)
        try:
            caller = self._callers.identify(request.headers.get("authorization", ""))
            if caller is None:
                raise Unauthenticated
            actor = _header(request, "x-livery-actor", _ACTOR)
            call = replace(call, caller=caller.name, actor=actor)
            if action is None:
                raise CredentialNotFound("The vault has no such call.")
            form, failure = await _read(request, action.form)
            call = _about(call, form)
            if caller.grant is not action.grant:
                raise Forbidden(f"This token may not {action.name}.")
            if failure is not None:
                raise failure
            return await action.do(self._backend, call, form)
        except LiveryError as error:
            await self._backend.refuse(call, error.code)
            raise
        except Exception:
            await self._backend.refuse(call, "internal_error")
            raise


async def _read(
    request: Request, form: type[forms.Form]
) -> tuple[forms.Form | None, LiveryError | None]:
    # Read before the grant is judged, so that a refusal is recorded with what it was about.
    try:
        return await forms.read(request, form), None
    except LiveryError as error:
        return None, error


def _about(call: Call, form: forms.Form | None) -> Call:
    if form is None:
        return call
    call = replace(call, workspace_id=form.workspace_id)
    if isinstance(form, forms.ResolveForm):
        call = replace(
            call, credential_ref=form.credential_ref, run_id=form.run_id, skill_key=form.skill_key
        )
    return call


async def _store(backend: Backend, call: Call, form: forms.StoreForm) -> JSONResponse:
    credential = await backend.store(
        call, form.workspace_id, kind=form.kind, label=form.label, secret=form.secret
    )
    return JSONResponse(credential.to_dict(), status_code=201)


async def _rotate(backend: Backend, call: Call, form: forms.RotateForm) -> JSONResponse:
    credential = await backend.rotate(call, form.workspace_id, _ref(call), form.secret)
    return JSONResponse(credential.to_dict())


async def _list(backend: Backend, call: Call, form: forms.ListForm) -> JSONResponse:
    items = await backend.page(call, form.workspace_id, after=form.cursor or "", limit=form.limit)
    cursor = items[-1].credential_ref if len(items) == form.limit else None
    return JSONResponse({"items": [item.to_dict() for item in items], "next_cursor": cursor})


async def _revoke(backend: Backend, call: Call, form: forms.RevokeForm) -> JSONResponse:
    return JSONResponse((await backend.revoke(call, form.workspace_id, _ref(call))).to_dict())


async def _resolve(backend: Backend, call: Call, form: forms.ResolveForm) -> JSONResponse:
    resolved = await backend.resolve(call, form.workspace_id, form.credential_ref, kind=form.kind)
    return JSONResponse({"secret": resolved.secret.reveal(), "version": resolved.version})


_ROUTES = (
    ("PUT", "/vault/v1/credentials", _Action("store", Grant.WRITE, forms.StoreForm, _store)),
    ("GET", "/vault/v1/credentials", _Action("list", Grant.WRITE, forms.ListForm, _list)),
    (
        "POST",
        "/vault/v1/credentials/{ref}/rotate",
        _Action("rotate", Grant.WRITE, forms.RotateForm, _rotate),
    ),
    (
        "DELETE",
        "/vault/v1/credentials/{ref}",
        _Action("revoke", Grant.WRITE, forms.RevokeForm, _revoke),
    ),
    ("POST", "/vault/v1/resolve", _Action("resolve", Grant.RESOLVE, forms.ResolveForm, _resolve)),
)


def make_app(backend: Backend, callers: Callers) -> Starlette:
    """Return the vault as an ASGI application. `GET /vault/v1/health` needs no token."""
    door = Door(backend, callers)
    routes = [
        Route(path, door.endpoint(action), methods=[method]) for method, path, action in _ROUTES
    ]
    app = Starlette(
        routes=[Route("/vault/v1/health", _health), *routes],
        exception_handlers={404: door.unknown, 405: door.unknown},
    )
    app.router.redirect_slashes = False
    return app


async def _health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


def _ref(call: Call) -> str:
    if call.credential_ref is None:
        raise CredentialNotFound
    return call.credential_ref


def _header(request: Request, name: str, pattern: re.Pattern[str]) -> str | None:
    value = request.headers.get(name, "")
    return value if pattern.fullmatch(value) else None


def _finish(response: Response, correlation_id: str) -> Response:
    response.headers["x-correlation-id"] = correlation_id
    response.headers["cache-control"] = "no-store"
    return response


def _report(error: Exception, correlation_id: str) -> VaultError:
    """Log where it broke, and nothing that was sent: a driver's message may quote its arguments."""
    frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    _log.error(
        "vault call failed",
        error=type(error).__qualname__,
        where=frames[-3:],
        correlation_id=correlation_id,
    )
    if str(getattr(error, "sqlstate", "")).startswith(_LACKS):
        said = "The disk of the vault's database is full, or it lacks memory."
        return VaultFull(
            said, remedy="Make room on the machine that runs it, then repeat the call."
        )
    return VaultError("The vault could not do this.")
