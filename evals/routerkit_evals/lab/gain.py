"""Whether a per-request correction earns its place over the table: measured on items it was not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from routerkit_evals.lab.recorded import Floats, Ints

_RESAMPLES: Final = 400
_SCALES: Final = np.arange(0.0, 2.01, 0.125)


@dataclass(frozen=True, slots=True)
class Gain:
    """Quality gained over the table, averaged over all operating points."""

    mean: float
    low: float
    """One-sided 95 % lower bound."""


def worth(table: Floats, corrected: Floats, score: Floats, folds: Ints, clusters: Ints) -> Gain:
    """What ordering requests by the corrected gain adds to ordering them by the table's.

    For each pair of neighbouring arms the item at rank share r (0 = first to be upgraded) contributes gain·(1 - r) to the area under the
    curve of quality over the share upgraded; the difference between the two orders is summed over neighbours. Ranks are taken within a
    fold, because tables of different folds differ by chance in just the wrong direction.

    Args:
        table: Success probability by the table, items × arms in order of cost; for items outside the fit.
        corrected: The same with the correction.
        score: Outcomes.
        folds: Fold of each item.
        clusters: What is resampled together.
    """
    per_item = np.zeros(len(score))
    for j in range(score.shape[1] - 1):
        gain = np.nan_to_num(score[:, j + 1] - score[:, j])
        moved = _ranks(table[:, j + 1] - table[:, j], folds) - _ranks(corrected[:, j + 1] - corrected[:, j], folds)
        per_item += gain * moved
    means = resampled_means(per_item, clusters, _RESAMPLES)
    return Gain(float(per_item.mean()), float(np.quantile(means, 0.05)))


def resampled_means(values: Floats, clusters: Ints, n_resamples: int) -> Floats:
    """Means of `values` over resamples of whole clusters."""
    n = np.bincount(clusters)
    sums = np.bincount(clusters, values)
    rng = np.random.default_rng(0)
    draws = rng.multinomial(len(n), np.full(len(n), 1.0 / len(n)), size=n_resamples)
    means: Floats = (draws @ sums) / np.maximum(draws @ n, 1)
    return means


def best_scale(base: Floats, shift: Floats, score: Floats) -> float:
    """Factor on the correction under which outcomes outside the fit are likeliest; 0 when it only hurts."""
    known = ~np.isnan(score)
    z, g, y = base[known], shift[known], score[known]
    loss = [float((np.logaddexp(0.0, z + s * g) - y * (z + s * g)).sum()) for s in _SCALES]
    return float(_SCALES[int(np.argmin(loss))])


def make_folds(n: int, n_folds: int, seed: int) -> Ints:
    """Fold number of each of `n` items, sizes as equal as can be."""
    return np.random.default_rng(seed).permutation(np.arange(n) % n_folds)


def brier(p: Floats, score: Floats) -> float:
    """Mean squared error of a probability, unknown outcomes left out."""
    return float(np.nanmean((p - score) ** 2))


def reliability(p: Floats, score: Floats) -> Sequence[tuple[float, float, int]]:
    """Mean prediction, mean outcome and count per tenth of the predictions, unknown outcomes left out."""
    known = ~np.isnan(score)
    order = np.argsort(p[known], kind="stable")
    bins = [part for part in np.array_split(order, 10) if part.size]
    return tuple((float(p[known][part].mean()), float(score[known][part].mean()), int(part.size)) for part in bins)


def _ranks(value: Floats, folds: Ints) -> Floats:
    """Share of the fold that comes before each item when the largest value goes first; ties share the middle of their places."""
    out = np.zeros(len(value))
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        _, place, n = np.unique(-value[rows], return_inverse=True, return_counts=True)
        out[rows] = (np.cumsum(n) - n / 2.0)[place] / len(rows)
    return out
