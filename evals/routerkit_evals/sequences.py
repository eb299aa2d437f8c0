"""Confidence sequences: intervals that hold at every moment at once, so that one may look, and stop, whenever one likes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from routerkit.intervals import Interval, any_time_radius

_TUNED_FOR: Final = 60.0
"""Number of values at which intervals are narrowest: most comparisons are decided between 20 and 200."""


def mean_at_any_time(values: Sequence[float], *, alpha: float, scale: float) -> Interval:
    """Interval of a mean that holds at every length of the sequence at once, with probability 1 - `alpha`, asymptotically.

    Args:
        values: Independent observations, at least one.
        alpha: Probability that it ever misses the mean, between 0 and 1.
        scale: A usual size of one value; one such value more is counted into the spread, so that equal first values do not look certain.
    """
    n = len(values)
    mean = math.fsum(values) / n
    variance = (math.fsum((v - mean) ** 2 for v in values) + scale * scale) / n
    radius = math.sqrt(variance) * any_time_radius(n, n, alpha=alpha, tightest_at=_TUNED_FOR)
    return Interval(mean - radius, mean + radius)
