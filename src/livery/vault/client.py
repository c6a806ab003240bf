"""The client of the vault, for the customer's portal and CLI (`write`) and execution (`resolve`).

Secrets travel as `Secret`. The client follows no redirect, uses no proxy, and speaks plain HTTP
only over a unix socket or loopback.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from livery.manifest.errors import LiveryError, Violation
from livery.vault import errors
from livery.vault.secret import Secret
from livery.vault.types import Credential, Resolved

_BY_CODE: Mapping[str, type[errors.VaultError]] = {
    kind.code: kind
    for kind in (
        errors.Unauthenticated,
        errors.Forbidden,
        errors.CredentialNotFound,
        errors.CredentialNotGranted,
        errors.CredentialRevoked,
        errors.InputInvalid,
        errors.SecretMisplaced,
        errors.VaultFull,
    )
}


class VaultClient:
    """Async client; one per process, an async context manager (or call `close`).

    `uds` is the vault's socket; or `base_url` its address. `timeout` is in seconds. Methods raise
    `VaultError`s with the code of the vault's answer; `VaultUnreachable` / `VaultTimeout` without
    one.
    """

    def __init__(
        self,
        token: Secret[str],
        *,
        base_url: str | None = None,
        uds: Path | None = None,
        timeout: float = 5.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if base_url is not None:
            _refuse_plaintext(base_url)
        elif uds is not None:
            transport = transport or httpx.AsyncHTTPTransport(uds=str(uds))
        elif transport is None:
            raise ValueError("VaultClient needs base_url, uds or transport")
        self._token = token
        self._http = httpx.AsyncClient(
            base_url=base_url or "http://vault.localhost",
            transport=transport,
            timeout=timeout,
            trust_env=False,  # a proxy from the environment would see secrets
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def store(
        self,
        workspace_id: UUID,
        kind: str,
        label: str,
        secret: Secret[Mapping[str, Any]],
        *,
        actor: str | None = None,
    ) -> Credential:
        """Keep a new secret; `actor` names the user behind the call in the access table."""
        body = {
            "workspace_id": str(workspace_id),
            "kind": kind,
            "label": label,
            "secret": secret.reveal(),
        }
        data = await self._send("PUT", "credentials", body=body, actor=actor)
        return Credential.from_dict(data)

    async def rotate(
        self,
        workspace_id: UUID,
        credential_ref: str,
        secret: Secret[Mapping[str, Any]],
        *,
        actor: str | None = None,
    ) -> Credential:
        """Replace the secret of a credential; its version goes up by one."""
        body = {"workspace_id": str(workspace_id), "secret": secret.reveal()}
        path = f"credentials/{_segment(credential_ref)}/rotate"
        return Credential.from_dict(await self._send("POST", path, body=body, actor=actor))

    async def list(
        self, workspace_id: UUID, *, cursor: str | None = None, limit: int = 100
    ) -> tuple[list[Credential], str | None]:
        """Return a page of metadata in the order of creation, and the next cursor or None."""
        query = {"workspace_id": str(workspace_id), "limit": str(limit)}
        if cursor:
            query["cursor"] = cursor
        data = await self._send("GET", "credentials", query=query)
        return [Credential.from_dict(item) for item in data["items"]], data["next_cursor"]

    async def revoke(
        self, workspace_id: UUID, credential_ref: str, *, actor: str | None = None
    ) -> Credential:
        """Destroy the secret of a credential for good."""
        query = {"workspace_id": str(workspace_id)}
        path = f"credentials/{_segment(credential_ref)}"
        return Credential.from_dict(await self._send("DELETE", path, query=query, actor=actor))

    async def resolve(
        self, credential_ref: str, *, kind: str, workspace_id: UUID, run_id: str, skill_key: str
    ) -> Resolved:
        """Open a credential for one run of one skill. Never keep the result beyond the call."""
        body = {
            "credential_ref": credential_ref,
            "kind": kind,
            "workspace_id": str(workspace_id),
            "run_id": run_id,
            "skill_key": skill_key,
        }
        data = await self._send("POST", "resolve", body=body, correlation_id=run_id)
        return Resolved(Secret(data["secret"]), data["version"])

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        actor: str | None = None,
        correlation_id: str | None = None,
    ) -> Any:
        headers = {"authorization": f"Bearer {self._token.reveal()}"}
        headers |= {"x-livery-actor": actor} if actor else {}
        headers |= {"x-correlation-id": correlation_id} if correlation_id else {}
        failure: LiveryError
        try:
            answer = await self._http.request(
                method, f"/vault/v1/{path}", json=body, params=query, headers=headers
            )
        except httpx.TimeoutException:
            failure = errors.VaultTimeout("The vault did not answer in time.")
        except httpx.HTTPError:
            failure = errors.VaultUnreachable("The vault does not answer.")
        else:
            if answer.is_success:
                return answer.json()
            failure = _failure(answer)
        raise failure  # outside of except: httpx's error holds the request, and so the secret


def _failure(answer: httpx.Response) -> errors.VaultError:
    try:
        problem = answer.json()
        kind = _BY_CODE.get(problem["code"], errors.VaultError)
        violations = tuple(
            Violation(item["pointer"], item["message"]) for item in problem.get("violations", ())
        )
        return kind(problem.get("detail"), violations=violations, remedy=problem.get("remedy"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return errors.VaultError(f"The vault answered {answer.status_code}.")


def _segment(ref: str) -> str:
    # A ref with a slash or a query in it must not reach another route.
    if not ref.isascii() or not ref.replace("_", "").isalnum():
        raise errors.CredentialNotFound
    return ref


def _refuse_plaintext(base_url: str) -> None:
    parts = urlsplit(base_url)
    if parts.scheme == "https":
        return
    host = parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if parts.scheme != "http" or not loopback:
        raise ValueError("the vault is reached by https, or by http on loopback only")
