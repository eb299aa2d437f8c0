"""Numbers about a policy's curve of cost and quality. Definitions: docs/routing-lab.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from routerkit_evals.lab.recorded import Floats

TARGET_SHARE: Final = 0.95
"""Share of the best model's quality that a saving is quoted at."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Mean cost and quality of a policy at its operating points."""

    cost: Floats
    """Dollars per request, or share of calls to the strong model where no cost is known; ascending."""
    quality: Floats


@dataclass(frozen=True, slots=True)
class Ends:
    """The two single models that a curve runs between."""

    weak_cost: float
    weak_quality: float
    strong_cost: float
    strong_quality: float


def hull(cost: Floats, quality: Floats) -> Curve:
    """Non-decreasing concave upper hull: what can be had by mixing points at random.

    Source: RouterBench's zero router, Hu et al. 2024.
    """
    kept: list[tuple[float, float]] = []
    for c, q in sorted(zip(cost.tolist(), quality.tolist(), strict=True), key=lambda p: (p[0], -p[1])):
        if kept and q <= kept[-1][1]:
            continue
        while len(kept) > 1 and _is_under(kept[-2], kept[-1], (c, q)):
            kept.pop()
        if not (kept and kept[-1][0] == c):
            kept.append((c, q))
    return Curve(np.array([c for c, _ in kept]), np.array([q for _, q in kept]))


def aiq(curve: Curve, low: float, high: float) -> float:
    """Mean quality of the curve's hull over a range of costs; flat beyond either end.

    Source: RouterBench, but divided by `high - low`, over which the area is taken, and not by `high`.
    """
    if not high > low:
        return float("nan")
    top = hull(curve.cost, curve.quality)
    xs = np.unique(np.concatenate([[low, high], top.cost[(top.cost > low) & (top.cost < high)]]))
    return float(np.trapezoid(np.interp(xs, top.cost, top.quality), xs) / (high - low))


def cost_at(curve: Curve, quality: float) -> float:
    """Least cost on the curve's hull at which `quality` is reached; NaN where it never is."""
    top = hull(curve.cost, curve.quality)
    if quality > top.quality[-1]:
        return float("nan")
    return float(np.interp(quality, top.quality, top.cost))


def saving_at(curve: Curve, ends: Ends) -> float:
    """1 - least cost with TARGET_SHARE of the strong quality / cost of always the strong model; NaN where the policy never gets there."""
    return 1.0 - cost_at(curve, TARGET_SHARE * ends.strong_quality) / ends.strong_cost if ends.strong_cost > 0 else float("nan")


def recovered(curve: Curve, ends: Ends) -> tuple[Floats, Floats]:
    """PGR over the share of the cost range: x 0..1 from the weak to the strong model's cost, y the share of the quality gap recovered."""
    x = (curve.cost - ends.weak_cost) / (ends.strong_cost - ends.weak_cost)
    y = (curve.quality - ends.weak_quality) / (ends.strong_quality - ends.weak_quality)
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def apgr(curve: Curve, ends: Ends) -> float:
    """Area under PGR; a random mix has 0.5. NaN when the strong model is no better.

    Source: RouteLLM, Ong et al. 2024; all thresholds instead of ten bins.
    """
    if not (ends.strong_quality > ends.weak_quality and ends.strong_cost > ends.weak_cost):
        return float("nan")
    x, y = recovered(curve, ends)
    grid = np.unique(np.concatenate([[0.0, 1.0], x[(x > 0.0) & (x < 1.0)]]))
    return float(np.trapezoid(np.interp(grid, x, y), grid))


def cpt(curve: Curve, ends: Ends, share: float) -> float:
    """Least share of the cost range (of strong calls, for a pair) at which PGR reaches `share`; NaN if never.

    Source: RouteLLM's call-performance threshold.
    """
    if not (ends.strong_quality > ends.weak_quality and ends.strong_cost > ends.weak_cost):
        return float("nan")
    x, y = recovered(curve, ends)
    reached = np.flatnonzero(y >= share)
    if not reached.size:
        return float("nan")
    i = int(reached[0])
    if i == 0 or y[i] == y[i - 1]:
        return float(x[i])
    return float(x[i - 1] + (share - y[i - 1]) / (y[i] - y[i - 1]) * (x[i] - x[i - 1]))


def _is_under(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies on or under the line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])
