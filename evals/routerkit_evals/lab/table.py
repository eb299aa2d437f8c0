"""The table: what to expect of each arm on each kind of work, with small cells pulled toward larger ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from routerkit_evals.lab.lengths import log_lengths, stretched
from routerkit_evals.lab.reading import Item
from routerkit_evals.lab.recorded import Floats, Ints, Recorded, numbered
from routerkit_evals.lab.shrinkage import DEFAULT, Strength, shrunk, strength

Key: TypeAlias = tuple[str, ...]

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
    n0: tuple[Strength, ...]
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
    """Hierarchical posterior for quality, log-normal for cost. Cells of longer work start with models further apart, see `lengths`.

    Args:
        recorded: Outcomes to learn from.
        priors: By arm; others start at the mean of all arms, weakly.
        depth: Levels used; 3 stops at the kind.
        weights: Worth of one sample, per arm; see `harness_weights`.
        pooled: Where kinds start instead of at their parent: items × arms, averaged over each kind; see `pooled.text_expectations`.

    Source: p = (s + n0·p_start) / (n + n0), Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.3; n0 see `shrinkage`.
    """
    worth = np.ones(len(recorded.arms)) if weights is None else weights
    keys = [levels(item)[:depth] for item in recorded.items]
    quality: list[Mapping[Key, Floats]] = [{(): _root(recorded, priors or {}, worth)}]
    lengths = log_lengths(recorded.items)
    length: dict[Key, float] = {(): float(lengths.mean()) if len(lengths) else 0.0}
    strengths = [DEFAULT]
    for level in range(1, depth):
        cells, above, length_above = _cells([key[level] for key in keys]), quality[-1], length
        only, length = _only_children(cells), {k: float(lengths[rows].mean()) for k, rows in cells.items()}
        if pooled is not None and level == _KIND_LEVEL:
            start, n0 = {k: pooled[rows].mean(axis=0) for k, rows in cells.items()}, DEFAULT
        else:
            start = {k: stretched(above[k[:-1]], length[k] - length_above[k[:-1]]) for k in cells}
            n0 = _strength(recorded.score, cells, start)
        quality.append({k: above[k[:-1]] if k in only else shrunk(recorded.score[rows], start[k], n0, worth) for k, rows in cells.items()})
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


def _strength(score: Floats, cells: Mapping[Key, Ints], start: Mapping[Key, Floats]) -> Strength:
    families: dict[Key, list[Floats]] = {}
    for key, rows in cells.items():
        families.setdefault(key[:-1], []).append(score[rows] - start[key])
    return strength(list(families.values()))


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
    shrunk: Floats = (np.nansum(values, axis=0) + DEFAULT.common * parent) / (n + DEFAULT.common)
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
