"""Where exploring draws go: evenly, or by how probably each target is the right pick (Thompson sampling), within a budget.

Thompson sampling draws one world from what is believed and takes the pick that would be right in it. Here a fixed set of worlds is drawn
once per pool and task kind, and the right pick counted in all of them: that share *is* the probability with which the target is drawn, so
the logged propensity is exact, and a decision can be replayed from what it recorded.

Source: Thompson, On the likelihood that one unknown probability exceeds another, Biometrika 25 (1933); probability matching.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from routerkit.case import Case, Panel
from routerkit.pickers import LEVEL
from routerkit.posterior import Estimate

WEIGHS_QUALITY: Final = ("best", "bang_for_buck", "cheapest_adequate")
"""Policy kinds that Thompson sampling can serve: in the others no belief about quality changes the pick."""
N_WORLDS: Final = 64
"""A target that is right in fewer than one of so many worlds is not drawn."""


class Exploration(NamedTuple):
    """How a decision explores."""

    share: float = 0.0
    """Probability, 0..1, of an exploring draw."""
    spread: tuple[float, ...] = ()
    """Share of the exploring draws per ranked candidate; sums to 1, empty without exploration."""
    why_not: str = ""
    """Why there is none, where somebody might wonder."""

    def notes(self, best: str) -> tuple[str, ...]:
        """What the decision says about it; `best` is the target passed over for another, if one was."""
        said = self.why_not or (f"exploring: {best} would have been the pick" if best else "")
        return (said,) if said else ()


NO_EXPLORATION: Final = Exploration()


def exploration(case: Case, kind: str, ranking: Sequence[int], sums: Sequence[float], *, is_planned: bool = False) -> Exploration:
    """How a request explores: not at all with a protected tag, a spent budget or a planned cascade, never below what rules put first.

    Args:
        case: The request.
        kind: Kind of the policy.
        ranking: Places of the kept targets, best first.
        sums: Totals of all targets by place.
        is_planned: Whether a cascade begins with the first of them: another in front would go without its checks and its quality.
    """
    settings, left_usd = case.settings, case.snapshot.explore_left_usd
    if not ranking or not set(settings.protected_tags).isdisjoint(case.features.tags):
        return NO_EXPLORATION
    if is_planned:
        return Exploration(why_not="does not explore: a cascade is planned")
    best = ranking[0]
    level = sums[best] // LEVEL
    arms = ranking
    if left_usd is not None or sums[ranking[-1]] // LEVEL < level:
        arms = [i for i in ranking if sums[i] // LEVEL >= level]
    if left_usd is not None:
        arms = [i for i in arms if i == best or case.costs_usd[i] <= left_usd]
    if left_usd is not None and len(arms) == 1:
        return Exploration(why_not=f"does not explore: nothing fits the ${max(left_usd, 0.0):.4f} left for that today")
    if settings.explore_by == "even" and len(arms) == len(ranking):
        return Exploration(settings.explore_share, (1.0 / len(arms),) * len(arms))
    wins = _thompson(case, kind, arms, sums) if settings.explore_by == "thompson" else dict.fromkeys(arms, 1)
    total = sum(wins.values())
    return Exploration(settings.explore_share, tuple([wins.get(i, 0) / total for i in ranking]))


def _thompson(case: Case, kind: str, arms: Sequence[int], sums: Sequence[float]) -> dict[int, int]:
    """In how many worlds each arm is the right pick."""
    if kind == "cheapest_adequate":
        order = sorted(arms, key=lambda i: (case.costs_usd[i], case.panel.names[i]))
        return _adequate_wins(case.panel, tuple(order), case.settings.quality_floor)
    return _utility_wins(case.panel, arms, sums, worth=1.0 if kind == "best" else case.settings.value_usd)


@lru_cache(maxsize=4096)
def _adequate_wins(panel: Panel, cheapest_first: tuple[int, ...], floor: float) -> dict[int, int]:
    """The cheapest arm that reaches the floor wins a world; where none does, the best."""
    return Counter(_first_adequate(world, cheapest_first, floor) for world in _worlds(panel))


def _first_adequate(world: Sequence[float], cheapest_first: Sequence[int], floor: float) -> int:
    for i in cheapest_first:
        if world[i] >= floor:
            return i
    return max(cheapest_first, key=world.__getitem__)


def _utility_wins(panel: Panel, arms: Sequence[int], sums: Sequence[float], *, worth: float) -> dict[int, int]:
    """The arm with the highest total wins, its expected quality replaced by that of the world."""
    bases = [-math.inf] * len(sums)
    for i in arms:
        bases[i] = sums[i] - worth * panel.qualities[i]
    most = max(bases)
    first, wins = bases.index(most), dict[int, int]()
    for gains, ranked in _ranked_worlds(panel, worth):
        best, total = first, most + gains[first]
        for gain, i in ranked:
            if gain + most <= total:
                break  # nobody further down can win; of fifty arms few are looked at
            if bases[i] + gain > total:
                best, total = i, bases[i] + gain
        wins[best] = wins.get(best, 0) + 1
    return wins


@lru_cache(maxsize=1024)
def _worlds(panel: Panel) -> tuple[tuple[float, ...], ...]:
    """Qualities of all targets, in the order of the pool, in each of the worlds."""
    columns = [_draws(name, estimate) for name, estimate in zip(panel.names, panel.estimates, strict=True)]
    return tuple(zip(*columns, strict=True))


def _draws(name: str, estimate: Estimate) -> list[float]:
    # Seeded by the name: the order of the pool must not matter, nor which process draws.
    dice = random.Random(name)
    return [dice.betavariate(estimate.alpha, estimate.beta) for _ in range(N_WORLDS)]


class _Ranked(NamedTuple):
    """What quality adds to each target's total in one world."""

    gains: tuple[float, ...]
    """In the order of the pool."""
    ranked: tuple[tuple[float, int], ...]
    """With the places of the targets, highest gain first."""


@lru_cache(maxsize=1024)
def _ranked_worlds(panel: Panel, worth: float) -> tuple[_Ranked, ...]:
    gains = [tuple([worth * quality for quality in world]) for world in _worlds(panel)]
    return tuple([_Ranked(g, tuple(sorted(zip(g, range(len(g)), strict=True), reverse=True))) for g in gains])
