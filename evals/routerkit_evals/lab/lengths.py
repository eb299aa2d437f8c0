"""How long requests are, and what that says before any outcome; see `routerkit.lengths`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from routerkit.lengths import GROWTH, MOST, Lengths
from routerkit_evals.lab.reading import Item
from routerkit_evals.lab.recorded import Floats, Recorded, numbered
from routerkit_evals.lab.sparse import logit, sigmoid


def log_lengths(items: Sequence[Item]) -> Floats:
    """Logarithm of the characters of each prompt; items without one count as of mean length."""
    n = np.array([len(item.prompt) for item in items], dtype=np.float64)
    known = np.log(n[n > 0.0])
    lengths = np.full(len(n), known.mean() if known.size else 0.0)
    lengths[n > 0.0] = known
    return lengths


def stretched(quality: Floats, longer: Floats | float) -> Floats:
    """Success probabilities of longer work: arms move apart, their middle stays.

    Args:
        quality: Arms across.
        longer: E-folds by which the work is longer than that of `quality`; negative = shorter, models move together.

    Source: discrimination of the two-parameter model of item response theory (Birnbaum 1968), a line in the logarithm of the length.
    """
    return sigmoid(logit(quality) + slopes(quality) * np.clip(longer, -MOST, MOST))


def slopes(quality: Floats) -> Floats:
    """Log-odds that each arm gains per e-fold of length, more than none if it is better than the middle of all.

    The middle stays, for whether longer work is harder differs: on the code pools the best arms gain, on GSM8K the others lose. With the
    best held in place instead, Brier scores of the code pools rose by .005 and .002; so they change by less than .001, or fall.
    """
    odds = logit(quality)
    apart: Floats = GROWTH * (odds - odds.mean(axis=-1, keepdims=True))
    return apart


def fit_lengths(recorded: Recorded, quality: Floats) -> Lengths:
    """How long the prompts of each kind are, and what that does to arms of this quality."""
    lengths = log_lengths(recorded.items)
    kinds = [item.kind for item in recorded.items]
    numbers, names = numbered(kinds), list(dict.fromkeys(kinds))
    typical = np.bincount(numbers, lengths, minlength=len(names)) / np.bincount(numbers, minlength=len(names))
    return Lengths(dict(zip(names, typical.tolist(), strict=True)), dict(zip(recorded.arms, slopes(quality).tolist(), strict=True)))
