"""Confidence sequences: intervals that hold at every look at once, so that whoever peeks and stops early is not fooled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

_TIGHTEST_AT: Final = 200
"""Number of values at which the interval is narrowest for its kind; a choice of taste that costs no validity."""


class Interval(NamedTuple):
    """An estimate and how far it may be off."""

    mean: float
    low: float
    high: float

    def __sub__(self, other: Interval) -> Interval:
        """Difference of two means whose intervals hold together."""
        return Interval(self.mean - other.mean, self.low - other.high, self.high - other.low)


def mean_sequence(values: Sequence[float], *, alpha: float) -> Interval:
    """Mean of independent values with an interval that holds for all sample sizes at once with probability 1 - alpha, for large samples.

    Args:
        values: Between 0 and 1; the interval of none is all of that.
        alpha: Probability, 0..1, of ever missing the true mean.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and asymptotic confidence sequences,
    Annals of Statistics 52 (2024), theorem 2.2, with rho from their equation for the tightest point.
    """
    n = len(values)
    if not n:
        return Interval(math.nan, 0.0, 1.0)
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / n
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / _TIGHTEST_AT
    # One value of the other kind is added to the variance: an estimate of nothing from few equal values would be too sure.
    spread = n * max(variance, 1.0 / (n + 1)) * rho2 + 1
    margin = math.sqrt(2 * spread / (n * n * rho2) * math.log(math.sqrt(spread) / alpha))
    return Interval(mean, max(0.0, mean - margin), min(1.0, mean + margin))
