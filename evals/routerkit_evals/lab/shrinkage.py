"""How far a cell of the table is pulled toward where it starts: what all arms share less, what tells them apart more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from routerkit_evals.lab.recorded import Floats
from routerkit_evals.lab.sparse import logit, sigmoid

_N0_RANGE: Final = (4.0, 2_000.0)
_LEAST_CELLS: Final = 3


class Strength(NamedTuple):
    """Samples that the start is worth."""

    common: float
    """For how hard the cell is, for all arms alike."""
    contrast: float
    """For how far apart arms are in it."""


DEFAULT: Final = Strength(20.0, 80.0)
"""Where the data cannot tell. 20 halves the regret of a cold start (reference); contrasts take four to seven times more than what is
common: 90 and 12 on SWE-bench repositories, 22 and 7 on SWT-Bench, 20 and 4 on MMLU subjects."""


def shrunk(scores: Floats, start: Floats, n0: Strength, worth: Floats) -> Floats:
    """Success probability per arm.

    Each arm's posterior mean moves it by some log-odds; the mean of the moves is kept, what is apart from it is shrunk to its own strength.
    An arm without samples moves with the others.

    Args:
        scores: Samples of the cell, items × arms; NaN = unknown.
        start: Probability per arm before them.
        n0: What the start is worth.
        worth: Of one sample, per arm.
    """
    n = (~np.isnan(scores)).sum(axis=0) * worth
    move = logit((np.nansum(scores, axis=0) * worth + n0.common * start) / (n + n0.common)) - logit(start)
    common = float((n * move).sum() / max(n.sum(), 1e-9))
    apart = np.where(n > 0.0, move - common, 0.0) * (n + n0.common) / (n + n0.contrast)
    return sigmoid(logit(start) + common + apart)


def strength(families: Sequence[Sequence[Floats]]) -> Strength:
    """What the cells themselves say that their starts are worth.

    Args:
        families: Cells with the same parent; per cell, samples less the start: items × arms.
    """
    large = [family for family in families if len(family) >= _LEAST_CELLS]
    common = [[_row_means(cell) for cell in family] for family in large]
    contrasts = [[c - m for c, m in zip(cells, means, strict=True)] for cells, means in zip(large, common, strict=True)]
    return Strength(_n0(common, DEFAULT.common), _n0(contrasts, DEFAULT.contrast))


class _Spread(NamedTuple):
    """Sums of squares of one family, all arms together."""

    within: float
    n_free: int
    between: float
    n_cells: int
    """Less one per arm, for the mean of the family."""
    n: float
    """Samples that tell cells apart."""


def _n0(families: Sequence[Sequence[Floats]], default: float) -> float:
    """Variance within cells over the variance between them, families and arms pooled.

    Source: method of moments, one-way analysis of variance (Searle, Casella, McCulloch, Variance Components, 1992, section 3.6).
    """
    if not families:
        return default
    all_of = _Spread(*map(sum, zip(*map(_spread, families), strict=True)))
    if not (all_of.n_free and all_of.within and all_of.n):
        return default
    noise = all_of.within / all_of.n_free
    between = (all_of.between - noise * all_of.n_cells) / all_of.n
    return float(np.clip(noise / between, *_N0_RANGE)) if between > 0.0 else _N0_RANGE[1]


def _spread(family: Sequence[Floats]) -> _Spread:
    n = np.array([(~np.isnan(cell)).sum(axis=0) for cell in family])
    mean = np.array([np.nansum(cell, axis=0) for cell in family]) / np.maximum(n, 1)
    middle = (n * mean).sum(axis=0) / np.maximum(n.sum(axis=0), 1)
    return _Spread(
        within=sum(float(np.nansum((cell - m) ** 2)) for cell, m in zip(family, mean, strict=True)),
        n_free=int(np.maximum(n - 1, 0).sum()),
        between=float((n * (mean - middle) ** 2).sum()),
        n_cells=int((n > 0).sum()) - len(middle),
        n=float((n.sum(axis=0) - (n * n).sum(axis=0) / np.maximum(n.sum(axis=0), 1)).sum()),
    )


def _row_means(cell: Floats) -> Floats:
    n = (~np.isnan(cell)).sum(axis=1, keepdims=True)
    return np.asarray(np.divide(np.nansum(cell, axis=1, keepdims=True), n, out=np.full(n.shape, np.nan), where=n > 0))
