"""What another policy would have achieved, from outcomes that were logged under the policy in force, with intervals or a refusal.

Three estimates of one mean: inverse propensity (IPS: no model, wide), the same normalised by the sum of weights (SNIPS: narrower, slightly
biased), and doubly robust (DR: the model's prediction, corrected by weighted outcomes; right if either the model or the propensities are).

Sources: Dudík, Langford & Li, Doubly robust policy evaluation and learning, ICML 2011; Swaminathan & Joachims, The self-normalized
estimator for counterfactual learning, NeurIPS 2015; Kish, Survey Sampling (1965) for the effective sample size.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from routerkit.intervals import Z95

MIN_EFFECTIVE_N: Final = 50.0
"""Fewer independent outcomes than this support no interval worth printing: at 50 a rate is known within 14 points."""
MAX_UNSUPPORTED: Final = 0.05
"""Largest share of the new policy's picks that the old one could not have made; their outcomes would be pure extrapolation."""


class Logged(NamedTuple):
    """One logged outcome in view of the new policy."""

    weight: float
    """Probability of the logged pick under the new policy, divided by that under the policy in force."""
    outcome: float
    predicted: float | None
    """What the model says of the logged pick; not needed where the weight is 0."""
    predicted_new: float | None
    """What the model says of the new policy's picks, on average; None where it has nothing to say."""
    supported: float
    """Share of the new policy's picks, 0..1, that the policy in force could have made."""
    cluster: Hashable
    """Outcomes of one cluster (session) may depend on each other."""


class Interval(NamedTuple):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is known about one mean under the new policy."""

    n: int
    """Logged outcomes."""
    logged: Interval | None
    """Mean under the policy in force; None without outcomes."""
    ips: Interval | None = None
    snips: Interval | None = None
    dr: Interval | None = None
    change: Interval | None = None
    """Doubly robust estimate minus what was logged, call by call."""
    effective_n: float = 0.0
    """How many outcomes of the new policy itself would say as much."""
    unsupported: float = 0.0
    """Share of the new policy's picks that the policy in force could not have made."""
    why_not: str = ""
    """Why there is no estimate."""


def evaluate(logged: Sequence[Logged]) -> Evaluation:
    """Estimate the mean outcome under the new policy, or say why that cannot be done."""
    n = len(logged)
    if n == 0:
        return Evaluation(0, None, why_not="no outcome is known")
    clusters = [row.cluster for row in logged]
    before = _mean([row.outcome for row in logged], clusters)
    total, squares = sum(row.weight for row in logged), sum(row.weight**2 for row in logged)
    effective_n = total**2 / squares if squares else 0.0
    unsupported = 1.0 - sum(row.supported for row in logged) / n
    why_not = _why_not(effective_n, unsupported)
    if why_not:
        return Evaluation(n, before, effective_n=effective_n, unsupported=unsupported, why_not=why_not)
    robust = [_robust(row) for row in logged]
    known = [value for value in robust if value is not None]
    is_whole = len(known) == n
    return Evaluation(
        n,
        before,
        _mean([row.weight * row.outcome for row in logged], clusters),
        _mean([row.outcome for row in logged], clusters, [row.weight for row in logged]),
        _mean(known, clusters) if is_whole else None,
        _mean([value - row.outcome for value, row in zip(known, logged, strict=True)], clusters) if is_whole else None,
        effective_n,
        unsupported,
    )


def _why_not(effective_n: float, unsupported: float) -> str:
    if unsupported > MAX_UNSUPPORTED:
        return (
            f"{unsupported:.0%} of the new picks could never have been logged, so no outcome speaks for them; "
            "let the policy in force explore (explore_share) and replay later"
        )
    if effective_n < MIN_EFFECTIVE_N:
        return (
            f"what was logged says as much about the new policy as {effective_n:.0f} outcomes of its own, "
            f"and {MIN_EFFECTIVE_N:.0f} are needed; log longer, explore more (explore_share), or report more outcomes"
        )
    return ""


def _robust(row: Logged) -> float | None:
    if row.predicted_new is None or (row.weight and row.predicted is None):
        return None
    return row.predicted_new + (row.weight * (row.outcome - row.predicted) if row.predicted is not None else 0.0)


def _mean(values: Sequence[float], clusters: Sequence[Hashable], weights: Sequence[float] | None = None) -> Interval:
    """Weighted mean with an interval that lets the values of a cluster depend on each other.

    Source: the delete-one-cluster jackknife, exact for a ratio of sums, with Student's t on the effective number of clusters.
    """
    weights = [1.0] * len(values) if weights is None else weights
    total = math.fsum(weights)
    mean = math.fsum(w * v for w, v in zip(weights, values, strict=True)) / total
    shares: dict[Hashable, float] = {}
    errors: dict[Hashable, float] = {}
    for value, weight, cluster in zip(values, weights, clusters, strict=True):
        shares[cluster] = shares.get(cluster, 0.0) + weight
        errors[cluster] = errors.get(cluster, 0.0) + weight * (value - mean)
    freedom = total**2 / math.fsum(share * share for share in shares.values()) - 1.0
    if freedom < 1.0:
        return Interval(mean, -math.inf, math.inf)
    n = len(shares)
    variance = math.fsum((error / (total - shares[cluster])) ** 2 for cluster, error in errors.items()) * (n - 1) / n
    reach = math.sqrt(variance) * (Z95 + (Z95**3 + Z95) / (4.0 * freedom))  # t by its first Cornish-Fisher term
    return Interval(mean, mean - reach, mean + reach)
