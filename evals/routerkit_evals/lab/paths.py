"""A routing policy as its operating points: what each would cost and achieve on every item."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from routerkit_evals.lab.metrics import TARGET_SHARE, hull
from routerkit_evals.lab.recorded import Floats, Ints, Recorded

_POINTS: Final = 101


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Operating points of a policy, cheapest first."""

    quality: Floats
    """Points × items: score at that point, a mean where the policy mixes."""
    cost: Floats
    """Points × items, dollars, or calls to the strong model."""
    frozen: int
    """The point chosen before seeing outcomes: least predicted cost with 95 % of the best predicted quality."""
    note: str = ""
    """What the policy itself had to say: gates, guards, refusals."""

    def items(self, chosen: Ints) -> Path:
        """The same points on some of the items."""
        return replace(self, quality=self.quality[:, chosen], cost=self.cost[:, chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What a policy expects: items × arms."""

    quality: Floats
    cost: Floats


def single(test: Recorded, arm: str) -> Path:
    """Always the same arm."""
    j = test.arm(arm)
    return Path(test.score[:, j][None, :], test.cost_usd[:, j][None, :], 0)


def threshold_path(test: Recorded, weak: str, strong: str, forecast: Forecast) -> Path:
    """Upgrade the items with the largest expected gain first, at every share from none to all; ties are upgraded in equal parts.

    Args:
        test: Outcomes.
        weak: The arm everything starts at.
        strong: The arm to upgrade to.
        forecast: For these two arms, in this order.
    """
    gain = forecast.quality[:, 1] - forecast.quality[:, 0]
    shares = np.linspace(0.0, 1.0, _POINTS)
    upgraded = np.array([_upgraded(gain, share) for share in shares])
    expected = _mixed(forecast.quality, upgraded).mean(axis=1)
    both = test.columns([weak, strong])
    return Path(_mixed(both.score, upgraded), _mixed(both.cost_usd, upgraded), _first_good(expected, expected.max()))


def value_path(test: Recorded, arms: tuple[str, ...], forecast: Forecast) -> Path:
    """For every worth of a success, the arm with the highest worth·quality - cost.

    Args:
        test: Outcomes.
        arms: What may be chosen.
        forecast: For these arms, in this order.

    Source: willingness-to-pay rule of RouterBench.
    """
    picks = np.array([np.argmax(worth * forecast.quality - forecast.cost, axis=1) for worth in _worths(forecast)])
    places = np.arange(len(test))
    part = test.columns(arms)
    expected_quality = forecast.quality[places, picks].mean(axis=1)
    expected_cost = forecast.cost[places, picks].mean(axis=1)
    order = np.argsort(expected_cost, kind="stable")
    frozen = _first_good(expected_quality[order], forecast.quality.mean(axis=0).max())
    return Path(part.score[places, picks[order]], part.cost_usd[places, picks[order]], frozen)


def mixing_path(test: Recorded, arms: tuple[str, ...], forecast: Forecast) -> Path:
    """Random mixes of neighbouring arms, without looking at the request: the zero router."""
    part = test.columns(arms)
    per_leg = max(2, (_POINTS - 1) // max(1, len(arms) - 1))
    shares = np.linspace(0.0, 1.0, per_leg + 1)
    weights: list[Floats] = []
    for j in range(max(1, len(arms) - 1)):
        for share in shares if j == 0 else shares[1:]:
            weight = np.zeros(len(arms))
            weight[j] += 1.0 - share
            weight[min(j + 1, len(arms) - 1)] += share
            weights.append(weight)
    mix = np.array(weights)
    expected = (mix @ forecast.quality.T).mean(axis=1)
    return Path(mix @ part.score.T, mix @ part.cost_usd.T, _first_good(expected, expected.max()))


def oracle_path(test: Recorded, arms: tuple[str, ...]) -> Path:
    """What knowing every outcome beforehand would give; a bound, noise of single runs included."""
    part = test.columns(arms)
    return value_path(test, arms, Forecast(part.score, part.cost_usd))


def hull_arms(arms: tuple[str, ...], quality: Floats, cost: Floats) -> tuple[str, ...]:
    """Arms on the hull of mean cost and quality, cheapest first.

    Args:
        arms: Names.
        quality: Mean expected quality per arm; NaN = unknown, left out.
        cost: Mean expected cost per arm; NaN = unknown, left out.
    """
    known = np.flatnonzero(~np.isnan(quality) & ~np.isnan(cost))
    top = hull(cost[known], quality[known])
    points = {(float(cost[i]), float(quality[i])): arms[i] for i in reversed(known.tolist())}
    return tuple(points[c, q] for c, q in zip(top.cost.tolist(), top.quality.tolist(), strict=True))


def _upgraded(gain: Floats, share: float) -> Floats:
    """Probability of an upgrade per item when `share` of the items is upgraded."""
    quota = share * len(gain)
    _, place, n = np.unique(-gain, return_inverse=True, return_counts=True)
    before = np.cumsum(n) - n
    within: Floats = np.clip((quota - before) / n, 0.0, 1.0)[place]
    return within


def _mixed(pair: Floats, upgraded: Floats) -> Floats:
    mixed: Floats = (1.0 - upgraded) * pair[:, 0] + upgraded * pair[:, 1]
    return mixed


def _worths(forecast: Forecast) -> Floats:
    """Values of a success between which some item changes its arm, as quantiles, and both ends."""
    gain = np.diff(forecast.quality, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        turns = (np.diff(forecast.cost, axis=1) / gain)[gain > 0]
    turns = turns[np.isfinite(turns) & (turns > 0)]
    if not turns.size:
        return np.array([0.0, 1e6])
    inner = np.unique(np.quantile(turns, np.linspace(0.0, 1.0, _POINTS - 2)))
    return np.concatenate([[0.0], inner * (1.0 - 1e-9), [inner[-1] * (1.0 + 1e-6)], [inner[-1] * 1e3]])


def _first_good(expected: Floats, best: float) -> int:
    good = np.flatnonzero(expected >= TARGET_SHARE * best - 1e-12)
    return int(good[0]) if good.size else len(expected) - 1
