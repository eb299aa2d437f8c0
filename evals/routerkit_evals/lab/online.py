"""Learning while serving: Thompson sampling over recorded outcomes, with and without a prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from routerkit_evals.lab.recorded import Floats, Recorded
from routerkit_evals.lab.table import Prior

N_REQUESTS: Final = 600
_RUNS: Final = 200
FLAT: Final = Prior(0.5, 2.0, "flat")


@dataclass(frozen=True, slots=True)
class Regret:
    """What learning cost: mean over requests of (best arm's success rate - that of the arm chosen)."""

    mean: float
    low: float
    """2.5 % of the runs are below."""
    high: float
    n_requests: int
    n_arms: int
    n_runs: int


def thompson(test: Recorded, priors: Sequence[Prior], *, seed: int, n_requests: int = N_REQUESTS) -> tuple[Regret, Floats]:
    """Regret of Thompson sampling, and the share of requests each arm got.

    Requests are drawn from the test items with replacement; only the chosen arm's outcome is seen, an unknown one is not feedback.

    Args:
        test: Outcomes of the arms that may be chosen.
        priors: One per arm, in order.
        seed: Of items and draws.
        n_requests: Length of a run.
    """
    rng = np.random.default_rng(seed)
    runs, rates = np.arange(_RUNS), np.nanmean(test.score, axis=0)
    alpha = np.tile([p.quality * p.n for p in priors], (_RUNS, 1))
    beta = np.tile([(1.0 - p.quality) * p.n for p in priors], (_RUNS, 1))
    lost, pulls = np.zeros(_RUNS), np.zeros(len(test.arms))
    for _ in range(n_requests):
        arm = np.argmax(rng.beta(alpha, beta), axis=1)
        seen = test.score[rng.integers(0, len(test), _RUNS), arm]
        known = ~np.isnan(seen)
        alpha[runs[known], arm[known]] += seen[known]
        beta[runs[known], arm[known]] += 1.0 - seen[known]
        lost += rates.max() - rates[arm]
        pulls += np.bincount(arm, minlength=len(test.arms))
    lost /= n_requests
    low, high = np.quantile(lost, [0.025, 0.975])
    regret = Regret(float(lost.mean()), float(low), float(high), n_requests, len(test.arms), _RUNS)
    return regret, pulls / pulls.sum()
