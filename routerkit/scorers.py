"""Preferences among the targets that passed the filters: each policy kind turns facts into score terms between 0 and 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from routerkit.decision import Score
from routerkit.facts import Facts
from routerkit.features import Features
from routerkit.rules import Rule
from routerkit.scorecard import Scorecard
from routerkit.settings import PolicySettings

Terms: TypeAlias = tuple[Score, ...]
Scorer: TypeAlias = Callable[[Sequence[Facts], Features, Scorecard, PolicySettings], list[Terms]]
"""Score terms of each target, in the order given."""

_HALF_USD: Final = 0.01
"""Cost at which the cost score is one half: a typical call."""
_HALF_S: Final = 10.0
"""Latency at which the latency score is one half."""
RULE_WEIGHT: Final = 1_000.0
"""Outweighs every sum of other terms: what people wrote down comes first."""


def cheapest(all_facts: Sequence[Facts], features: Features, card: Scorecard, settings: PolicySettings) -> list[Terms]:
    """Least expected cost; unknown prices last."""
    return [(Score("cost", cheapness(f.cost_usd), 1.0),) for f in all_facts]


def fastest(all_facts: Sequence[Facts], features: Features, card: Scorecard, settings: PolicySettings) -> list[Terms]:
    """Shortest expected latency, live if known, else measured in evals; unknown last, the cheaper one first among equals."""
    return [(Score("latency", speed(f.latency_s), 1.0), Score("cost", cheapness(f.cost_usd), 1e-6)) for f in all_facts]


def best(all_facts: Sequence[Facts], features: Features, card: Scorecard, settings: PolicySettings) -> list[Terms]:
    """Highest expected quality, the cheaper one among equals."""
    return [(Score("quality", f.estimate.mean, 1.0), Score("cost", cheapness(f.cost_usd), 1e-6)) for f in all_facts]


def in_order(all_facts: Sequence[Facts], features: Features, card: Scorecard, settings: PolicySettings) -> list[Terms]:
    """The pool's own order; `rules` and `fallback` use it."""
    n = len(all_facts)
    return [(Score("order", 1.0 - i / n, 1.0),) for i in range(n)]


def weighted(all_facts: Sequence[Facts], features: Features, card: Scorecard, settings: PolicySettings) -> list[Terms]:
    """Each target's share of the traffic."""
    weights = [max(settings.weights.get(f.target.name, 1.0), 0.0) for f in all_facts]
    total = sum(weights) or 1.0
    return [(Score("share", w / total, 1.0),) for w in weights]


def cheapest_adequate(all_facts: Sequence[Facts], features: Features, card: Scorecard, settings: PolicySettings) -> list[Terms]:
    """Least expected cost among the targets that probably reach the quality floor; the others after them, likeliest first."""
    floor = settings.quality_floor
    result: list[Terms] = []
    for f in all_facts:
        p = card.p_at_least(f.target.name, features.kind, floor)
        cost = cheapness(f.cost_usd)
        if p >= settings.confidence:
            result.append((Score("adequate", 1.0, 10.0), Score("cost", cost, 1.0)))
        else:
            result.append((Score("adequate", 0.0, 10.0), Score("p_floor", p, 1.0), Score("cost", cost, 1e-6)))
    return result


def bang_for_buck(all_facts: Sequence[Facts], features: Features, card: Scorecard, settings: PolicySettings) -> list[Terms]:
    """Highest utility `V·p - cost - λ·latency` in dollars; an unknown cost counts as the whole value of a success.

    Source: willingness-to-pay rule of RouterBench, with a price for waiting. The terms are shifted into 0..1 by constants common to all
    targets, which leaves the order untouched.
    """
    value = settings.value_usd
    most_usd = max([value, *(f.cost_usd for f in all_facts if f.cost_usd is not None)])
    most_s = max([0.0, *(f.latency_s for f in all_facts if f.latency_s is not None)])
    return [
        (
            Score("quality", f.estimate.mean, value),
            Score("cost", 0.0 if f.cost_usd is None or not most_usd else 1.0 - f.cost_usd / most_usd, most_usd),
            Score("latency", 0.0 if f.latency_s is None or not most_s else 1.0 - f.latency_s / most_s, settings.usd_per_second * most_s),
        )
        for f in all_facts
    ]


SCORERS: Final[Mapping[str, Scorer]] = {
    "cheapest": cheapest,
    "fastest": fastest,
    "best": best,
    "weighted": weighted,
    "rules": in_order,
    "cheapest_adequate": cheapest_adequate,
    "bang_for_buck": bang_for_buck,
    "fallback": in_order,
}


def rule_score(target: str, rules: Sequence[Rule]) -> Score | None:
    """The term by which `prefer` and `avoid` of matching rules act; None when they say nothing of the target."""
    if any(target in rule.prefer for rule in rules):
        return Score("rule", 1.0, RULE_WEIGHT)
    if any(target in rule.avoid for rule in rules):
        return Score("rule", 0.0, RULE_WEIGHT)
    return Score("rule", 0.5, RULE_WEIGHT) if any(rule.prefer or rule.avoid for rule in rules) else None


def cheapness(cost_usd: float | None) -> float:
    """1 for free, one half at a cent, 0 for an unknown price."""
    return 0.0 if cost_usd is None else _HALF_USD / (_HALF_USD + cost_usd)


def speed(latency_s: float | None) -> float:
    """1 for instant, one half at ten seconds, 0 for never measured."""
    return 0.0 if latency_s is None else _HALF_S / (_HALF_S + latency_s)
