"""Deterministic backoff: the same run and attempt always wait the same time.

Formula ("Deterministic backoff" of the contracts): the HMAC-SHA256 with the run id as key over
``"{run id}:{attempt}"``; its first four bytes, big-endian, over 2^32 are the jitter in [0, 1);
``int(min(initial * multiplier**(attempt - 1) * (1 + (2*jitter - 1)*pct), max))`` milliseconds.
"""

import hashlib
import hmac
import math
from dataclasses import dataclass


def jitter(workflow_run_id: str, attempt: int) -> float:
    """Jitter in [0, 1), a pure function of the run and the attempt (1 is the first)."""
    if not isinstance(workflow_run_id, str) or not workflow_run_id:
        raise ValueError("workflow_run_id must be a non-empty string")
    if isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 1:
        raise ValueError(f"attempt must be an integer of at least 1, got {attempt!r}")
    message = f"{workflow_run_id}:{attempt}".encode()
    digest = hmac.new(workflow_run_id.encode(), message, hashlib.sha256).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a retry.

    Args:
        initial_ms: wait before the first retry, milliseconds, above 0.
        multiplier: growth per attempt, at least 1.
        jitter_pct: share of the wait that the jitter may add or take, 0 to 1.
        max_ms: longest wait, milliseconds, at least 0.

    Raises:
        ValueError: an argument is out of its range or not finite.
    """

    initial_ms: float = 200
    multiplier: float = 2.0
    jitter_pct: float = 0.1
    max_ms: float = 10_000

    def __post_init__(self) -> None:
        _check("initial_ms", self.initial_ms, above=0)
        _check("multiplier", self.multiplier, at_least=1)
        _check("jitter_pct", self.jitter_pct, at_least=0, at_most=1)
        _check("max_ms", self.max_ms, at_least=0)

    def delay_ms(self, workflow_run_id: str, attempt: int) -> int:
        """Whole milliseconds to wait after this attempt (1, 2, …) failed.

        Raises:
            ValueError: the run id is empty or the attempt is not a positive integer.
        """
        factor = 1 + (2 * jitter(workflow_run_id, attempt) - 1) * self.jitter_pct
        try:
            base = self.initial_ms * self.multiplier ** (attempt - 1)
        except OverflowError:
            base = math.inf
        if math.isinf(base):  # never inf * 0, which is not a number
            return int(self.max_ms)
        return int(min(base * factor, self.max_ms))


def _check(
    name: str,
    value: float,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    if above is not None and not value > above:
        raise ValueError(f"{name} must be above {above}, got {value!r}")
    if at_least is not None and value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value!r}")
    if at_most is not None and value > at_most:
        raise ValueError(f"{name} must be at most {at_most}, got {value!r}")
