"""What measured successes say about the true share: Beta posteriors, and where they start before anything was measured."""

from __future__ import annotations

import math
from typing import NamedTuple


class Prior(NamedTuple):
    """What is assumed of one target before any sample."""

    quality: float
    """Share of successes, strictly between 0 and 1."""
    n: float
    """Samples the assumption is worth; above 0."""
    source: str = "prior"
    """Where it comes from, with its date; `prior` = nobody published anything."""
    kind: str | None = None
    """Task kind it is about; None = any."""


class Estimate(NamedTuple):
    """Posterior of one (target, kind): Beta(alpha, beta) for quality, means for the rest."""

    alpha: float
    beta: float
    n_samples: int
    """Samples of exactly this kind; 0 = unmeasured, the numbers are inferred."""
    source: str
    """`measured`, `other kinds`, `prior`, or who published what the estimate starts from, and when."""
    low: float
    """Lower end of the central 90 % interval."""
    high: float
    latency_s: float | None
    output_tokens: float
    note: str = ""
    """What else stands behind it: a narrower cell, what was learned since, what the words of the request add."""

    @property
    def mean(self) -> float:
        """Expected share of successes, 0..1."""
        return self.alpha / (self.alpha + self.beta)

    def p_at_least(self, floor: float) -> float:
        """Probability that the share of successes is at least `floor`."""
        return 1.0 - beta_cdf(floor, self.alpha, self.beta)

    def noted(self, note: str) -> Estimate:
        """The same with a further note."""
        return self._replace(note=f"{self.note}; {note}" if self.note else note)

    def shifted(self, log_odds: float) -> Estimate:
        """The same moved by so much log-odds; as certain as before, so only the mean and the interval move."""
        n, mean = self.alpha + self.beta, _moved(self.mean, log_odds)
        return self._replace(alpha=mean * n, beta=n - mean * n, low=_moved(self.low, log_odds), high=_moved(self.high, log_odds))


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b): P(X ≤ x) for X ~ Beta(a, b).

    Source: Press et al., Numerical Recipes, 3rd ed., section 6.4 (continued fraction, modified Lentz method).
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b


def beta_quantile(p: float, a: float, b: float) -> float:
    """Value below which Beta(a, b) holds probability `p`, by bisection to 1e-6."""
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if beta_cdf(middle, a, b) < p else (low, middle)
    return (low + high) / 2


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _nonzero(1.0 - (a + b) * x / (a + 1.0))
    h = d
    for m in range(1, 300):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _nonzero(1.0 + term * d)
            c = _nonzero(1.0 + term / c)
            h *= d * c
        if abs(d * c - 1.0) < 1e-12:
            break
    return h


def _nonzero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300


def _moved(p: float, log_odds: float) -> float:
    if not 0.0 < p < 1.0:
        return p
    return 1.0 / (1.0 + (1.0 - p) / p * math.exp(-log_odds))
