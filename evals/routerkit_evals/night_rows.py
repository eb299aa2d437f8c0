"""Rows behind the pictures of a report. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple

from routerkit.intervals import Interval, wilson
from routerkit_evals.charts import NightPoint, Point, Tile
from routerkit_evals.nightly import Night
from routerkit_evals.publish import of_newest_models
from routerkit_evals.sample import Sample
from routerkit_evals.statistics import summarise, task_rates


class Scatter(NamedTuple):
    """Points, and what their x is."""

    points: tuple[Point, ...]
    unit: Literal["usd", "s"]


def scatter(samples: Sequence[Sample]) -> Scatter:
    """One point per target over dollars per task, or over seconds where everything is free or some price is unknown."""
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in of_newest_models([s for s in samples if s.counts]):
        groups[sample.target].append(sample)
    has_prices = all(s.cost_usd is not None for group in groups.values() for s in group)
    unit: Literal["usd", "s"] = "usd" if has_prices and any(s.cost_usd for group in groups.values() for s in group) else "s"
    return Scatter(tuple(_point(target, group, unit) for target, group in groups.items()), unit)


def tiles(samples: Sequence[Sample], targets: Sequence[str]) -> tuple[Tile, ...]:
    """One tile per target and kind that any of them was measured on; kinds in alphabetical order."""
    found = {(s.target, s.kind): s for s in summarise(of_newest_models(list(samples)), by_kind=True) if s.n_tasks}
    kinds = sorted({kind for _, kind in found if kind})
    return tuple(
        Tile(t, kind, s.rate, s.interval.low, s.interval.high, s.n_tasks) if (s := found.get((t, kind))) else Tile(t, kind, None)
        for kind in kinds
        for t in targets
    )


def anchor_nights(night: Night) -> tuple[NightPoint, ...]:
    """Each target's anchors in the newest fourteen nights."""
    groups: defaultdict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in night.history:
        if sample.task_id in night.anchor_ids and (label := _label(sample.epoch)) and sample.counts:
            groups[label, sample.target].append(sample)
    labels = sorted({label for label, _ in groups})[-14:]
    return tuple(
        _night_point(target, label, groups[label, target]) for label in labels for target in night.targets if (label, target) in groups
    )


def _point(target: str, samples: Sequence[Sample], unit: Literal["usd", "s"]) -> Point:
    rates = task_rates(samples)
    solved, n = sum(rates.values()), len(rates)
    low, high = wilson(solved, n)
    values = [s.cost_usd if unit == "usd" else s.latency_s for s in samples]
    mean, interval = _mean([v for v in values if v is not None])
    return Point(target, solved / n, low, high, n, mean, interval.low, interval.high)


def _mean(values: Sequence[float]) -> tuple[float, Interval]:
    """Mean with its 95 % interval, by the normal law on the logarithm, which keeps it above 0; as wide as a factor of 2 for one value."""
    if not values:
        return 0.0, Interval(0.0, 0.0)
    mean = sum(values) / len(values)
    if mean <= 0.0:
        return 0.0, Interval(0.0, 0.0)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)) if len(values) > 1 else mean / 2
    factor = math.exp(1.96 * deviation / (mean * math.sqrt(len(values))))
    return mean, Interval(mean / factor, mean * factor)


def _night_point(target: str, label: str, samples: Sequence[Sample]) -> NightPoint:
    rates = task_rates(samples)
    low, high = wilson(sum(rates.values()), len(rates))
    return NightPoint(target, label, sum(rates.values()) / len(rates), low, high, len(rates))


def _label(epoch: int) -> str:
    """ISO date of a night's repetition; empty for repetitions that belong to no night."""
    digits = str(epoch // 100)
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 else ""
