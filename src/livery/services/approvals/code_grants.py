"""Grants of code: see them, take them back."""

from __future__ import annotations

from uuid import UUID

from livery.kernel.approval import House, Person, refusal
from livery.services.approvals.ports import CodeGrantStore
from livery.services.approvals.types import CodeGrant
from livery.services.audit.types import Entry
from livery.services.identity.access import Access
from livery.services.identity.errors import Forbidden, NotFound
from livery.services.identity.types import Principal

_MOST = 500


class CodeGrants:
    """The use cases of grants of code. They are made by deciding an approval."""

    def __init__(self, store: CodeGrantStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def list(self, caller: Principal) -> list[CodeGrant]:
        """The live grants that this caller sees, newest first; an agent sees its own."""
        found = await self._store.list(await self._access.visible(caller), _MOST)
        return [item for item in found if caller.sees(item.hired_agent_id)]

    async def revoke(self, caller: Principal, grant_id: UUID, correlation_id: str = "") -> None:
        """Forget a grant, or a denial that was remembered: the next call asks again. Raises forbidden, not_found."""
        known = await self._store.get(grant_id, await self._access.visible(caller))
        person = caller.person
        delegated = known is not None and known[1]
        refused = refusal("revoke", person, Person("", "", ""), House(False, delegated))
        if refused is not None and (known is not None or caller.role != "operator"):
            raise Forbidden(message=refused)
        if known is None:
            raise NotFound(message=f"There is no grant of code {grant_id}.")
        grant = known[0]
        body = {
            "skill_key": grant.skill_key,
            "security_hash": grant.security_hash,
            "decision": grant.decision,
            "by": caller.label,
        }
        entry = Entry(
            "code_grant.revoked",
            grant.workspace_id,
            str(grant_id),
            body,
            correlation_id=correlation_id,
        )
        if not await self._store.revoke(grant, caller.label, entry):
            raise NotFound(message=f"There is no grant of code {grant_id}.")
