"""What a run leaves in spans, metrics and logs."""

from __future__ import annotations

from typing import Any

import structlog
from opentelemetry.sdk.trace import TracerProvider

from livery.integrations.telemetry.metrics import Metrics
from livery.integrations.telemetry.spans import FinishedSpans
from livery.services.runs.types import ExecutionContract


class RunTelemetry:
    """See services.runs.ports.Telemetry. Spans follow the GenAI conventions of OpenTelemetry."""

    def __init__(self, provider: TracerProvider, metrics: Metrics) -> None:
        self._spans = FinishedSpans(provider, "livery")
        self._metrics = metrics
        self._log = structlog.get_logger("livery.runs")
        # Looking a label up costs more than counting.
        self._executions: dict[tuple[str, str], Any] = {}
        self._seconds: dict[str, Any] = {}

    def finished(
        self,
        contract: ExecutionContract,
        principal: str,
        run_id: str,
        status: str,
        code: str,
        correlation_id: str,
        start_ns: int,
        duration_us: int,
    ) -> None:
        """A run ended, or was denied."""
        skill = contract.skill_key
        attributes: dict[str, str] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": skill,
            "gen_ai.tool.call.id": run_id,
            "gen_ai.agent.name": principal,
            "livery.skill.version": contract.version,
            "livery.status": status,
        }
        error = None if status == "succeeded" else code
        if error is not None:
            attributes["error.type"] = error
        self._spans.add(f"execute_tool {skill}", start_ns, attributes, error)
        self._count(skill, status, code, duration_us)
        write = self._log.info if status == "succeeded" else self._log.warning
        write(
            "run",
            run_id=run_id,
            skill=contract.badge,
            status=status,
            code=code,
            principal=principal,
            correlation_id=correlation_id,
            duration_us=duration_us,
        )

    def _count(self, skill: str, status: str, code: str, duration_us: int) -> None:
        counter = self._executions.get((skill, status))
        if counter is None:
            counter = self._executions[skill, status] = self._metrics.executions.labels(
                skill, status
            )
        counter.inc()
        if status == "denied":
            self._metrics.denials.labels(code).inc()
            return
        seconds = self._seconds.get(skill)
        if seconds is None:
            seconds = self._seconds[skill] = self._metrics.seconds.labels(skill)
        seconds.observe(duration_us / 1_000_000)

    def idempotency(self, outcome: str) -> None:
        """A key answered."""
        self._metrics.idempotency.labels(outcome).inc()
