"""Two targets on the same tasks: how much better one is, and how sure that is. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from routerkit.intervals import Interval, clustered_error, mean_interval, sign_test
from routerkit_evals.sample import Sample


class Joint(NamedTuple):
    """Expected numbers of tasks by who solves them; fractional where repetitions disagree. What cascades of the two are made of."""

    both: float
    only_a: float
    only_b: float
    neither: float


class Errors(NamedTuple):
    """Standard errors of the same difference, from the wrongest to the one to use."""

    independent_answers: float
    """As if every answer were a task of its own, and the targets had answered different ones."""
    independent_tasks: float
    """Repetitions averaged, but as if the targets had answered different tasks."""
    paired: float
    """On the same tasks."""
    clustered: float
    """On the same tasks, of which those in one cluster may share their luck."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`a` less `b` on the tasks that both answered."""

    a: str
    b: str
    n_tasks: int
    n_clusters: int
    n_answers: tuple[int, int]
    share_a: float
    """Share of solved tasks, 0..1."""
    share_b: float
    joint: Joint
    better_a: int
    """Tasks on which `a` solved the larger share of its repetitions."""
    better_b: int
    errors: Errors
    interval: Interval
    """95 % interval of the difference: clustered, see `mean_interval`."""
    p_value: float
    """Exact two-sided sign test of `better_a` against `better_b`; McNemar's exact test where each task was answered once."""
    cost_difference_usd: float | None
    """Dollars per task; None where a cost is unknown."""

    @property
    def difference(self) -> float:
        """Share of `a` less share of `b`."""
        return self.share_a - self.share_b

    @property
    def is_credible(self) -> bool:
        """Whether the interval excludes 0."""
        return self.interval.low > 0.0 or self.interval.high < 0.0

    @property
    def break_even_usd(self) -> float | None:
        """Worth of a solved task above which the better target is worth its higher price; None where that cannot be said."""
        if self.cost_difference_usd is None or not self.is_credible:
            return None
        value = self.cost_difference_usd / self.difference
        return value if value > 0.0 else None


def compare(a: str, b: str, samples: Iterable[Sample]) -> Comparison | None:
    """Compare two targets on the tasks that both answered; None when there are fewer than two.

    Args:
        a: One target.
        b: The other.
        samples: Samples of any targets; those that say nothing about a model are left out.
    """
    answers = _answers(samples)
    shared = sorted(answers[a].keys() & answers[b].keys())
    if len(shared) < 2:
        return None
    first, second = ([_Task.of(answers[t][version]) for version in shared] for t in (a, b))
    differences = [x.share - y.share for x, y in zip(first, second, strict=True)]
    clusters = [task.cluster for task in first]
    better_a, better_b = sum(d > 0.0 for d in differences), sum(d < 0.0 for d in differences)
    return Comparison(
        a,
        b,
        len(shared),
        len(set(clusters)),
        (sum(t.n for t in first), sum(t.n for t in second)),
        share_a=_mean([t.share for t in first]),
        share_b=_mean([t.share for t in second]),
        joint=_joint(first, second),
        better_a=better_a,
        better_b=better_b,
        errors=Errors(
            _answer_error(first, second),
            _task_error(first, second),
            clustered_error(differences, shared),
            clustered_error(differences, clusters),
        ),
        interval=mean_interval(differences, clusters),
        p_value=sign_test(better_a, better_b),
        cost_difference_usd=_less(_cost(first), _cost(second)),
    )


def compare_all(samples: Iterable[Sample]) -> tuple[Comparison, ...]:
    """Every pair of targets that share two tasks, in order of appearance."""
    known = tuple(samples)
    targets = dict.fromkeys(s.target for s in known)
    found = (compare(a, b, known) for a, b in combinations(targets, 2))
    return tuple(c for c in found if c is not None)


class _Task(NamedTuple):
    """One target's answers to one task."""

    cluster: str
    n: int
    share: float
    cost_usd: float | None

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> _Task:
        costs = [s.cost_usd for s in samples if s.cost_usd is not None]
        cost = math.fsum(costs) / len(costs) if len(costs) == len(samples) else None
        return cls(samples[0].cluster or samples[0].task_version, len(samples), _mean([float(s.is_solved) for s in samples]), cost)


def _answers(samples: Iterable[Sample]) -> defaultdict[str, defaultdict[str, list[Sample]]]:
    found: defaultdict[str, defaultdict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        if sample.counts:
            found[sample.target][sample.task_version].append(sample)
    return found


def _joint(first: Sequence[_Task], second: Sequence[_Task]) -> Joint:
    pairs = [(a.share, b.share) for a, b in zip(first, second, strict=True)]
    both = math.fsum(a * b for a, b in pairs)
    only_a, only_b = math.fsum(a * (1.0 - b) for a, b in pairs), math.fsum(b * (1.0 - a) for a, b in pairs)
    return Joint(both, only_a, only_b, len(pairs) - both - only_a - only_b)


def _answer_error(first: Sequence[_Task], second: Sequence[_Task]) -> float:
    n = [sum(t.n for t in tasks) for tasks in (first, second)]
    p = [math.fsum(t.share * t.n for t in tasks) / k for tasks, k in zip((first, second), n, strict=True)]
    return math.sqrt(math.fsum(q * (1.0 - q) / k for q, k in zip(p, n, strict=True)))


def _task_error(first: Sequence[_Task], second: Sequence[_Task]) -> float:
    return math.hypot(*(clustered_error([t.share for t in tasks], [str(i) for i in range(len(tasks))]) for tasks in (first, second)))


def _cost(tasks: Sequence[_Task]) -> float | None:
    costs = [t.cost_usd for t in tasks]
    return None if None in costs else _mean([c for c in costs if c is not None])


def _less(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
