"""Targets that a workspace has registered: where a standing approval may send to, and nowhere else."""

from __future__ import annotations

from livery.kernel.approval import House, Person, refusal
from livery.manifest.errors import Violation
from livery.manifest.urls import parse_target
from livery.services.approvals.ports import TargetStore
from livery.services.approvals.types import RegisteredTarget
from livery.services.audit.types import Entry
from livery.services.identity.access import Access
from livery.services.identity.errors import AlreadyExists, Forbidden, Invalid, NotFound
from livery.services.identity.types import Principal, Workspace


class RegisteredTargets:
    """The use cases of registered targets. Whoever may approve in a workspace registers and removes them."""

    def __init__(self, store: TargetStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def list(self, caller: Principal, workspace: str) -> list[RegisteredTarget]:
        """The targets of a workspace, by name. Raises not_found."""
        known = await self._access.workspace(caller, workspace)
        return await self._store.list(known.workspace_id)

    async def register(
        self,
        caller: Principal,
        workspace: str,
        target: str,
        note: str = "",
        correlation_id: str = "",
    ) -> RegisteredTarget:
        """Register `host` or `host:port`. Raises forbidden, not_found, validation_error, already_exists."""
        known = await house_of(self._access, caller, workspace)
        host = target_of(target)
        body = {"target": host, "note": note.strip(), "by": caller.label}
        entry = Entry(
            "target.registered", known.workspace_id, host, body, correlation_id=correlation_id
        )
        made = RegisteredTarget(known.workspace_id, host, note.strip(), caller.label)
        if not await self._store.register(made, entry):
            raise AlreadyExists(message=f"{host} is registered in {known.slug} already.")
        return made

    async def remove(
        self, caller: Principal, workspace: str, target: str, correlation_id: str = ""
    ) -> None:
        """Remove a target: every standing approval for it is revoked in the same moment. Errors as for `register`."""
        known = await house_of(self._access, caller, workspace)
        host = target_of(target)
        body = {"target": host, "by": caller.label}
        entry = Entry(
            "target.removed", known.workspace_id, host, body, correlation_id=correlation_id
        )
        if not await self._store.remove(known.workspace_id, host, caller.label, entry):
            raise NotFound(message=f"{host} is no registered target of {known.slug}.")


def target_of(text: str) -> str:
    """The target in its one form; raises validation_error in words."""
    try:
        return parse_target(text)
    except ValueError as error:
        said = str(error)
        raise Invalid(
            message=said[0].upper() + said[1:] + ".", violations=[Violation("/target", said)]
        ) from None


async def house_of(access: Access, caller: Principal, workspace: str | None) -> Workspace:
    """The workspace, if this caller decides what may be approved there. Raises forbidden, not_found."""
    person = caller.person
    nobody = Person("", "", "")
    # The role first: whoever never decides learns nothing of what there is.
    refused = refusal("register", person, nobody, House(False, True))
    if refused is None:
        known = await access.workspace(caller, workspace)
        refused = refusal("register", person, nobody, House(False, known.delegated_approval))
        if refused is None:
            return known
    raise Forbidden(message=refused)
