"""From ranked candidates to one pick, with the probability of having picked it."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from routerkit.decision import RULE_WEIGHT, Decision

LEVEL: Final = RULE_WEIGHT / 2
"""What lies between targets that rules prefer, say nothing about, and avoid; shares of the traffic are at most 1."""


class Pick(NamedTuple):
    """The order in which targets are tried, and the probability that its first is first."""

    order: tuple[str, ...]
    propensity: float


def pick(ranked: Sequence[tuple[float, str]], *, picker: str, explore_share: float, seed: int | None, spread: Sequence[float] = ()) -> Pick:
    """Choose among kept candidates, ranked best first.

    Args:
        ranked: Minus the total, and the name, of each kept candidate, best first.
        picker: `best` takes the first, `weighted` draws by each candidate's total.
        explore_share: Probability, 0..1, of an exploring draw instead.
        seed: Seed of the draw; None = take the first.
        spread: Share of the exploring draws per candidate; empty = even.
    """
    names = tuple([name for _, name in ranked])
    if seed is None or len(names) < 2:
        return Pick(names, 1.0)
    shares = _shares(ranked, picker, explore_share, spread)
    *_, total = bounds = list(accumulate(shares))
    index = bisect(bounds, random.Random(seed).random() * total, hi=len(shares) - 1)
    return Pick((names[index], *names[:index], *names[index + 1 :]), shares[index] / total)


def replay(decision: Decision) -> str | None:
    """The pick that follows from what a decision recorded; equals `decision.picked` for every decision we made."""
    ranked, spread = _recorded(decision)
    order = pick(ranked, picker=decision.picker, explore_share=decision.explore_share, seed=decision.seed, spread=spread).order
    return order[0] if order else None


def chances(decision: Decision) -> dict[str, float]:
    """Probability with which each kept target is the pick of such a decision; `decision.propensity` is that of its own pick."""
    ranked, spread = _recorded(decision)
    if decision.seed is None or len(ranked) < 2:
        return {name: 1.0 if i == 0 else 0.0 for i, (_, name) in enumerate(ranked)}
    shares = _shares(ranked, decision.picker, decision.explore_share, spread)
    total = sum(shares)
    return {name: share / total for (_, name), share in zip(ranked, shares, strict=True)}


def _recorded(decision: Decision) -> tuple[list[tuple[float, str]], tuple[float, ...]]:
    kept = sorted([(-c.total, c.target, c.explored_rate) for c in decision.candidates if c.drop is None])
    return [(minus, name) for minus, name, _ in kept], tuple([rate for *_, rate in kept])


def _shares(ranked: Sequence[tuple[float, str]], picker: str, explore_share: float, spread: Sequence[float]) -> list[float]:
    """Share of the draw per candidate, up to a common factor."""
    greedy = _weights(ranked) if picker == "weighted" else [1.0] + [0.0] * (len(ranked) - 1)
    if not explore_share:
        return greedy
    total = sum(greedy)
    spread = spread if any(spread) else [1.0 / len(ranked)] * len(ranked)
    return [(1.0 - explore_share) * share / total + explore_share * part for share, part in zip(greedy, spread, strict=True)]


def _weights(ranked: Sequence[tuple[float, str]]) -> list[float]:
    """What is left of the totals without the rules' term, for the candidates that the rules put level with the first; else 0."""
    base = -ranked[0][0] // LEVEL * LEVEL
    shares = [-minus - base if -minus > base else 0.0 for minus, _ in ranked]
    return shares if any(shares) else [1.0 if -minus == base else 0.0 for minus, _ in ranked]
