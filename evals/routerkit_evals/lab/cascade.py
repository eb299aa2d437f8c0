"""Try cheap, verify, escalate: planned from joint outcomes, refused when the verifier is too weak.

The formulas are the router's own; what differs is the evidence: single items here, with resamples of whole repositories for certainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from routerkit import cascade
from routerkit.cascade import Rates, right_if_accepted
from routerkit_evals.errors import EvalError
from routerkit_evals.lab.paths import Path
from routerkit_evals.lab.recorded import Floats, Ints, Recorded
from routerkit_evals.lab.score import make_weights

_CANDIDATES: Final = 10
"""Arms that a cascade is searched among: the best, and the best for their money. More only fit the noise of the joint matrix."""
_MOST_STEPS: Final = 3
_RESAMPLES: Final = 300
_REPLANS: Final = 20
"""Resamples on which planning is repeated to see how much it flatters itself."""
_CONFIDENCE: Final = 0.9
"""Share of resamples in which the predicted quality must reach the floor."""
_FLOORS: Final = (0.80, 0.85, 0.90, 0.93, 0.95, 0.97, 0.98, 0.99, 1.0)


class Expected(NamedTuple):
    """Per item: what a sequence achieves and costs."""

    quality: Floats
    cost: Floats


@dataclass(frozen=True, slots=True)
class Plan:
    """What the planner decided."""

    steps: tuple[str, ...]
    """Arms in order; one = no cascade."""
    refusal: str
    """Why there is no cascade; empty when there is one."""
    quality: float
    """Predicted, 0..1, corrected for having been chosen because it looked good enough."""
    quality_low: float
    """Bound that the prediction exceeds in nine of ten resamples."""
    cost_usd: float
    """Predicted dollars per request, checks included, corrected for having been chosen because it looked cheap."""
    cost_low_usd: float
    """Lower end of the 95 % prediction interval of the mean over `n_next` further tasks: how they fall is as uncertain as the fit is."""
    cost_high_usd: float
    n_next: int
    right_if_accepted: float
    """P(right | accepted) of the first step; the share of right answers of a single step."""
    floor: float
    """Quality that was asked for."""


class _Optimism(NamedTuple):
    """What a chosen plan truly achieves and costs, as shares of what it seems to."""

    quality: float
    cost: float


class _Choice(NamedTuple):
    """A sequence and how it does on the items it was chosen on."""

    place: int
    quality: Floats
    """Per resample, the items as they are first."""
    right: float
    floor: float


class Planner:
    """Every sequence of one to three candidate arms on every item, worked out once for all floors.

    Args:
        recorded: Joint outcomes to plan on; items with an unknown outcome or cost among the candidates are left out.
        rates: Of the verifier.
        seed: Of the resamples.

    Raises:
        EvalError: no item is left.
    """

    def __init__(self, recorded: Recorded, rates: Rates, *, seed: int = 0) -> None:
        self._part, self._rates, self._seed = candidates(recorded), rates, seed
        if not len(self._part):
            raise EvalError(f"no fitted item has outcomes of all of {', '.join(self._part.arms)}; a cascade is planned on joint outcomes")
        self._sequences = list(cascade.sequences(self._part.arms, _MOST_STEPS))
        done = [expect(self._part, steps, rates) for steps in self._sequences]
        self._quality, self._cost = np.array([d.quality for d in done]), np.array([d.cost for d in done])

    def plan(self, floor_share: float, *, n_next: int | None = None) -> Plan:
        """Least expected cost among sequences whose quality reaches a share of the best single arm's, with confidence.

        Args:
            floor_share: Share of the best arm's quality, 0..1.
            n_next: Tasks that the prediction will be held against; None = as many as were planned on.
        """
        everything = np.arange(len(self._part))
        weights = make_weights(self._part.clusters, _RESAMPLES, self._seed)
        chosen = self._choose(everything, weights, floor_share)
        steps, cost = self._sequences[chosen.place], self._cost[chosen.place]
        optimism, n_next = self._optimism(floor_share), n_next or len(self._part)
        low, high = np.quantile(_next_means(cost, weights[1:], n_next, self._seed), [0.025, 0.975]) * optimism.cost
        return Plan(
            steps,
            _refusal(self._part, self._rates, chosen.floor) if len(steps) == 1 else "",
            quality=float(chosen.quality[0]) * optimism.quality,
            quality_low=float(np.quantile(chosen.quality[1:], 1.0 - _CONFIDENCE)) * optimism.quality,
            cost_usd=float(cost.mean()) * optimism.cost,
            cost_low_usd=float(low),
            cost_high_usd=float(high),
            n_next=n_next,
            right_if_accepted=chosen.right,
            floor=chosen.floor,
        )

    def steps(self, floor_share: float) -> tuple[str, ...]:
        """The sequence of `plan`, without predictions."""
        weights = make_weights(self._part.clusters, _RESAMPLES, self._seed)
        return self._sequences[self._choose(np.arange(len(self._part)), weights, floor_share).place]

    def _choose(self, rows: Ints, weights: Floats, floor_share: float) -> _Choice:
        score, cost = self._part.score[rows], self._cost[:, rows].mean(axis=1)
        shares = score.mean(axis=0)
        floors = floor_share * (weights @ score[:, int(np.argmax(shares))])
        for place in np.argsort(cost, kind="stable"):
            steps = self._sequences[place]
            first = float(shares[self._part.arm(steps[0])])
            right = first if len(steps) == 1 else right_if_accepted(first, self._rates)
            if len(steps) > 1 and right < floors[0]:
                continue
            quality = weights @ self._quality[place, rows]
            if np.mean(quality[1:] >= floors[1:] - 1e-9) >= _CONFIDENCE:
                return _Choice(int(place), quality, right, float(floors[0]))
        raise AssertionError("the best arm alone always reaches a share of itself")

    def _optimism(self, floor_share: float) -> _Optimism:
        """By how much a chosen plan is dearer and worse than it looks on the items it was chosen on.

        Source: Efron, How biased is the apparent error rate of a prediction rule?, 1986: planning on resamples, priced on all items.
        """
        rng = np.random.default_rng(self._seed)
        ratios = []
        for _ in range(_REPLANS):
            rows = np.sort(rng.integers(0, len(self._part), len(self._part)))
            place = self._choose(rows, make_weights(self._part.clusters[rows], _RESAMPLES, self._seed), floor_share).place
            ratios.append([_ratio(whole[place].mean(), whole[place, rows].mean()) for whole in (self._quality, self._cost)])
        quality, cost = np.mean(ratios, axis=0).tolist()
        return _Optimism(quality, cost)


def expect(recorded: Recorded, steps: Sequence[str], rates: Rates) -> Expected:
    """Expected quality and cost of a sequence per item, from what each arm did on that very item; see `routerkit.cascade.expect`."""
    places = [recorded.arm(step) for step in steps]
    rows = zip(recorded.score[:, places].tolist(), recorded.cost_usd[:, places].tolist(), strict=True)
    values = np.array([cascade.expect(scores, costs, rates) for scores, costs in rows]).reshape(-1, 2)
    return Expected(values[:, 0], values[:, 1])


def _next_means(cost: Floats, weights: Floats, n_next: int, seed: int) -> Floats:
    """Means over `n_next` further tasks, one per resample: the resample's own mean, times what drawing so few tasks does to a mean."""
    draws = np.random.default_rng(seed).integers(0, len(cost), (len(weights), n_next))
    means: Floats = (weights @ cost) * cost[draws].mean(axis=1)
    return means / cost.mean() if cost.any() else means


def _ratio(whole: float, part: float) -> float:
    """1 where there is nothing to compare: nobody solves anything, or the cost is that of calls to a weak model, which count 0."""
    return whole / part if part > 0.0 else 1.0


class Shares(NamedTuple):
    """Why realised dollars differ from those of the fit; (1 + escalations)·(1 + prices) - 1 is the whole difference, as shares."""

    escalations: float
    """Had the fit's answers been as dear as they were, but the tasks got as far as these did."""
    prices: float
    """What is left: the answers were dearer or cheaper."""


def attributed(fit: Recorded, test: Recorded, steps: Sequence[str], rates: Rates) -> Shares:
    """Split the difference between the cost of a sequence on two sets of tasks."""
    (before, usd_before), (after, usd_after) = (_asked(part, steps, rates) for part in (fit, test))
    moved = float(after @ (usd_before + rates.cost_usd))
    return Shares(moved / float(before @ (usd_before + rates.cost_usd)) - 1.0, float(after @ (usd_after + rates.cost_usd)) / moved - 1.0)


def _asked(recorded: Recorded, steps: Sequence[str], rates: Rates) -> tuple[Floats, Floats]:
    """Per step: how often it is asked per task, and mean dollars of its answers."""
    part = recorded.columns(steps)
    part = part.rows(np.flatnonzero(part.is_complete & ~np.isnan(part.cost_usd).any(axis=1)))
    asked = np.array([cascade.reaches(scores, rates) for scores in part.score.tolist()])
    share = asked.mean(axis=0)
    return share, (asked * part.cost_usd).mean(axis=0) / np.where(share > 0.0, share, 1.0)


def plan(recorded: Recorded, rates: Rates, *, floor_share: float) -> Plan:
    """Plan for one floor, see `Planner`."""
    return Planner(recorded, rates).plan(floor_share)


def cascade_path(fit: Recorded, test: Recorded, rates: Rates, *, floor_share: float, seed: int) -> tuple[Path, Plan]:
    """Plans for a range of floors, realised on the test items; the frozen point is the floor asked for."""
    floors = sorted({*_FLOORS, floor_share})
    planner = Planner(fit, rates, seed=seed)
    realised = [expect(test, planner.steps(floor), rates) for floor in floors]
    frozen = planner.plan(floor_share, n_next=len(test))
    points = np.array([r.quality for r in realised]), np.array([r.cost for r in realised])
    return Path(*points, floors.index(floor_share), frozen.refusal), frozen


def candidates(recorded: Recorded) -> Recorded:
    """Arms worth a place in a cascade, on the items where all of them are known."""
    known = ~np.isnan(recorded.score) & ~np.isnan(recorded.cost_usd)
    wide = [a for j, a in enumerate(recorded.arms) if known[:, j].sum() >= 0.9 * known.sum(axis=0).max(initial=0)]
    part = recorded.columns(wide)
    quality, cost = np.nanmean(part.score, axis=0), np.nanmean(part.cost_usd, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # calls to a weak model count 0 where no cost is known
        by_money, by_quality = np.argsort(-quality / cost, kind="stable"), np.argsort(-quality, kind="stable")
    chosen = list(dict.fromkeys([*by_quality[: _CANDIDATES // 2].tolist(), *by_money[:_CANDIDATES].tolist()]))[:_CANDIDATES]
    part = part.columns([part.arms[j] for j in sorted(chosen)])
    return part.rows(np.flatnonzero(part.is_complete & ~np.isnan(part.cost_usd).any(axis=1)))


def _refusal(part: Recorded, rates: Rates, floor: float) -> str:
    if rates.true_accept <= rates.false_accept:
        return f"refused: the verifier accepts wrong answers at {rates.false_accept:.2f}, right ones at {rates.true_accept:.2f}"
    shares, costs = part.score.mean(axis=0), part.cost_usd.mean(axis=0)
    cheap = np.flatnonzero(costs < costs[int(np.argmax(shares))])
    surest = int(max(cheap, key=lambda j: shares[j], default=0))
    right = right_if_accepted(float(shares[surest]), rates)
    return (
        f"refused: no cascade reaches the floor {floor:.3f}; with FPR {rates.false_accept:.2f} an accepted answer of {part.arms[surest]} "
        f"is right with {right:.3f}"
    )
