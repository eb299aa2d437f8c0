"""Two targets on the same tasks: how much better one is, and how sure that is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from routerkit.intervals import Interval, mean_interval, sign_test


@dataclass(frozen=True, slots=True)
class Difference:
    """`a` less `b` over the tasks that both answered."""

    mean: float
    interval: Interval
    """95 %, paired and clustered, Student's t; as in `routerkit eval compare`."""
    n_tasks: int
    n_clusters: int
    better_a: int
    """Tasks of which `a` solved the larger share of its answers."""
    better_b: int
    p_value: float
    """Exact two-sided sign test of `better_a` against `better_b`."""

    @property
    def is_credible(self) -> bool:
        """Whether the interval excludes 0."""
        return self.interval.low > 0.0 or self.interval.high < 0.0


def difference(pairs: pd.DataFrame) -> Difference:
    """Difference between the columns `a` and `b`, shares solved by task, whose luck tasks of one `cluster` may share."""
    values = [float(v) for v in pairs["a"] - pairs["b"]]
    mean, n_clusters = sum(values) / len(values), pairs["cluster"].nunique()
    better_a, better_b = sum(v > 0 for v in values), sum(v < 0 for v in values)
    interval = mean_interval(values, list(pairs["cluster"]))
    return Difference(mean, interval, len(values), n_clusters, better_a, better_b, sign_test(better_a, better_b))
