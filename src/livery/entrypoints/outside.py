"""The way out of one process: addresses, ledger, breakers, the vault."""

from __future__ import annotations

from livery.entrypoints.credentials import VaultCredentials
from livery.entrypoints.settings import Settings
from livery.execution.outside.dial import DialPolicy
from livery.execution.outside.run import Outside
from livery.integrations.telemetry.metrics import Metrics
from livery.services.effects.ports import EffectLedger
from livery.services.runs.ports import Probe
from livery.storage.database import Database
from livery.storage.targets import PostgresTargets


def way_out(
    settings: Settings, database: Database, ledger: EffectLedger, metrics: Metrics, probe: Probe
) -> Outside:
    """What skills of this process reach outside."""
    targets = PostgresTargets(
        database, lambda event, state: metrics.breaker_moved(event.value, state.gauge)
    )
    policy = DialPolicy.parse(settings.allow_private_targets)
    return Outside(policy, ledger, VaultCredentials(settings), probe=probe, targets=targets)
