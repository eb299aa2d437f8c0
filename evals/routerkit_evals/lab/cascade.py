"""Try cheap, verify, escalate: planned from joint outcomes, refused when the verifier is too weak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final, NamedTuple

import numpy as np

from routerkit_evals.lab.paths import Path
from routerkit_evals.lab.recorded import Floats, Recorded
from routerkit_evals.lab.score import make_weights

_CANDIDATES: Final = 10
"""Arms that a cascade is searched among: the best, and the best for their money. More only fit the noise of the joint matrix."""
_MOST_STEPS: Final = 3
_RESAMPLES: Final = 300
_CONFIDENCE: Final = 0.9
"""Share of resamples in which the predicted quality must reach the floor."""
_FLOORS: Final = (0.80, 0.85, 0.90, 0.93, 0.95, 0.97, 0.98, 0.99, 1.0)


class Verifier(NamedTuple):
    """How well answers are checked; errors are independent given whether the answer is right."""

    true_accept: float
    """Share of right answers accepted (TPR)."""
    false_accept: float
    """Share of wrong answers accepted (FPR)."""
    cost_usd: float = 0.0
    """Per check."""


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
    """Predicted, 0..1."""
    quality_low: float
    """Bound that the prediction exceeds in nine of ten resamples."""
    cost_usd: float
    """Predicted dollars per request, checks included."""
    cost_low_usd: float
    """Ends of the 95 % interval of the prediction; at a hundred items it is easily a quarter of the cost wide."""
    cost_high_usd: float
    right_if_accepted: float
    """P(right | accepted) of the first step; the share of right answers of a single step."""
    floor: float
    """Quality that was asked for."""


def expect(recorded: Recorded, steps: Sequence[str], verifier: Verifier) -> Expected:
    """Expected quality and cost of a sequence per item, from what each arm did on that very item.

    The last answer is delivered whether or not it would be accepted, so it is not checked.

    Source: E[cost] = c1 + v + (1 - a1)·(c2 + …), a = s·TPR + (1 - s)·FPR (reference, 5.5).
    """
    quality, cost = np.zeros(len(recorded)), np.zeros(len(recorded))
    reached = np.ones(len(recorded))
    for place, arm in enumerate(steps):
        score, usd = recorded.score[:, recorded.arm(arm)], recorded.cost_usd[:, recorded.arm(arm)]
        is_last = place == len(steps) - 1
        accepted = np.ones(len(recorded)) if is_last else _accepted(score, verifier)
        quality += reached * accepted * score
        cost += reached * (usd + (0.0 if is_last else verifier.cost_usd))
        reached = reached * (1.0 - accepted)
    return Expected(quality, cost)


def plan(recorded: Recorded, verifier: Verifier, *, floor_share: float, seed: int = 0) -> Plan:
    """Least expected cost among sequences of one to three steps whose quality reaches a share of the best single arm's, with confidence.

    Args:
        recorded: Joint outcomes to plan on; items with an unknown outcome or cost among the candidates are left out.
        verifier: Its measured rates.
        floor_share: Share of the best arm's quality, 0..1.
        seed: Of the resamples.
    """
    part = candidates(recorded)
    weights = make_weights(part.clusters, _RESAMPLES, seed)
    best = max(part.arms, key=lambda arm: float(part.score[:, part.arm(arm)].mean()))
    floors = floor_share * (weights @ part.score[:, part.arm(best)])
    for steps, cost in _cheapest_first(part, verifier):
        expected = expect(part, steps, verifier)
        quality = weights @ expected.quality
        right = right_if_accepted(part, steps[0], verifier) if len(steps) > 1 else float(quality[0])
        if len(steps) > 1 and right < floors[0]:
            continue
        if np.mean(quality[1:] >= floors[1:] - 1e-9) >= _CONFIDENCE:
            why = _refusal(part, verifier, float(floors[0])) if len(steps) == 1 else ""
            low, high = np.quantile(weights[1:] @ expected.cost, [0.025, 0.975])
            return Plan(
                steps,
                why,
                quality=float(quality[0]),
                quality_low=float(np.quantile(quality[1:], 1.0 - _CONFIDENCE)),
                cost_usd=cost,
                cost_low_usd=float(low),
                cost_high_usd=float(high),
                right_if_accepted=right,
                floor=float(floors[0]),
            )
    raise AssertionError("the best arm alone always reaches a share of itself")


def cascade_path(fit: Recorded, test: Recorded, verifier: Verifier, *, floor_share: float, seed: int) -> tuple[Path, Plan]:
    """Plans for a range of floors, realised on the test items; the frozen point is the floor asked for."""
    floors = sorted({*_FLOORS, floor_share})
    plans = [plan(fit, verifier, floor_share=floor, seed=seed) for floor in floors]
    realised = [expect(test, p.steps, verifier) for p in plans]
    frozen = floors.index(floor_share)
    path = Path(np.array([r.quality for r in realised]), np.array([r.cost for r in realised]), frozen, plans[frozen].refusal)
    return path, plans[frozen]


def candidates(recorded: Recorded) -> Recorded:
    """Arms worth a place in a cascade, on the items where all of them are known."""
    known = ~np.isnan(recorded.score) & ~np.isnan(recorded.cost_usd)
    wide = [a for j, a in enumerate(recorded.arms) if known[:, j].sum() >= 0.9 * known.sum(axis=0).max(initial=0)]
    part = recorded.columns(wide)
    quality, cost = np.nanmean(part.score, axis=0), np.nanmean(part.cost_usd, axis=0)
    by_money, by_quality = np.argsort(-quality / cost, kind="stable"), np.argsort(-quality, kind="stable")
    chosen = list(dict.fromkeys([*by_quality[: _CANDIDATES // 2].tolist(), *by_money[:_CANDIDATES].tolist()]))[:_CANDIDATES]
    part = part.columns([part.arms[j] for j in sorted(chosen)])
    return part.rows(np.flatnonzero(part.is_complete & ~np.isnan(part.cost_usd).any(axis=1)))


def right_if_accepted(recorded: Recorded, arm: str, verifier: Verifier) -> float:
    """P(right | accepted) = p·TPR / (p·TPR + (1 - p)·FPR)."""
    p = float(recorded.score[:, recorded.arm(arm)].mean())
    accepted = p * verifier.true_accept + (1.0 - p) * verifier.false_accept
    return p * verifier.true_accept / accepted if accepted else 0.0


def _cheapest_first(part: Recorded, verifier: Verifier) -> Iterator[tuple[tuple[str, ...], float]]:
    sequences = [s for n in range(1, _MOST_STEPS + 1) for s in permutations(part.arms, n)]
    costs = np.array([expect(part, s, verifier).cost.mean() for s in sequences])
    for i in np.argsort(costs, kind="stable"):
        yield sequences[i], float(costs[i])


def _refusal(part: Recorded, verifier: Verifier, floor: float) -> str:
    if verifier.true_accept <= verifier.false_accept:
        return f"refused: the verifier accepts wrong answers at {verifier.false_accept:.2f}, right ones at {verifier.true_accept:.2f}"
    surest = max(part.arms, key=lambda arm: right_if_accepted(part, arm, verifier) if _is_cheap(part, arm) else 0.0)
    right = right_if_accepted(part, surest, verifier)
    return (
        f"refused: no cascade reaches the floor {floor:.3f}; with FPR {verifier.false_accept:.2f} an accepted answer of {surest} "
        f"is right with {right:.3f}"
    )


def _is_cheap(part: Recorded, arm: str) -> bool:
    best = int(np.argmax(part.score.mean(axis=0)))
    return bool(part.cost_usd[:, part.arm(arm)].mean() < part.cost_usd[:, best].mean())


def _accepted(score: Floats, verifier: Verifier) -> Floats:
    accepted: Floats = score * verifier.true_accept + (1.0 - score) * verifier.false_accept
    return accepted
