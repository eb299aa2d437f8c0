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
    *_, total = bounds = list(accumulate(shares))
    index = bisect(bounds, random.Random(seed).random() * total, hi=len(shares) - 1)
    return Pick((names[index], *names[:index], *names[index + 1 :]), shares[index] / total)


def replay(decision: Decision) -> str | None:
    """The pick that follows from what a decision recorded; equals `decision.picked` for every decision we made."""
    kept = sorted((-c.total, c.target) for c in decision.candidates if c.drop is None)
    order = pick(kept, picker=decision.picker, explore_share=decision.explore_share, seed=decision.seed).order
    return order[0] if order else None


def _shares(ranked: Sequence[tuple[float, str]], picker: str, explore_share: float) -> list[float]:
    """Share of the draw per candidate, up to a common factor."""
    greedy = _weights(ranked) if picker == "weighted" else [1.0] + [0.0] * (len(ranked) - 1)
    if not explore_share:
        return greedy
    total, even = sum(greedy), explore_share / len(ranked)
    return [(1.0 - explore_share) * share / total + even for share in greedy]


def _weights(ranked: Sequence[tuple[float, str]]) -> list[float]:
    """What is left of the totals without the rules' term, for the candidates that the rules put level with the first; else 0."""
    base = -ranked[0][0] // _LEVEL * _LEVEL
    shares = [-minus - base if -minus > base else 0.0 for minus, _ in ranked]
    return shares if any(shares) else [1.0 if -minus == base else 0.0 for minus, _ in ranked]
