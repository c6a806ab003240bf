"""The platform's Prometheus metrics: one prefix, no tenant and no argument in any label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Own registry, so that two platforms in one process do not count each other's runs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.executions = Counter(
            "livery_skill_executions",
            "Skill executions by status.",
            ["skill", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "livery_skill_execution_seconds",
            "Seconds spent in the skill.",
            ["skill"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.denials = Counter(
            "livery_denials", "Denials by code.", ["code"], registry=self.registry
        )
        self.idempotency = Counter(
            "livery_idempotency",
            "Answers of idempotency keys.",
            ["outcome"],
            registry=self.registry,
        )
        self.swept = Counter(
            "livery_runs_swept",
            "Runs settled for dead processes, by status.",
            ["status"],
            registry=self.registry,
        )
        self.audit = Counter(
            "livery_audit_operations",
            "Walks, checkpoints and exports of the record, by result.",
            ["operation", "result"],
            registry=self.registry,
        )
        self.jobs = Gauge(
            "livery_certification_jobs",
            "Certification jobs that wait or run.",
            ["state"],
            registry=self.registry,
        )
        self.jobs_ended = Counter(
            "livery_certification_jobs_ended",
            "Certification jobs that this process ended, by state.",
            ["state"],
            registry=self.registry,
        )
        self.queue_lag = Gauge(
            "livery_queue_lag_seconds",
            "Age of the oldest job that waits.",
            registry=self.registry,
        )
        self.breaker = Gauge(
            "livery_breaker_state",
            "State of the breaker that moved last: 0 closed, 1 open, 2 half-open.",
            registry=self.registry,
        )
        self.breaker_events = Counter(
            "livery_breaker_events",
            "Events of breakers: admitted, rejected, succeeded, failed, opened, closed, ignored.",
            ["event"],
            registry=self.registry,
        )
        self.approvals_waiting = Gauge(
            "livery_approvals_waiting", "Requests that wait for a decision.", registry=self.registry
        )
        self.approvals_oldest = Gauge(
            "livery_approvals_oldest_seconds",
            "Age of the oldest request that waits for a decision.",
            registry=self.registry,
        )
        self.lease = Gauge(
            "livery_lease_held", "1 while this process holds its lease.", registry=self.registry
        )

    def breaker_moved(self, event: str, gauge: int) -> None:
        """A breaker was asked, or told what came of a request."""
        self.breaker_events.labels(event).inc()
        self.breaker.set(gauge)

    def audited(self, operation: str, result: str) -> None:
        """The record was walked, signed or exported."""
        self.audit.labels(operation, result).inc()

    def job_ended(self, state: str) -> None:
        """A certification job ended here."""
        self.jobs_ended.labels(state).inc()

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
