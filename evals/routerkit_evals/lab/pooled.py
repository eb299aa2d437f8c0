"""What kinds of work have in common, seen in their texts: where a kind with few labels starts in the table."""

from __future__ import annotations

from typing import Final

import numpy as np

from routerkit_evals.lab.gain import make_folds
from routerkit_evals.lab.lengths import log_lengths, stretched
from routerkit_evals.lab.recorded import Floats, Recorded
from routerkit_evals.lab.sparse import count_words, fit_logistic, logit, rarity, sigmoid, tf_idf

_MOST_ITEMS: Final = 1_000
"""Above it kinds speak for themselves (MMLU: nothing gained), and the fits would take minutes."""
_FOLDS: Final = 10
_RIDGE: Final = 1.0


def text_expectations(recorded: Recorded, *, seed: int = 0) -> Floats | None:
    """Success probability of every item and arm by length and words of its text, from a fit on the other folds of all kinds together.

    Averaged over a kind this says how hard work *like* that kind's is, which few labels of the kind itself cannot; it is a value of the
    kind, not of a request. None where there is nothing to pool: one kind only, no texts, or plenty of labels.
    """
    if len(recorded) > _MOST_ITEMS or len({i.kind for i in recorded.items}) < 2 or not any(recorded.texts) or len(recorded) < _FOLDS:
        return None
    lengths = log_lengths(recorded.items)
    longer = (lengths - lengths.mean())[:, None]
    counts, folds = count_words(recorded.texts), make_folds(len(recorded), _FOLDS, seed)
    expected = np.empty_like(recorded.score)
    for fold in range(_FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        idf = rarity(counts.rows(inside))
        fitted, held = tf_idf(counts.rows(inside), idf), tf_idf(counts.rows(outside), idf)
        base = logit(stretched(_rates(recorded.score[inside]), longer))
        for j in range(len(recorded.arms)):
            known = np.flatnonzero(~np.isnan(recorded.score[inside, j]))
            weights = fit_logistic(fitted.rows(known), recorded.score[inside[known], j], base[inside[known], j], _RIDGE)
            expected[outside, j] = sigmoid(base[outside, j] + held.times(weights))
    return expected


def _rates(score: Floats) -> Floats:
    """Share of right answers per arm; a half where none is known."""
    n = (~np.isnan(score)).sum(axis=0)
    return np.asarray(np.divide(np.nansum(score, axis=0), n, out=np.full(len(n), 0.5), where=n > 0))
