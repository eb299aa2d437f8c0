"""Intervals of ratios, and who may be on the frontier of price and quality, by drawing clusters of tasks anew.

The draws are those of the Bayesian bootstrap (Rubin 1981): each cluster gets a random weight, the same for every target, so that targets
stay compared on the same tasks. Below about 20 clusters the intervals are too narrow. A share that never varied, all right or all wrong,
gets the Wilson interval over clusters instead: drawing anew says nothing about it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from routerkit.intervals import Interval, wilson
from routerkit_evals.sample import Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DRAWS: Final = 2_000
_SEED: Final = 20260101
_NO_SPREAD: Final = 1e-12
"""Difference of shares that is only rounding."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """What drawing anew says about one target."""

    share: Interval
    """95 % interval of the share of solved tasks, clustered."""
    cost_per_solved_usd: Interval | None
    """95 % interval of dollars per solved task, failures included; None where a cost is unknown; its upper end is infinite where many
    draws solve nothing."""
    p_frontier: float | None
    """Probability that no other target is as good for less, or better for as much, per task; None where any target's cost is unknown."""


def resampled(samples: Iterable[Sample]) -> dict[str, Resampled]:
    """By target; one without a counting sample is left out. Each is taken on its own tasks: give samples of one kind, or of one run."""
    import numpy as np  # 0.1 s, and only a report needs it

    counted = [s for s in samples if s.counts]
    targets = list(dict.fromkeys(s.target for s in counted))
    tables = _tables(counted, targets)
    n_clusters = len(next(iter(tables.values())).n) if tables else 0
    weights = np.random.default_rng(_SEED).exponential(size=(_DRAWS, n_clusters))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = {t: (weights @ table.solved) / (weights @ table.n) for t, table in tables.items()}
        costs = {t: (weights @ table.cost_usd) / (weights @ table.n) for t, table in tables.items()}
    frontier = _frontier([shares[t] for t in targets], [costs[t] for t in targets])
    found = {}
    for target, p in zip(targets, frontier, strict=True):
        share = _share_interval(shares[target], tables[target])
        found[target] = Resampled(share, _cost_interval(costs[target], shares[target], share), p)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Sums by cluster of one target; repetitions of a task averaged."""

    n: Floats
    solved: Floats
    cost_usd: Floats
    """NaN where a cost is unknown."""


def _tables(samples: Sequence[Sample], targets: Sequence[str]) -> Mapping[str, _Table]:
    import numpy as np  # as in resampled

    clusters = {c: i for i, c in enumerate(sorted({_cluster(s) for s in samples}))}
    tasks: defaultdict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        tasks[sample.target, sample.task_version].append(sample)
    tables = {t: _Table(*(np.zeros(len(clusters)) for _ in range(3))) for t in targets}
    for (target, _), answers in tasks.items():
        table, place, n = tables[target], clusters[_cluster(answers[0])], len(answers)
        table.n[place] += 1.0
        table.solved[place] += sum(s.is_solved for s in answers) / n
        table.cost_usd[place] += sum(np.nan if s.cost_usd is None else s.cost_usd for s in answers) / n
    return tables


def _frontier(shares: Sequence[Floats], costs: Sequence[Floats]) -> list[float | None]:
    """Share of draws in which nobody dominates each target."""
    import numpy as np  # as in resampled

    if not shares or any(np.isnan(c).any() for c in costs):
        return [None] * len(shares)
    p, c = np.stack(shares), np.stack(costs)
    found: list[float | None] = []
    for i in range(len(p)):
        is_beaten = ((p >= p[i]) & (c <= c[i]) & ((p > p[i]) | (c < c[i]))).any(axis=0)
        found.append(float(1.0 - is_beaten.mean()))
    return found


def _share_interval(draws: Floats, table: _Table) -> Interval:
    n = int((table.n > 0.0).sum())
    return wilson(float(draws[0]) * n, n) if _never_varied(draws) else _interval(draws)


def _cost_interval(costs: Floats, shares: Floats, share: Interval) -> Interval | None:
    """Of dollars per solved task; from `share`, its interval, where drawing anew never changes it."""
    import numpy as np  # as in resampled

    if np.isnan(costs).any():
        return None
    if _never_varied(shares):
        cost = _interval(costs)
        return Interval(cost.low / share.high, cost.high / share.low if share.low > _NO_SPREAD else np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _interval(np.where(shares > 0.0, costs / shares, np.inf))


def _never_varied(shares: Floats) -> bool:
    return bool(shares.max() - shares.min() < _NO_SPREAD)


def _interval(draws: Floats) -> Interval:
    import numpy as np  # as in resampled

    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    return Interval(float(low), float(high))


def _cluster(sample: Sample) -> str:
    return sample.cluster or sample.task_version
