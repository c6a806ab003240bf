"""Keeps the record of certificates true: what went stale or ran out is noted by the worker, once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from livery.entrypoints.background import pause

if TYPE_CHECKING:
    from livery.entrypoints.platform import Platform

SWEEP_S = 60.0
_log = structlog.get_logger("livery.certificates")


async def keep_certificates(platform: Platform, stop: asyncio.Event) -> None:
    """Sweep now and every minute, until `stop`."""
    while not stop.is_set():
        try:
            for found in await platform.certificates.sweep(await platform.identity.workspace_ids()):
                _log.warning(
                    "certificate_lapsed",
                    certificate_id=str(found.certificate_id),
                    state=found.state,
                    drifted=list(found.drifted),
                )
        except Exception as error:
            _log.warning("certificate_sweep_failed", error=type(error).__name__)
        await pause(stop, SWEEP_S)
