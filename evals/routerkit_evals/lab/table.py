"""The table: what to expect of each arm on each kind of work, with small cells pulled toward larger ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from routerkit_evals.lab.reading import Item
from routerkit_evals.lab.recorded import Floats, Ints, Recorded, numbered

Key: TypeAlias = tuple[str, ...]

DEFAULT_N0: Final = 20.0
"""Strength of a parent where the data cannot tell (reference: 20 halves the regret of a cold start)."""
_N0_RANGE: Final = (4.0, 2_000.0)
_LEAST_CHILDREN: Final = 3
_KIND_LEVEL: Final = 2
_WEAK_N0: Final = 2.0
_OTHER_HARNESS: Final = 0.5
"""What a sample from another harness or version is worth."""

_FAMILIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("bug_fix", "refactor", "migrate", "translate", "multi_file", "synthesize"), "changes code"),
    **dict.fromkeys(("test_write", "test_generation"), "writes tests"),
    **dict.fromkeys(("explain", "document", "review", "plan", "chat"), "writes prose"),
}


@dataclass(frozen=True, slots=True)
class Prior:
    """What is assumed of an arm before any outcome."""

    quality: float
    n: float
    """Samples the assumption is worth."""
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Posterior means per cell, most general level first."""

    arms: tuple[str, ...]
    quality: tuple[Mapping[Key, Floats], ...]
    """One mapping per level: cell to success probability per arm."""
    cost_usd: tuple[Mapping[Key, Floats], ...]
    """Expected dollars per arm; NaN where no cost is known."""
    n0: tuple[float, ...]
    """Strength each level gives to the level above, from the data where they can tell."""

    def predict_quality(self, items: Sequence[Item]) -> Floats:
        """Success probability, items × arms."""
        return _looked_up(self.quality, items)

    def predict_cost(self, items: Sequence[Item]) -> Floats:
        """Expected dollars, items × arms."""
        return _looked_up(self.cost_usd, items)


def levels(item: Item) -> tuple[Key, ...]:
    """Cells an item belongs to: everything, family, kind, language, repository."""
    family = _FAMILIES.get(item.kind, item.benchmark)
    return ((), (family,), (family, item.kind), (family, item.kind, item.language), (family, item.kind, item.language, item.repo))


def fit_table(
    recorded: Recorded,
    *,
    priors: Mapping[str, Prior] | None = None,
    depth: int = 5,
    weights: Floats | None = None,
    pooled: Floats | None = None,
) -> Table:
    """Hierarchical Beta posterior for quality, log-normal for cost.

    Args:
        recorded: Outcomes to learn from.
        priors: By arm; others start at the mean of all arms, weakly.
        depth: Levels used; 3 stops at the kind.
        weights: Worth of one sample, per arm; see `harness_weights`.
        pooled: Where kinds start instead of at their parent: items × arms, averaged over each kind; see `pooled.text_expectations`.

    Source: p = (s + n0·p_parent) / (n + n0) with n0 = μ(1-μ)/τ² - 1, τ² the variance between cells beyond binomial noise.
    """
    worth = np.ones(len(recorded.arms)) if weights is None else weights
    keys = [levels(item)[:depth] for item in recorded.items]
    quality: list[dict[Key, Floats]] = [{(): _root(recorded, priors or {}, worth)}]
    strengths = [0.0]
    for level in range(1, depth):
        cells = _cells([key[level] for key in keys])
        is_pooled = pooled is not None and level == _KIND_LEVEL
        n0 = DEFAULT_N0 if is_pooled else _strength(recorded.score, cells, quality[-1])
        only, above = _only_children(cells), quality[-1]
        start = {k: pooled[rows].mean(axis=0) if pooled is not None and is_pooled else above[k[:-1]] for k, rows in cells.items()}
        quality.append({k: above[k[:-1]] if k in only else _shrunk(recorded.score[rows], start[k], n0, worth) for k, rows in cells.items()})
        strengths.append(n0)
    return Table(recorded.arms, tuple(quality), _cost_levels(recorded.cost_usd, keys, depth), tuple(strengths))


def harness_weights(fit: Recorded, test: Recorded) -> Floats:
    """Worth of a fitted sample per arm: less when none of its harnesses is the one it is judged in."""
    shared = [fit.harnesses.get(a, frozenset()) & test.harnesses.get(a, frozenset()) for a in fit.arms]
    known = [bool(test.harnesses.get(a)) for a in fit.arms]
    return np.array([_OTHER_HARNESS if k and not s else 1.0 for s, k in zip(shared, known, strict=True)])


def _root(recorded: Recorded, priors: Mapping[str, Prior], worth: Floats) -> Floats:
    mean = float(np.clip(np.nanmean(recorded.score), 0.02, 0.98)) if recorded.n_known.any() else 0.5  # nobody is certain
    start = [priors.get(arm, Prior(mean, _WEAK_N0, "mean of all arms")) for arm in recorded.arms]
    pi, n0 = np.array([p.quality for p in start]), np.array([p.n for p in start])
    n = (~np.isnan(recorded.score)).sum(axis=0) * worth
    rooted: Floats = (np.nansum(recorded.score, axis=0) * worth + pi * n0) / (n + n0)
    return rooted


def _cells(keys: Sequence[Key]) -> dict[Key, Ints]:
    numbers, names = numbered(keys), list(dict.fromkeys(keys))
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(numbers, minlength=len(names)))[:-1]) if names else []
    return dict(zip(names, parts, strict=True))


def _only_children(cells: Mapping[Key, Ints]) -> frozenset[Key]:
    """Cells that are all of their parent: they are the parent, and its samples must not be counted again."""
    n = Counter(key[:-1] for key in cells)
    return frozenset(key for key in cells if n[key[:-1]] == 1)


def _shrunk(scores: Floats, parent: Floats, n0: float, worth: Floats) -> Floats:
    n = (~np.isnan(scores)).sum(axis=0) * worth
    shrunk: Floats = (np.nansum(scores, axis=0) * worth + n0 * parent) / (n + n0)
    return shrunk


def _strength(score: Floats, cells: Mapping[Key, Ints], above: Mapping[Key, Floats]) -> float:
    """Empirical-Bayes n0 for one level, pooled over arms: method of moments, weighted by cell size."""
    siblings: dict[Key, list[Ints]] = {}
    for key, rows in cells.items():
        siblings.setdefault(key[:-1], []).append(rows)
    excess = noise = weight = 0.0
    for key, groups in siblings.items():
        if len(groups) < _LEAST_CHILDREN:
            continue
        base = np.clip(above[key], 0.01, 0.99)
        for rows in groups:
            n = (~np.isnan(score[rows])).sum(axis=0)
            seen = n > 0
            mean = np.nansum(score[rows], axis=0)[seen] / n[seen]
            excess += float((n[seen] * ((mean - base[seen]) ** 2 - (base * (1 - base))[seen] / n[seen])).sum())
            noise += float((n[seen] * (base * (1 - base))[seen]).sum())
            weight += float(n[seen].sum())
    if not weight:
        return DEFAULT_N0
    between = excess / weight
    return float(np.clip(noise / weight / between - 1.0, *_N0_RANGE)) if between > 0 else _N0_RANGE[1]


def _cost_levels(cost: Floats, keys: Sequence[tuple[Key, ...]], depth: int) -> tuple[Mapping[Key, Floats], ...]:
    """Mean dollars overall, times a shrunken ratio of geometric means per cell: costs are log-normal, but money adds up in dollars."""
    logs = np.log(np.where(cost > 0.0, cost, np.nan))
    out: list[dict[Key, Floats]] = [{(): _column_mean(cost)}]
    shift: list[dict[Key, Floats]] = [{(): _column_mean(logs)}]
    for level in range(1, depth):
        cells, above = _cells([key[level] for key in keys]), shift[-1]
        only = _only_children(cells)
        here = {k: above[k[:-1]] if k in only else _shrunk_mean(logs[rows], above[k[:-1]]) for k, rows in cells.items()}
        out.append({k: out[0][()] * np.exp(v - shift[0][()]) for k, v in here.items()})
        shift.append(here)
    return tuple(out)


def _shrunk_mean(values: Floats, parent: Floats) -> Floats:
    n = (~np.isnan(values)).sum(axis=0)
    shrunk: Floats = (np.nansum(values, axis=0) + DEFAULT_N0 * parent) / (n + DEFAULT_N0)
    return shrunk


def _column_mean(values: Floats) -> Floats:
    n = (~np.isnan(values)).sum(axis=0)
    return np.asarray(np.divide(np.nansum(values, axis=0), n, out=np.full(values.shape[1], np.nan), where=n > 0))


def _looked_up(found: Sequence[Mapping[Key, Floats]], items: Sequence[Item]) -> Floats:
    """The most special cell that was fitted, per item."""
    rows = [
        next(level[key] for level, key in zip(reversed(found), reversed(levels(i)[: len(found)]), strict=True) if key in level)
        for i in items
    ]
    return np.array(rows).reshape(len(items), -1)
