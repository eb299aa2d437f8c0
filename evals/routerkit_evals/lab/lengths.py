"""How long a request is, and what that says before any outcome: the longer the work, the further models are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from routerkit_evals.lab.reading import Item
from routerkit_evals.lab.recorded import Floats
from routerkit_evals.lab.sparse import logit, sigmoid

GROWTH: Final = 0.2
"""Share by which log-odds between models grow when work is e times as long. Measured .11 ± .09 (SWE-bench), .21 ± .07 (SWT-Bench) and
.44 ± .36 (GSM8K), from which it was taken; .29 ± .04 on MMLU, on which it was checked."""
_MOST: Final = 2.0
"""E-folds beyond which nothing was measured."""


def log_lengths(items: Sequence[Item]) -> Floats:
    """Logarithm of the characters of each prompt; items without one count as of mean length."""
    n = np.array([len(item.prompt) for item in items], dtype=np.float64)
    known = np.log(n[n > 0.0])
    lengths = np.full(len(n), known.mean() if known.size else 0.0)
    lengths[n > 0.0] = known
    return lengths


def stretched(quality: Floats, longer: Floats | float) -> Floats:
    """Success probabilities of longer work: the best arm stays, the others fall behind further.

    Args:
        quality: Arms across.
        longer: E-folds by which the work is longer than that of `quality`; negative = shorter, models move together.

    Source: discrimination of the two-parameter model of item response theory (Birnbaum 1968), a line in the logarithm of the length.
    """
    odds = logit(quality)
    best = odds.max(axis=-1, keepdims=True)
    return sigmoid(best + (odds - best) * (1.0 + GROWTH * np.clip(longer, -_MOST, _MOST)))
