"""Who opens credentials: the vault, for one run, at the moment it needs them; and which ones an input names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from livery.authoring.errors import CapabilityDenied, SkillFailed
from livery.manifest.canonical import join_pointer
from livery.manifest.errors import LiveryError, Violation
from livery.services.runs.types import Invocation

_ONE, _MORE = "credential_ref", "credential_refs"


class CredentialSource(Protocol):
    """Opens a credential for one run of one skill; the vault decides."""

    async def resolve(
        self, ref: str, *, kind: str, workspace_id: UUID, run_id: str, skill_key: str
    ) -> Mapping[str, Any]:
        """The secret as a JSON object; raises LiveryError (credential_not_granted, …)."""


async def opened(
    source: CredentialSource | None, run: Invocation, kind: str, ref: str
) -> Mapping[str, Any]:
    """The secret behind a ref, for this run; the same for every runtime. Raises LiveryError."""
    if source is None:
        raise SkillFailed("No vault is connected to this process.")
    return await source.resolve(
        ref,
        kind=kind,
        workspace_id=run.contract.workspace_id,
        run_id=str(run.run_id),
        skill_key=run.contract.skill_key,
    )


def refs_named(declared: Sequence[str], args: Any) -> dict[str, str]:
    """Kind -> ref, as an input names them: `credential_ref` where one kind is declared, else
    `credential_refs: {KIND: ref}` (or `KIND_ref`, for a kind that is called as secrets are).

    A kind without a ref is left out. Raises LiveryError (tool_input_invalid, skill_capability_denied).
    Where none is declared every kind is one too many; `credential_ref`, which names no kind, is the skill's own word.
    """
    if not isinstance(args, dict):
        return {}
    given = args.get(_MORE)
    if not declared:
        for key in given if isinstance(given, dict) else ():
            raise CapabilityDenied("credentials", key[:128])
        return {}
    if given is not None and not isinstance(given, dict):
        raise _wrong(join_pointer(_MORE), "must map kinds to credential_refs")
    found: dict[str, str] = {}
    for key, ref in (given or {}).items():
        kind = key if key in declared else key.removesuffix("_ref")
        if kind not in declared:
            raise CapabilityDenied("credentials", kind[:128])
        _name(found, kind, ref, join_pointer(_MORE, key))
    if args.get(_ONE) is not None:
        if len(declared) > 1:
            said = f"does not say of which kind it is ({', '.join(declared)[:200]})"
            raise _wrong(join_pointer(_ONE), said)
        _name(found, declared[0], args[_ONE], join_pointer(_ONE))
    return found


def _name(found: dict[str, str], kind: str, ref: Any, pointer: str) -> None:
    if ref is None:
        return
    if not isinstance(ref, str):
        raise _wrong(pointer, "must be a credential_ref")
    if kind in found:
        raise _wrong(pointer, f"is a second credential of the kind {kind}")
    found[kind] = ref


def _wrong(pointer: str, said: str) -> LiveryError:
    return LiveryError(
        "tool_input_invalid",
        f"The input at {pointer} {said}.",
        violations=(Violation(pointer, said),),
        remedy=f"Send {_ONE} for the one kind that is declared, or {_MORE} as {{KIND: ref}}.",
    )
