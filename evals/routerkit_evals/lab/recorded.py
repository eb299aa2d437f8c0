"""Recorded outcomes as a matrix: items down, arms across."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from routerkit_evals.lab.reading import Item, Outcome

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.intp]
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Outcomes of several arms on the same items."""

    items: tuple[Item, ...]
    arms: tuple[str, ...]
    """Models; `model@harness` where one model ran in several harnesses of one benchmark."""
    score: Floats
    """Items × arms, mean over trials, 0..1; NaN = unknown."""
    cost_usd: Floats
    """Items × arms, mean over trials; NaN = unknown."""
    output_tokens: Floats
    """Items × arms; NaN = unknown."""
    harnesses: Mapping[str, frozenset[str]]
    """Harnesses per arm."""
    notes: tuple[str, ...] = ()
    """What was dropped or assumed, in words."""

    def __len__(self) -> int:
        return len(self.items)

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """Names in order of size."""
        return tuple(name for name, _ in Counter(item.benchmark for item in self.items).most_common())

    @property
    def clusters(self) -> Ints:
        """Number of the cluster each item belongs to."""
        return numbered([item.cluster for item in self.items])

    @property
    def texts(self) -> list[str]:
        """Prompts in item order."""
        return [item.prompt for item in self.items]

    def arm(self, name: str) -> int:
        """Column of an arm.

        Raises:
            ValueError: there is no such arm.
        """
        return self.arms.index(name)

    def rows(self, chosen: Ints | Flags) -> Recorded:
        """The same arms on some of the items."""
        places = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        items = tuple(self.items[i] for i in places)
        return replace(
            self, items=items, score=self.score[places], cost_usd=self.cost_usd[places], output_tokens=self.output_tokens[places]
        )

    def columns(self, names: Sequence[str]) -> Recorded:
        """The same items with some of the arms; an arm that is not there is unknown everywhere."""
        return replace(
            self,
            arms=tuple(names),
            score=_picked(self.score, self.arms, names),
            cost_usd=_picked(self.cost_usd, self.arms, names),
            output_tokens=_picked(self.output_tokens, self.arms, names),
        )

    def only(self, benchmark: str) -> Recorded:
        """Items of one benchmark, and the arms that have outcomes there."""
        part = self.rows(np.array([item.benchmark == benchmark for item in self.items], dtype=np.bool_))
        return part.columns([part.arms[j] for j in np.flatnonzero(part.n_known)])

    @property
    def n_known(self) -> Ints:
        """Items with a known score, per arm."""
        return np.asarray((~np.isnan(self.score)).sum(axis=0), dtype=np.intp)

    @property
    def is_complete(self) -> Flags:
        """Whether the score of every arm is known, per item."""
        return np.asarray(~np.isnan(self.score).any(axis=1), dtype=np.bool_)


def record(items: Sequence[Item], outcomes: Sequence[Outcome], *, split_arms: frozenset[str] = frozenset()) -> Recorded:
    """Bring items and outcomes together.

    Args:
        items: May be empty or incomplete; outcomes without an item keep an empty prompt.
        outcomes: Unknown scores are dropped and counted; trials of one (item, arm) are averaged.
        split_arms: Models that appear once per harness, see `several_harnesses`.
    """
    known = [o for o in outcomes if o.score == o.score]
    described, by_id = {(i.benchmark, i.item_id): i for i in items}, {i.item_id: i for i in items}
    keys = sorted({(o.benchmark, o.item_id) for o in known})
    arms = tuple(sorted({_arm(o, split_arms) for o in known}))
    bare = [key for key in keys if key not in described and (key[1] not in by_id or _tells(key, by_id[key[1]]))]
    chosen = tuple(_described(key, described, by_id) for key in keys)
    sums = _sums(known, {key: i for i, key in enumerate(keys)}, {arm: j for j, arm in enumerate(arms)}, split_arms)
    harnesses: defaultdict[str, set[str]] = defaultdict(set)
    for o in known:
        harnesses[_arm(o, split_arms)].add(o.harness)
    notes = (
        *_counted(len(outcomes) - len(known), "outcomes without a known score were dropped"),
        *_counted(len(bare), "items have outcomes but no description: no prompt, kind or repository"),
    )
    return Recorded(chosen, arms, *sums, {arm: frozenset(names) for arm, names in harnesses.items()}, notes)


def several_harnesses(outcomes: Sequence[Outcome]) -> frozenset[str]:
    """Models that ran in more than one harness of the same benchmark; what a harness does to a model is as large as what a version does."""
    seen: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for o in outcomes:
        seen[o.benchmark, o.model].add(o.harness)
    return frozenset(model for (_, model), names in seen.items() if len(names) > 1)


def numbered(labels: Sequence[object]) -> Ints:
    """Labels as numbers from 0, in order of appearance."""
    places: dict[object, int] = {}
    return np.array([places.setdefault(label, len(places)) for label in labels], dtype=np.intp)


def _arm(outcome: Outcome, split: frozenset[str]) -> str:
    return f"{outcome.model}@{outcome.harness}" if outcome.model in split else outcome.model


def _tells(key: tuple[str, str], item: Item) -> bool:
    """Whether an item of the same id is another one: both name a benchmark, and not the same."""
    return bool(key[0] and item.benchmark and key[0] != item.benchmark)


def _described(key: tuple[str, str], described: Mapping[tuple[str, str], Item], by_id: Mapping[str, Item]) -> Item:
    item = described.get(key) or by_id.get(key[1])
    if item is None or _tells(key, item):
        return Item(key[0], key[1], "", "", "", "")
    return replace(item, benchmark=key[0] or item.benchmark)


def _sums(
    known: Sequence[Outcome], rows: Mapping[tuple[str, str], int], columns: Mapping[str, int], split: frozenset[str]
) -> tuple[Floats, Floats, Floats]:
    shape = (len(rows), len(columns))
    i = np.array([rows[o.benchmark, o.item_id] for o in known], dtype=np.intp)
    j = np.array([columns[_arm(o, split)] for o in known], dtype=np.intp)
    fields = ([o.score for o in known], [o.cost_usd for o in known], [o.output_tokens for o in known])
    score, cost, tokens = (_mean(shape, i, j, np.array(values, dtype=np.float64)) for values in fields)
    return score, cost, tokens


def _mean(shape: tuple[int, int], i: Ints, j: Ints, values: Floats) -> Floats:
    is_known = ~np.isnan(values)
    total, n = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (i[is_known], j[is_known]), values[is_known])
    np.add.at(n, (i[is_known], j[is_known]), 1.0)
    return np.asarray(np.divide(total, n, out=np.full(shape, np.nan), where=n > 0))


def _picked(matrix: Floats, arms: Sequence[str], names: Sequence[str]) -> Floats:
    empty = np.full((len(matrix), 1), np.nan)
    return np.hstack([matrix[:, [arms.index(n)]] if n in arms else empty for n in names]) if names else np.zeros((len(matrix), 0))


def _counted(n: int, what: str) -> tuple[str, ...]:
    return (f"{n} {what}",) if n else ()
