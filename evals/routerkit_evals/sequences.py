"""Confidence sequences: intervals that hold at every moment at once, so that one may look, and stop, whenever one likes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from routerkit.intervals import Interval

_TUNED_FOR: Final = 60.0
"""Number of values at which intervals are narrowest: most comparisons are decided between 20 and 200."""


def mean_at_any_time(values: Sequence[float], *, alpha: float, scale: float) -> Interval:
    """Interval of a mean that holds at every length of the sequence at once, with probability 1 - `alpha`, asymptotically.

    Args:
        values: Independent observations, at least one.
        alpha: Probability that it ever misses the mean, between 0 and 1.
        scale: A usual size of one value; one such value more is counted into the spread, so that equal first values do not look certain.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, Annals of Statistics 52, theorem 2.2 and appendix B for rho.
    """
    n = len(values)
    mean = math.fsum(values) / n
    variance = (math.fsum((v - mean) ** 2 for v in values) + scale * scale) / n
    rho2 = (-2.0 * math.log(alpha) + math.log(1.0 - 2.0 * math.log(alpha))) / _TUNED_FOR
    radius = math.sqrt(variance * (n * rho2 + 1.0) / (n * n * rho2) * math.log((n * rho2 + 1.0) / (alpha * alpha)))
    return Interval(mean - radius, mean + radius)
