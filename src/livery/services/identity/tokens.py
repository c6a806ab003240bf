"""Tokens: shown once, kept as a hash, revocable at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from livery.kernel.approval import plain_name
from livery.manifest.errors import Violation
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.identity.access import Access, require
from livery.services.identity.errors import (
    AlreadyExists,
    Forbidden,
    Invalid,
    NotFound,
    Unauthenticated,
)
from livery.services.identity.ports import IdentityStore
from livery.services.identity.types import ROLES, STAFF, Line, Principal, TokenInfo

PREFIX = "lvy_"
_LIVE_LIMIT = 10_000
_LONGEST_LINE = 64


def token_hash(token: str) -> bytes:
    """The stored form. The token is 256 random bits, so a plain hash is enough; nothing is there to guess."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


class Tokens:
    """Makes, checks and revokes tokens."""

    def __init__(
        self,
        store: IdentityStore,
        access: Access,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._store = store
        self._access = access
        self._clock = clock
        self._new_id = new_id
        self._live: dict[bytes, Principal] = {}

    def forget(self) -> None:
        """Drop the callers that `authenticate_for_run` keeps."""
        self._live.clear()

    async def authenticate_for_run(self, token: str | None) -> Principal:
        """Like `authenticate`, from memory where it can: the begin of a run refuses a revoked token itself."""
        key = token_hash(token or "")
        principal = self._live.get(key)
        if principal is None:
            principal = await self.authenticate(token)
            if len(self._live) >= _LIVE_LIMIT:
                self._live.clear()
            self._live[key] = principal
        if principal.expires_at is not None and principal.expires_at <= self._clock():
            raise Unauthenticated
        return principal

    async def authenticate(self, token: str | None) -> Principal:
        """The caller behind a bearer token; raises Unauthenticated."""
        if not token or not token.startswith(PREFIX):
            raise Unauthenticated
        principal = await self._store.lookup(token_hash(token))
        if principal is None:
            raise Unauthenticated
        return principal

    async def create(
        self,
        caller: Principal,
        role: str,
        *,
        workspace: str | None = None,
        hired_agent_id: UUID | None = None,
        name: str | None = None,
        expires_in_days: float | None = None,
        correlation_id: str = "",
    ) -> tuple[str, TokenInfo]:
        """Make a token of this role: operators make any, a customer admin those of the own workspace."""
        require(caller, "operator", "customer_admin")
        if role not in ROLES:
            said = f"There is no role {role!r}; the roles are {', '.join(ROLES)}."
            raise Invalid(message=said, violations=[Violation("/role", "not a role")])
        if caller.role == "customer_admin" and role in STAFF:
            raise Forbidden(message="A customer admin makes tokens of the own workspace only.")
        if (role == "agent") != (hired_agent_id is not None):
            raise Invalid(message="A token of role agent, and only that, names its hired agent.")
        workspace_id = None if role in STAFF else await self._access.authorize(caller, workspace)
        if hired_agent_id is not None and not (
            workspace_id and await self._store.has_agent(workspace_id, hired_agent_id)
        ):
            raise NotFound(message=f"There is no hired agent {hired_agent_id} in this workspace.")
        now = self._clock()
        named = name or role
        await self._only(named, workspace_id, now)
        line = Line.of(caller)
        if len(line.hand) + len(line.makers) > _LONGEST_LINE:
            raise Invalid(
                message="Too many tokens have made each other in a row.",
                remedy="Make it with a token that is nearer to the first one.",
            )
        info = TokenInfo(
            self._new_id(),
            named,
            role,
            workspace_id,
            hired_agent_id,
            now,
            now + timedelta(days=expires_in_days) if expires_in_days else None,
            None,
        )
        return await self.mint(info, caller.label, correlation_id, line), info

    async def _only(self, name: str, workspace_id: UUID | None, now: datetime) -> None:
        """Names are of people: one that looks like another's is that one, or another word."""
        wanted = plain_name(name)
        if not wanted:
            raise Invalid(
                message="A token's name has letters.", remedy="Give it the name of who uses it."
            )
        for known in await self._store.names(workspace_id, now):
            if known != name and plain_name(known) == wanted:
                raise AlreadyExists(
                    message=f"There is a token named {known!r} here, and {name!r} is read as the same name.",
                    remedy=f"Name it exactly {known!r} where it is that person's, and otherwise another way.",
                )

    async def mint(
        self, info: TokenInfo, by: str, correlation_id: str = "", line: Line | None = None
    ) -> str:
        """Make the token of `info` without asking who may; used by `create` and, at first start, by the platform."""
        token = PREFIX + secrets.token_urlsafe(32)
        body = {"name": info.name, "role": info.role, "by": by}
        entry = Entry(
            "token.created",
            info.workspace_id or PLATFORM,
            str(info.token_id),
            body,
            correlation_id=correlation_id,
        )
        await self._store.add_token(info, token_hash(token), line or Line(), entry)
        return token

    async def list(self, caller: Principal) -> list[TokenInfo]:
        """The tokens that this caller may see."""
        require(caller, "operator", "auditor", "customer_admin")
        return await self._store.tokens(await self._access.visible(caller))

    async def revoke(self, caller: Principal, token_id: UUID, correlation_id: str = "") -> None:
        """Revoke a token; its next call is refused everywhere."""
        require(caller, "operator", "customer_admin")
        visible = await self._access.visible(caller)
        entry = Entry(
            "token.revoked",
            caller.workspace_id or PLATFORM,
            str(token_id),
            {"by": caller.label},
            correlation_id=correlation_id,
        )
        if not await self._store.revoke_token(token_id, self._clock(), visible, entry):
            raise NotFound(message="There is no such token, or it was revoked before.")
