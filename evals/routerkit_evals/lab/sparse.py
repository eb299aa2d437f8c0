"""Texts as sparse TF-IDF rows, and a logistic regression on them. numpy only: a matrix library would serve one product."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from routerkit.predictor import N_SLOTS, slot_counts
from routerkit_evals.lab.recorded import Floats, Ints

_NEWTON_STEPS: Final = 5
_CG_STEPS: Final = 12
_CG_SHARE: Final = 1e-4
"""Conjugate gradients stop when the squared residual has fallen to this share."""


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """Rows of a matrix with `N_SLOTS` columns."""

    row: Ints
    slot: Ints
    value: Floats
    n_rows: int

    def times(self, column: Floats) -> Floats:
        """Matrix times vector."""
        return np.asarray(np.bincount(self.row, self.value * column[self.slot], minlength=self.n_rows), dtype=np.float64)

    def transposed_times(self, per_row: Floats) -> Floats:
        """Transposed matrix times vector."""
        return np.asarray(np.bincount(self.slot, self.value * per_row[self.row], minlength=N_SLOTS), dtype=np.float64)

    def rows(self, chosen: Ints) -> Sparse:
        """Some of the rows, renumbered."""
        place = np.full(self.n_rows, -1, dtype=np.intp)
        place[chosen] = np.arange(len(chosen))
        kept = place[self.row] >= 0
        return Sparse(place[self.row[kept]], self.slot[kept], self.value[kept], len(chosen))


def count_words(texts: Sequence[str]) -> Sparse:
    """Word counts of texts, by the same hashing as at decision time."""
    counts = [slot_counts(text) for text in texts]
    row = np.repeat(np.arange(len(texts)), [len(c) for c in counts])
    slot = np.array([s for c in counts for s in c], dtype=np.intp)
    return Sparse(row, slot, np.array([v for c in counts for v in c.values()], dtype=np.float64), len(texts))


def rarity(counts: Sparse) -> array[float]:
    """Inverse document frequency per slot, as the predictor keeps it."""
    seen = np.bincount(counts.slot, minlength=N_SLOTS)
    return array("f", (np.log((1.0 + counts.n_rows) / (1.0 + seen)) + 1.0).tolist())


def tf_idf(counts: Sparse, idf: array[float]) -> Sparse:
    """Rows of length one; the same numbers as `routerkit.predictor.word_vector`."""
    value = (1.0 + np.log(counts.value)) * np.array(idf)[counts.slot]
    length = np.sqrt(np.bincount(counts.row, value * value, minlength=counts.n_rows))
    return Sparse(counts.row, counts.slot, value / length[counts.row], counts.n_rows)


def fit_logistic(rows: Sparse, success: Floats, offset: Floats, ridge: float) -> Floats:
    """Weights w that maximise the likelihood of `success` under sigmoid(offset + rows·w), less ridge/2·|w|².

    Newton's method; each step is solved by conjugate gradients.

    Args:
        rows: Texts.
        success: 0..1 per row; shares of several trials are allowed.
        offset: Log-odds that the table already gives.
        ridge: Strength of the penalty.
    """
    w = np.zeros(N_SLOTS)
    for _ in range(_NEWTON_STEPS):
        p = sigmoid(offset + rows.times(w))
        step = _solved(rows, p * (1.0 - p), rows.transposed_times(success - p) - ridge * w, ridge)
        w += step
        if _dot(step, step) < 1e-6 * _dot(w, w):
            break
    return w


def sigmoid(x: Floats) -> Floats:
    """Probability of log-odds."""
    p: Floats = 1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0)))
    return p


def logit(p: Floats) -> Floats:
    """Log-odds of a probability, kept finite."""
    q = np.clip(p, 1e-4, 1.0 - 1e-4)
    odds: Floats = np.log(q / (1.0 - q))
    return odds


def _dot(a: Floats, b: Floats) -> float:
    """Inner product without BLAS, whose threads spin for longer than these short sums take when other processes want the cores."""
    return float((a * b).sum())


def _solved(rows: Sparse, curvature: Floats, target: Floats, ridge: float) -> Floats:
    x = np.zeros_like(target)
    residual, direction = target.copy(), target.copy()
    size = first = _dot(residual, residual)
    for _ in range(_CG_STEPS):
        if size <= _CG_SHARE * first:
            break
        image = rows.transposed_times(curvature * rows.times(direction)) + ridge * direction
        length = size / _dot(direction, image)
        x += length * direction
        residual -= length * image
        size, old = _dot(residual, residual), size
        direction = residual + size / old * direction
    return x
