"""How sure a measured share or difference is. Pure; shared by whoever measures and whoever shows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

Z95: Final = 1.959963984540054
"""97.5 % point of the standard normal distribution."""
_FIRST_T95: Final = (math.inf, 12.706204736432095, 4.302652729911275)
"""97.5 % points of Student's t with 0, 1 and 2 degrees of freedom."""
_NO_SPREAD: Final = 1e-12
"""Standard error that is only rounding."""


class Interval(NamedTuple):
    """Lower and upper end."""

    low: float
    high: float


def wilson(passed: float, n: int) -> Interval:
    """Interval for a share, right also near 0 and 1 and for small `n`; (0, 1) when `n` is 0.

    Source: Wilson 1927; centre (p + z²/2n) / (1 + z²/n), half width z/(1 + z²/n) · sqrt(p(1-p)/n + z²/4n²).
    """
    if n == 0:
        return Interval(0.0, 1.0)
    z, p = Z95, passed / n
    shrink = 1.0 + z * z / n
    centre = (p + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(p * (1.0 - p) / n + z * z / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def any_time_radius(n: int, spread: float, *, alpha: float, tightest_at: float) -> float:
    """Half width of a mean's interval that holds at every length of the sequence at once, with probability 1 - `alpha`, asymptotically.

    Args:
        n: Number of values, at least one.
        spread: Sum of their squared deviations; `n` for the half width in standard deviations.
        alpha: Probability that it ever misses the mean, between 0 and 1.
        tightest_at: Number of values at which it is narrowest; a choice of taste that costs no validity.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and asymptotic confidence sequences,
    Annals of Statistics 52 (2024), theorem 2.2, and appendix B for rho.
    """
    rho2 = (-2.0 * math.log(alpha) + math.log(1.0 - 2.0 * math.log(alpha))) / tightest_at
    inner = spread * rho2 + 1.0
    return math.sqrt(inner * math.log(inner / (alpha * alpha)) / rho2) / n


def clustered_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Standard error of a mean whose values resemble each other within clusters; infinite for a single cluster.

    With a cluster per value it is the usual standard error.

    Source: Miller 2024, arXiv 2411.00640, with the factor C / (C - 1) for C clusters.
    """
    mean, sums = math.fsum(values) / len(values), defaultdict[Hashable, float](float)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - mean
    n_clusters = len(sums)
    if n_clusters < 2:
        return math.inf
    return math.sqrt(n_clusters / (n_clusters - 1) * math.fsum(s * s for s in sums.values())) / len(values)


def sign_test(n_up: int, n_down: int) -> float:
    """Exact two-sided p-value of so uneven a split, were both sides as likely; 1 when there is nothing to split."""
    n, most = n_up + n_down, max(n_up, n_down)
    n_ways: int = 2**n
    n_tail = sum(math.comb(n, k) for k in range(most, n + 1))
    return min(1.0, 2 * n_tail / n_ways)


def mean_interval(differences: Sequence[float], clusters: Sequence[Hashable]) -> Interval:
    """95 % interval of a mean difference, each -1..1, that clusters share; (-1, 1) for a single cluster.

    Student's t with one degree of freedom less than clusters. Where all clusters say the same, that has no width, however few they are;
    then one imagined cluster that says +1 and one that says -1 are added.

    Source: Bonett and Price, Adjusted Wald confidence interval for a difference of binomial proportions based on paired data, 2012.
    """
    n, error = len(set(clusters)), clustered_error(differences, clusters)
    mean = math.fsum(differences) / len(differences)
    if error < _NO_SPREAD:
        square = (n * mean * mean + 2.0) / (n + 2)
        mean *= n / (n + 2)
        error = math.sqrt((square - mean * mean) / (n + 2))
    half = student_t95(n - 1) * error
    return Interval(max(-1.0, mean - half), min(1.0, mean + half))


def student_t95(n_degrees: int) -> float:
    """97.5 % quantile of Student's t, right to 1 %; infinite for no degree of freedom.

    Source: Abramowitz and Stegun 26.7.5; from 3 degrees on. Below, where it is too small, the two exact values.
    """
    if n_degrees < len(_FIRST_T95):
        return _FIRST_T95[max(0, n_degrees)]
    z, v = Z95, float(n_degrees)
    terms = ((z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    return z + sum(term / v**power for power, term in enumerate(terms, 1))
