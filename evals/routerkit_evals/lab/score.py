"""Scoring a policy's path, with bootstrap intervals clustered by repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from routerkit.intervals import wilson
from routerkit_evals.lab.metrics import Curve, Ends, aiq, apgr, cpt, saving_at
from routerkit_evals.lab.paths import Path
from routerkit_evals.lab.recorded import Floats, Ints

METRICS: Final = (
    "quality",
    "quality_share",
    "cost_usd",
    "saving",
    "saving_at_95",
    "apgr",
    "cpt50",
    "cpt80",
    "aiq",
    "aiq_gain_over_static",
    "aiq_gain_over_table",
)
_SHARES: Final = ("quality", "aiq")
_NO_SPREAD: Final = 1e-12
"""Width that is only rounding."""


class Bounded(NamedTuple):
    """A number with its 95 % interval; all None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What all policies of one comparison share."""

    weak: Path
    strong: Path
    """The single models at the two ends of the curves; the strong one is the best on the test items."""
    cheapest: Path
    """Every policy may fall back to it, so that areas start at the same cost."""
    weights: Floats
    """Resamples × items; the first row is the items as they are."""
    n_clusters: int
    """What is resampled together."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One policy's numbers."""

    name: str
    metrics: Mapping[str, Bounded]
    curve: Curve
    note: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)
    """What only this policy has: a plan, a regret."""


def make_weights(clusters: Ints, n_resamples: int, seed: int) -> Floats:
    """Weight of every item in the sample itself (first row) and in resamples of whole clusters; rows sum to one."""
    n = len(clusters)
    if not n_resamples or not n:
        return np.full((1, n), 1.0 / max(n, 1))
    k = int(clusters.max()) + 1
    draws = np.random.default_rng(seed).multinomial(k, np.full(k, 1.0 / k), size=n_resamples)
    weights = np.vstack([np.ones((1, n)), draws[:, clusters]]).astype(np.float64)
    total = weights.sum(axis=1, keepdims=True)
    kept: Floats = weights[total[:, 0] > 0] / total[total[:, 0] > 0]
    return kept


def score(name: str, path: Path, scene: Scene, *, static: Floats | None = None, table: Floats | None = None) -> Scored:
    """All metrics of a policy.

    Args:
        name: Of the policy.
        path: Its operating points.
        scene: Ends, and the resamples.
        static: Areas of the hull of single models, which `aiq_gain_over_static` is taken against.
        table: Areas of the table policy.
    """
    samples = _samples(path, scene)
    for metric, other in (("aiq_gain_over_static", static), ("aiq_gain_over_table", table)):
        samples[metric] = samples["aiq"] - (np.nan if other is None else other)
    curve = Curve(*(scene.weights[0] @ m.T for m in (path.cost, path.quality)))
    found = {m: bounded(samples[m]) for m in METRICS}
    return Scored(name, _doubted(found, scene.n_clusters) if _never_varied(found["quality"]) else found, curve, path.note)


def bounded(samples: Floats) -> Bounded:
    """First sample with the central 95 % of the others."""
    value, rest = float(samples[0]), samples[1:][~np.isnan(samples[1:])]
    if np.isnan(value):
        return Bounded(None, None, None)
    if not rest.size:
        return Bounded(value, None, None)
    return Bounded(value, float(np.quantile(rest, 0.025)), float(np.quantile(rest, 0.975)))


def _never_varied(value: Bounded) -> bool:
    return value.low is not None and value.high is not None and value.high - value.low < _NO_SPREAD


def _doubted(found: Mapping[str, Bounded], n_clusters: int) -> dict[str, Bounded]:
    """Metrics of a policy whose quality no resample changes, as when all is right: drawing anew says nothing about it.

    Shares get the Wilson interval over clusters, as in `resampled`; what else has no width has no interval.
    """
    shares = {m: Bounded(v, *wilson(v * n_clusters, n_clusters)) for m in _SHARES if (v := found[m].value) is not None}
    return {m: shares.get(m, Bounded(b.value, None, None)) if _never_varied(b) else b for m, b in found.items()}


def areas(path: Path, scene: Scene) -> Floats:
    """AIQ of a path per resample."""
    return _samples(path, scene)["aiq"]


def _samples(path: Path, scene: Scene) -> dict[str, Floats]:
    quality, cost = scene.weights @ path.quality.T, scene.weights @ path.cost.T
    ends = [Ends(*map(float, row)) for row in np.column_stack([_mean(p, scene) for p in (scene.weak, scene.strong)])]
    floor = _mean(scene.cheapest, scene)
    rows = [_numbers(Curve(c, q), e, f, path.frozen) for c, q, e, f in zip(cost, quality, ends, floor, strict=True)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _mean(path: Path, scene: Scene) -> Floats:
    """Resamples × (cost, quality) of a single model."""
    return np.column_stack([scene.weights @ path.cost[0], scene.weights @ path.quality[0]])


def _numbers(curve: Curve, ends: Ends, floor: Floats, frozen: int) -> dict[str, float]:
    quality, cost = float(curve.quality[frozen]), float(curve.cost[frozen])
    is_one_point = len(curve.cost) == 1
    nan = float("nan")
    grounded = Curve(np.append(curve.cost, floor[0]), np.append(curve.quality, floor[1]))
    return {
        "quality": quality,
        "quality_share": quality / ends.strong_quality if ends.strong_quality else nan,
        "cost_usd": cost,
        "saving": 1.0 - cost / ends.strong_cost if ends.strong_cost else nan,
        "saving_at_95": saving_at(curve, ends),
        "apgr": nan if is_one_point else apgr(curve, ends),
        "cpt50": nan if is_one_point else cpt(curve, ends, 0.5),
        "cpt80": nan if is_one_point else cpt(curve, ends, 0.8),
        "aiq": nan if is_one_point else aiq(grounded, float(floor[0]), ends.strong_cost),
    }
