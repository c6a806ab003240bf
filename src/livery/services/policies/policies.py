"""Write, test, preview and activate policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livery.kernel.policy import Entities, PolicySet
from livery.kernel.policy_cases import (
    CaseResult,
    Question,
    answer,
    check_cases,
    require_cases,
    require_floor,
    run_cases,
)
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.identity.access import Access, require
from livery.services.identity.errors import Invalid
from livery.services.identity.types import Principal
from livery.services.policies.errors import PolicyNotFound
from livery.services.policies.ports import PolicyStore
from livery.services.policies.types import Change, PastRun, PolicyVersion, Preview

PREVIEW_RUNS = 1000
_TEXT = 200_000


class Policies:
    """The use cases of policies. Operators write; auditors read."""

    def __init__(self, store: PolicyStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def versions(self, caller: Principal, limit: int = 100) -> list[PolicyVersion]:
        """Versions, newest first."""
        require(caller, "operator", "auditor", "approver")
        return await self._store.versions(limit)

    async def get(self, caller: Principal, version: int) -> PolicyVersion:
        """One version."""
        require(caller, "operator", "auditor", "approver")
        found = await self._store.version(version)
        if found is None:
            raise PolicyNotFound(message=f"There is no policy version {version}.")
        return found

    async def add(
        self, caller: Principal, text: str, cases: object, note: str, correlation_id: str = ""
    ) -> PolicyVersion:
        """Keep a version. It must parse, fit the schema, and decide each of its cases as written."""
        require(caller, "operator")
        if not text.strip() or len(text) > _TEXT:
            raise Invalid(message=f"A policy set has 1 to {_TEXT} characters of Cedar.")
        if not note.strip():
            raise Invalid(message="Say in the note what this version changes, and why.")
        parsed = PolicySet.parse(text)
        kept = check_cases(cases)
        require_floor(parsed)
        require_cases(parsed, kept)
        body = {"policy_hash": parsed.hash, "note": note, "cases": len(kept), "by": caller.label}
        entry = Entry("policy.added", PLATFORM, parsed.hash, body, correlation_id=correlation_id)
        version = await self._store.add(parsed.hash, text, kept, note, caller.label, entry)
        return await self.get(caller, version)

    async def test(self, caller: Principal, version: int) -> list[CaseResult]:
        """Decide the cases of a version."""
        found = await self.get(caller, version)
        return run_cases(PolicySet.parse(found.text), found.cases)

    async def preview(self, caller: Principal, version: int) -> Preview:
        """What this version would have decided over the last runs, beside what the active one decides now."""
        found = await self.get(caller, version)
        active = PolicySet.parse(await self._store.active_text())
        wanted = PolicySet.parse(found.text)
        past = await self._store.recent_runs(await self._access.visible(caller), PREVIEW_RUNS)
        changes = []
        for run in past:
            question = _question(run)
            before, _ = answer(active, question)
            after, named = answer(wanted, question)
            if before != after:
                changes.append(
                    Change(run.run_id, run.skill_key, run.principal, before, after, named)
                )
        return Preview(version, active.hash, len(past), len(past) - len(changes), tuple(changes))

    async def activate(
        self, caller: Principal, version: int, correlation_id: str = ""
    ) -> PolicyVersion:
        """Let a version decide. An older one again is the way back. Open approvals of the other policy are void."""
        require(caller, "operator")
        found = await self.get(caller, version)
        parsed = PolicySet.parse(found.text)
        require_floor(parsed)
        require_cases(parsed, found.cases)
        body = {"policy_hash": found.policy_hash, "version": version, "by": caller.label}
        entry = Entry(
            "policy.activated", PLATFORM, found.policy_hash, body, correlation_id=correlation_id
        )
        await self._store.activate(found, caller.label, entry)
        return await self.get(caller, version)


def _question(run: PastRun) -> Question:
    role = run.principal.partition(":")[0]
    home = {"type": "Workspace", "id": str(run.workspace_id)}
    skill = {"type": "Skill", "id": str(run.skill_id)}
    who: dict[str, Any] = {"parents": [{"type": "Role", "id": role}]}
    if run.hired_agent_id is not None and role == "agent":
        entitled = [] if run.code == "skill_not_allowed" else [{"__entity": skill}]
        attrs: Mapping[str, Any] = {"workspace": {"__entity": home}, "entitled": entitled}
        who |= {"uid": {"type": "Agent", "id": str(run.hired_agent_id)}, "attrs": attrs}
    else:
        attrs = {"workspace": {"__entity": home}} if role.startswith("customer_") else {}
        who |= {"uid": {"type": "User", "id": run.principal}, "attrs": attrs}
    what = {
        "uid": skill,
        "attrs": {
            "key": run.skill_key,
            "owner": run.owner,
            "category": run.category,
            "runtime": run.runtime,
            "effects": list(run.effects),
        },
        "parents": [],
    }
    return Question(
        f'{who["uid"]["type"]}::"{who["uid"]["id"]}"',
        f'Skill::"{run.skill_id}"',
        str(run.workspace_id),
        run.estimate,
        run.dry_run,
        run.approved,
        run.effects,
        Entities.parse([who, what]),
    )
