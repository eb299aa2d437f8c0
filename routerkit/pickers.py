"""From ranked candidates to one pick, with the probability of having picked it."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from routerkit.decision import RULE_WEIGHT, Decision

_LEVEL: Final = RULE_WEIGHT / 2
"""What lies between targets that rules prefer, say nothing about, and avoid; shares of the traffic are at most 1."""


class Pick(NamedTuple):
    """The order in which targets are tried, and the probability that its first is first."""

    order: tuple[str, ...]
    propensity: float


def pick(ranked: Sequence[tuple[float, str]], *, picker: str, explore_share: float, seed: int | None) -> Pick:
    """Choose among kept candidates, ranked best first.

    Args:
        ranked: Minus the total, and the name, of each kept candidate, best first.
        picker: `best` takes the first, `weighted` draws by each candidate's total.
        explore_share: Probability, 0..1, of a uniform draw instead.
        seed: Seed of the draw; None = take the first.
    """
    names = tuple([name for _, name in ranked])
    if seed is None or len(names) < 2:
        return Pick(names, 1.0)
    shares = _shares(ranked, picker, explore_share)
    point = random.Random(seed).random() * sum(shares)
    index = bisect(list(accumulate(shares)), point, hi=len(shares) - 1)
    return Pick((names[index], *names[:index], *names[index + 1 :]), shares[index])


def replay(decision: Decision) -> str | None:
    """The pick that follows from what a decision recorded; equals `decision.picked` for every decision we made."""
    kept = sorted((-c.total, c.target) for c in decision.candidates if c.drop is None)
    order = pick(kept, picker=decision.picker, explore_share=decision.explore_share, seed=decision.seed).order
    return order[0] if order else None


def _shares(ranked: Sequence[tuple[float, str]], picker: str, explore_share: float) -> list[float]:
    n = len(ranked)
    if picker == "weighted":
        weights = _weights([-minus for minus, _ in ranked])
        total = sum(weights)
        greedy = [weight / total for weight in weights]
    else:
        greedy = [1.0] + [0.0] * (n - 1)
    return greedy if not explore_share else [(1.0 - explore_share) * share + explore_share / n for share in greedy]


def _weights(totals: Sequence[float]) -> list[float]:
    """What is left of the totals without the rules' term, for the candidates that the rules put level with the first; else 0."""
    base = totals[0] // _LEVEL * _LEVEL
    shares = [total - base if total > base else 0.0 for total in totals]
    return shares if any(shares) else [1.0 if total == base else 0.0 for total in totals]
