"""Budget arithmetic in whole micro-USD (1 USD = 1,000,000), so that no sum is ever rounded.

A budget is a cap, what running calls have reserved, and what finished calls have spent. A call is
admitted if it still fits under the cap; only admitted calls count toward the sum, so a denied
large call never pushes out a later small one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

MICROS = 1_000_000
MAX_MICROS = 2**63 - 1  # what the journal's bigint holds
_USD = re.compile(r"[0-9]{1,13}(\.[0-9]+)?")


def parse_usd(amount: str | int | Decimal) -> int:
    """Micro-USD of a decimal amount such as ``"0.25"``, exactly.

    Floats are not accepted: they have rounded before we see them.

    Raises:
        ValueError: not a plain non-negative decimal, finer than a micro-USD, or too large.
    """
    text = f"{amount:f}" if isinstance(amount, Decimal) else str(amount)
    if isinstance(amount, float) or _USD.fullmatch(text) is None:
        raise ValueError(f"not a USD amount: {amount!r} (write it like 0.25)")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > 6:
        raise ValueError(f"{amount!r} USD is finer than a micro-USD (6 decimals)")
    micros = int(whole) * MICROS + int(fraction.ljust(6, "0"))
    if micros > MAX_MICROS:
        raise ValueError(f"{amount!r} USD is too large")
    return micros


def format_usd(micros: int) -> str:
    """USD of micro-USD, exact, with two decimals at least: 250000 is ``0.25``."""
    whole, fraction = divmod(_amount("micros", micros), MICROS)
    return f"{whole}.{f'{fraction:06d}'.rstrip('0').ljust(2, '0')}"


def admit(cap: int, used: int, estimates: Iterable[int]) -> tuple[bool, ...]:
    """Which calls, taken in order, fit: ``used + admitted before + estimate <= cap``.

    Args:
        cap: the budget, micro-USD.
        used: reserved plus spent before the first call, micro-USD.
        estimates: what each call may cost at most, micro-USD.

    Raises:
        ValueError: an amount is not a non-negative integer.
    """
    _amount("cap", cap)
    total = _amount("used", used)
    verdicts: list[bool] = []
    for estimate in estimates:
        fits = total + _amount("estimate", estimate) <= cap
        total += estimate if fits else 0
        verdicts.append(fits)
    return tuple(verdicts)


def settle(reserved: int, spent: int, estimate: int, actual: int) -> tuple[int, int]:
    """``(reserved, spent)`` after a call that reserved ``estimate`` cost ``actual``.

    The actual cost may exceed the estimate: what was spent is the truth, and the next call is
    measured against it.

    Raises:
        ValueError: an amount is not a non-negative integer, or more is given back than reserved.
    """
    left = _amount("reserved", reserved) - _amount("estimate", estimate)
    if left < 0:
        raise ValueError(f"cannot give back {estimate} micro-USD of {reserved} reserved")
    return left, _amount("spent", spent) + _amount("actual", actual)


@dataclass(frozen=True, slots=True)
class Budget:
    """The three amounts of a budget, micro-USD, none negative."""

    cap: int
    reserved: int = 0
    spent: int = 0

    def __post_init__(self) -> None:
        _amount("cap", self.cap)
        _amount("reserved", self.reserved)
        _amount("spent", self.spent)

    @property
    def used(self) -> int:
        """Reserved plus spent."""
        return self.reserved + self.spent

    @property
    def left(self) -> int:
        """What the next call may cost; 0 where more was spent than planned."""
        return max(0, self.cap - self.used)

    def reserve(self, estimates: Iterable[int]) -> tuple["Budget", tuple[bool, ...]]:
        """Admit calls in order; the budget after it and the verdict of each (see `admit`)."""
        asked = tuple(estimates)
        verdicts = admit(self.cap, self.used, asked)
        granted = sum(micros for micros, fits in zip(asked, verdicts, strict=True) if fits)
        return replace(self, reserved=self.reserved + granted), verdicts

    def settle(self, estimate: int, actual: int) -> "Budget":
        """The budget after a reserved call ended (see `settle`)."""
        reserved, spent = settle(self.reserved, self.spent, estimate, actual)
        return replace(self, reserved=reserved, spent=spent)


def _amount(name: str, micros: int) -> int:
    if isinstance(micros, bool) or not isinstance(micros, int) or micros < 0:
        raise ValueError(f"{name} must be a non-negative integer of micro-USD, got {micros!r}")
    return micros
