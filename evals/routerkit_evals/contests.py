"""Which targets of one kind of task are still worth asking. Pure.

A race compares each target with the leader after every block of tasks, on the tasks that both answered. Its intervals hold at all times at
once, so looking often costs nothing of their level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from routerkit import format_usd
from routerkit.intervals import Interval
from routerkit_evals.sample import Sample
from routerkit_evals.sequences import mean_at_any_time
from routerkit_evals.worth import Book, Worth

_MARGIN: Final = 0.03
"""A race is over when nobody can be better than the leader by more than this share of a solved task's worth, 0..1."""
_DELTA: Final = 0.05
"""Probability, per kind of task, that the best target is dropped, or beaten by more than the margin in the end."""
_LEAST: Final = 20
"""Clusters that must be shared before anybody is dropped: the intervals are asymptotic."""


class Dropped(NamedTuple):
    """A target that is asked no more about a kind of task."""

    target: str
    kind: str
    n_tasks: int
    """Clusters of tasks behind it."""
    why: str


class Contest(Protocol):
    """Decides, for one kind of task, which targets go on."""

    def judge(self, samples: Iterable[Sample]) -> None:
        """Take in samples of this kind, and drop whom they tell against."""
        ...

    @property
    def alive(self) -> Sequence[str]:
        """Targets to ask further, cheapest first; empty when nothing is left to decide."""
        ...

    @property
    def dropped(self) -> Sequence[Dropped]:
        """Who was dropped, and why."""
        ...


class Race:
    """All targets against the leader, paired, with intervals that are valid at any time."""

    def __init__(self, kind: str, targets: Sequence[str], worth: Worth) -> None:
        """Start with all `targets`, cheapest first."""
        self._kind, self._book = kind, Book(worth)
        self._alive = list(targets)
        self._alpha = _DELTA / max(1, len(targets) - 1)
        self._is_over = False
        self.dropped: list[Dropped] = []

    @property
    def alive(self) -> Sequence[str]:
        """Targets to ask further; empty once the rest are within the margin."""
        return () if self._is_over else self._alive

    def judge(self, samples: Iterable[Sample]) -> None:
        """Take in samples; drop whom they tell against.

        The best target is dropped only if the interval of one of its k - 1 differences ever misses the truth, which has a probability of
        `_DELTA` at most. A target without known costs is never dropped, and leads nobody.
        """
        self._book.learn(samples)
        means = self._book.shared([t for t in self._alive if self._book.n_tasks(t) >= _LEAST])
        if not means:
            return
        leader = max(means, key=lambda target: means[target])
        intervals = {t: self._interval(leader, t) for t in self._alive if t != leader}
        for target, interval in intervals.items():
            if interval.low > 0.0:
                self._drop(target, leader, interval)
        rest = [interval for target, interval in intervals.items() if target in self._alive]
        self._is_over = all(interval.low > -_MARGIN * self._book.worth.value_usd for interval in rest)

    def _interval(self, leader: str, target: str) -> Interval:
        differences = self._book.differences(leader, target)
        if len(differences) < _LEAST:
            return Interval(-math.inf, math.inf)
        return mean_at_any_time(differences, alpha=self._alpha, scale=self._book.worth.value_usd)

    def _drop(self, target: str, leader: str, interval: Interval) -> None:
        self._alive.remove(target)
        n = len(self._book.differences(leader, target))
        why = f"worth {format_usd(interval.low)} to {format_usd(interval.high)} less per task than {leader}"
        self.dropped.append(Dropped(target, self._kind, n, why))


class Halving:
    """Successive halving: as many rounds as it takes to halve the field to one, each for the same dollars.

    For budgets too small for a credible answer: the choice is the best guess for the money, without a stated error.
    Source: Karnin, Koren and Somekh 2013, with dollars in place of pulls.
    """

    def __init__(self, kind: str, targets: Sequence[str], worth: Worth, *, budget_usd: float) -> None:
        """Start with all `targets`, cheapest first, and dollars for this kind of task."""
        self._kind, self._budget_usd, self._book = kind, budget_usd, Book(worth)
        self._alive = list(targets)
        self._n_rounds = max(1, math.ceil(math.log2(max(1, len(targets)))))
        self._round = 1
        self._costs: dict[str, float] = {}
        self.dropped: list[Dropped] = []

    @property
    def alive(self) -> Sequence[str]:
        """Targets to ask further; empty when one is left or the money is used."""
        return self._alive if len(self._alive) > 1 and self._round <= self._n_rounds else ()

    def judge(self, samples: Iterable[Sample]) -> None:
        """Take in samples; once a round's money is used, the worse half goes."""
        known = tuple(samples)
        self._book.learn(known)
        self._costs.update((s.sample_id, s.cost_usd or 0.0) for s in known)
        while self.alive and math.fsum(self._costs.values()) >= self._budget_usd * self._round / self._n_rounds:
            self._round += 1
            self._halve()

    def _halve(self) -> None:
        means = self._book.shared(self._alive)
        if not means:
            return  # nothing that all of them answered: the next round knows more
        ranked = sorted(self._alive, key=lambda target: -means[target])
        kept = ranked[: (len(ranked) + 1) // 2]
        for target in ranked[len(kept) :]:
            why = f"worth {format_usd(means[target])} per task in round {self._round - 1}, {kept[0]} {format_usd(means[kept[0]])}"
            self.dropped.append(Dropped(target, self._kind, len(self._book.differences(kept[0], target)), why))
        self._alive = [target for target in self._alive if target in kept]
