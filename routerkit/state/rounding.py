"""Dollars as whole micro-dollars, so that no cent drifts."""

from __future__ import annotations

from collections.abc import Hashable
from math import ceil
from typing import Final

MICROS_PER_USD: Final = 1_000_000
_NOISE_MICROS: Final = 1e-6
"""Far below what any price can mean, far above what binary fractions add: 0.1 + 0.2 dollars are 300,000 micro-dollars."""


def micros(usd: float) -> int:
    """Dollars in whole micro-dollars, rounded up: a million calls for half a micro-dollar each are not free."""
    return whole(usd * MICROS_PER_USD)


def whole(exact: float) -> int:
    """Micro-dollars rounded up to whole ones."""
    return ceil(exact - _NOISE_MICROS)


class Rounding:
    """Rounds one cost after the other so that their sum is right, too: what one was rounded up by is left out of the next.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._over: dict[Hashable, float] = {}

    def micros(self, payers: Hashable, usd: float) -> int:
        """The cost in whole micro-dollars; all that these payers had so far is at most one above its sum, and never below."""
        exact = usd * MICROS_PER_USD - self._over.get(payers, 0.0)
        rounded = ceil(exact - _NOISE_MICROS)
        self._over[payers] = rounded - exact
        return rounded
