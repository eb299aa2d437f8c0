"""Confidence sequences: intervals that hold at every look at once, so that whoever peeks and stops early is not fooled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from routerkit.intervals import any_time_radius

_TIGHTEST_AT: Final = 200
"""Number of values at which the interval is narrowest for its kind."""


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
    """
    n = len(values)
    if not n:
        return Interval(math.nan, 0.0, 1.0)
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / n
    # One value of the other kind is added to the variance: an estimate of nothing from few equal values would be too sure.
    margin = any_time_radius(n, n * max(variance, 1.0 / (n + 1)), alpha=alpha, tightest_at=_TIGHTEST_AT)
    return Interval(mean, max(0.0, mean - margin), min(1.0, mean + margin))
