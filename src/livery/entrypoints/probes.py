"""Fault points for crash tests: LIVERY_FAULT_POINT=`point:n` kills this process at the n-th passing."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from livery.entrypoints.platform import no_probe
from livery.services.runs.ports import Probe


def probe_from(environ: Mapping[str, str]) -> Probe:
    """The probe that the environment asks for; none in production."""
    wanted = environ.get("LIVERY_FAULT_POINT")
    if not wanted:
        return no_probe
    name, _, count = wanted.partition(":")
    left = [int(count or 1)]

    def probe(point: str) -> None:
        if point == name:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return probe
