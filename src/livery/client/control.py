"""Stop and let go; policies; effects."""

from collections.abc import Mapping, Sequence
from typing import Any

from livery.client.connection import Connection, segment


class ControlCalls(Connection):
    """Kill switches, pause and resume, policies, effects. Documents are those of docs/http.md."""

    async def list_kill_switches(self) -> list[dict[str, Any]]:
        """The engaged switches that concern this caller."""
        return await self.items("/v1/kill-switches")

    async def engage_kill_switch(
        self, scope: str, reason: str, target: str | None = None
    ) -> dict[str, Any]:
        """Stop everything in a scope: `all`, `workspace` or `agent`."""
        return await self._order("/v1/kill-switches", scope, reason, target)

    async def release_kill_switch(
        self, scope: str, reason: str, target: str | None = None
    ) -> dict[str, Any]:
        """Let a scope run again."""
        return await self._order("/v1/kill-switches/release", scope, reason, target)

    async def pause_agent(self, agent: str, reason: str) -> dict[str, Any]:
        """Pause a hired agent, by id or name."""
        return await self._post(f"/v1/hired-agents/{segment(agent)}/pause", {"reason": reason})

    async def resume_agent(self, agent: str, reason: str) -> dict[str, Any]:
        """Let a paused agent work again."""
        return await self._post(f"/v1/hired-agents/{segment(agent)}/resume", {"reason": reason})

    async def list_policies(self) -> list[dict[str, Any]]:
        """Policy versions, newest first."""
        return await self.items("/v1/policies")

    async def get_policy(self, version: int) -> dict[str, Any]:
        """One version with its text and the outcome of its cases."""
        found: dict[str, Any] = await self.json("GET", f"/v1/policies/{version}")
        return found

    async def add_policy(
        self, text: str, cases: Sequence[Mapping[str, Any]], note: str
    ) -> dict[str, Any]:
        """Keep a version; it decides nothing yet."""
        body = {"text": text, "cases": [dict(case) for case in cases], "note": note}
        return await self._post("/v1/policies", body)

    async def preview_policy(self, version: int) -> dict[str, Any]:
        """What a version would have decided over the last 1,000 runs."""
        found: dict[str, Any] = await self.json("GET", f"/v1/policies/{version}/preview")
        return found

    async def activate_policy(self, version: int) -> dict[str, Any]:
        """Let a version decide."""
        return await self._post(f"/v1/policies/{version}/activate", None)

    async def explain_run(self, run_id: str) -> dict[str, Any]:
        """Which rule decided a run, by which facts, and what would allow it."""
        found: dict[str, Any] = await self.json("GET", f"/v1/runs/{segment(run_id)}/explain")
        return found

    async def list_effects(
        self, *, run_id: str | None = None, state: str | None = None
    ) -> list[dict[str, Any]]:
        """What runs did to the world outside, newest first."""
        return await self.items("/v1/effects", run_id=run_id, state=state)

    async def resolve_run(
        self, run_id: str, outcome: str, evidence: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Settle an unknown run as `succeeded` or `failed`."""
        body = {"outcome": outcome, "evidence": dict(evidence)}
        return await self._post(f"/v1/runs/{segment(run_id)}/resolve", body)

    async def _order(
        self, path: str, scope: str, reason: str, target: str | None
    ) -> dict[str, Any]:
        body = {"scope": scope, "reason": reason, **({"target": target} if target else {})}
        return await self._post(path, body)

    async def _post(self, path: str, body: Any) -> dict[str, Any]:
        done: dict[str, Any] = await self.json("POST", path, json=body)
        return done
