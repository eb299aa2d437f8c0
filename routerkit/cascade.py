"""What a cascade achieves and costs: targets asked one after the other, each only when the check rejects the answer before. Pure.

All of it rests on *joint* outcomes: a target that comes second is judged on what the first got wrong, harder tasks than the average.
The laboratory uses the same formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Final, NamedTuple

from routerkit.joint import JointOutcomes, VerifierCounts
from routerkit.posterior import beta_cdf, beta_quantile

_CANDIDATES: Final = 6
"""Targets that a cascade is searched among: 156 sequences. More would mostly fit the noise of a few hundred tasks."""
_COVERAGE: Final = 0.9
"""Share of the best-covered target's tasks that a target must have been measured on; a rarely measured one would cost the others theirs."""


class Rates(NamedTuple):
    """How well answers are checked; errors are independent given whether the answer is right."""

    true_accept: float
    """Share of right answers accepted (TPR)."""
    false_accept: float
    """Share of wrong answers accepted (FPR)."""
    cost_usd: float = 0.0
    """Dollars per check."""


class Expected(NamedTuple):
    """What a sequence achieves and costs."""

    quality: float
    """Share of right answers, 0..1."""
    cost_usd: float


def expect(scores: Sequence[float], costs_usd: Sequence[float], rates: Rates) -> Expected:
    """What a sequence achieves and costs on one task.

    The last answer is returned whatever the check says, so only answers before it need to be accepted. Every answer is checked.

    Args:
        scores: Share of right answers per step, 0..1.
        costs_usd: Dollars per answer and step.
        rates: Of the check.

    Source: E[cost] = c1 + v + (1 - a1)·(c2 + v + …), a = p·TPR + (1 - p)·FPR (FrugalGPT's cascade with a verifier that errs).
    """
    reached, last = reaches(scores, rates), len(scores) - 1
    right = [score if place == last else score * rates.true_accept for place, score in enumerate(scores)]
    return Expected(
        sum([share * p for share, p in zip(reached, right, strict=True)]),
        sum([share * (usd + rates.cost_usd) for share, usd in zip(reached, costs_usd, strict=True)]),
    )


def reaches(scores: Sequence[float], rates: Rates) -> list[float]:
    """How probably each step is asked: always the first, the others when every answer before was rejected."""
    reached = [1.0]
    for score in scores[:-1]:
        reached.append(reached[-1] * (1.0 - score * rates.true_accept - (1.0 - score) * rates.false_accept))
    return reached


def right_if_accepted(p: float, rates: Rates) -> float:
    """P(right | accepted) = p·TPR / (p·TPR + (1 - p)·FPR), for answers of which the share `p` is right; 0 when nothing is accepted."""
    accepted = p * rates.true_accept + (1.0 - p) * rates.false_accept
    return p * rates.true_accept / accepted if accepted else 0.0


def sequences(targets: Sequence[str], max_steps: int) -> Iterator[tuple[str, ...]]:
    """Every sequence of different targets, short ones first."""
    for n in range(1, max_steps + 1):
        yield from permutations(targets, n)


def measured_rates(counts: VerifierCounts) -> Rates:
    """Posterior means of a verifier's rates under a uniform prior; what was never seen is taken for a coin."""
    return Rates(
        (counts.n_right_accepted + 1) / (counts.n_right + 2), (counts.n_wrong_accepted + 1) / (counts.n_wrong + 2), counts.cost_usd or 0.0
    )


def cautious_rates(counts: VerifierCounts, confidence: float) -> Rates:
    """Rates that are at least this good with the given confidence, each by itself."""
    right, wrong = counts.n_right_accepted, counts.n_wrong_accepted
    low = beta_quantile(1.0 - confidence, right + 1, counts.n_right - right + 1)
    high = beta_quantile(confidence, wrong + 1, counts.n_wrong - wrong + 1)
    return Rates(low, high, counts.cost_usd or 0.0)


class Belief(NamedTuple):
    """Beta distribution of a mean share of right answers."""

    alpha: float
    beta: float

    def p_at_least(self, floor: float) -> float:
        """Probability that the share is at least `floor`."""
        return 1.0 - beta_cdf(floor, self.alpha, self.beta)

    def low(self, confidence: float) -> float:
        """Share that is exceeded with this confidence."""
        return beta_quantile(1.0 - confidence, self.alpha, self.beta)


class _Row(NamedTuple):
    weight: float
    scores: tuple[float, ...]
    dearness: tuple[float, ...]
    """Cost of an answer per target, in mean costs of that target."""


class CommonTasks(NamedTuple):
    """Outcomes with nothing unknown in them."""

    targets: tuple[str, ...] = ()
    mean_usd: tuple[float, ...] = ()
    """Measured dollars per answer, by target."""
    rows: tuple[_Row, ...] = ()

    @property
    def n(self) -> float:
        """Tasks, assumed ones included."""
        return math.fsum([row.weight for row in self.rows])

    def with_prior(self, quality: float, n: float) -> CommonTasks:
        """Tasks assumed before any evidence, at each target's mean cost."""
        even = (1.0,) * len(self.targets)
        assumed = [_Row(n * w, (score,) * len(even), even) for w, score in ((quality, 1.0), (1.0 - quality, 0.0))]
        return self._replace(rows=(*self.rows, *assumed))

    def share_right(self, target: str) -> float:
        """Share of right answers of one target."""
        place = self.targets.index(target)
        return self._mean([row.scores[place] for row in self.rows])

    def answers(self, steps: Sequence[str], rates: Rates) -> tuple[float, ...]:
        """Answers of mean cost that each step is expected to give per request: how often it is asked, dear tasks counting for more.

        With one more number at the end: answers that are checked, dear or not.
        """
        places = [self.targets.index(step) for step in steps]
        reached = [reaches([row.scores[j] for j in places], rates) for row in self.rows]
        per_step = [[share[k] * row.dearness[j] for share, row in zip(reached, self.rows, strict=True)] for k, j in enumerate(places)]
        return tuple(self._mean(values) for values in (*per_step, [sum(share) for share in reached]))

    def quality(self, steps: Sequence[str], rates: Rates) -> float:
        """Expected share of right answers."""
        return self._mean(self._qualities(steps, rates))

    def belief(self, steps: Sequence[str], rates: Rates) -> Belief:
        """How sure the mean quality is: a Dirichlet posterior over the kinds of tasks, summed up by the Beta of its mean and variance.

        Source: mean and variance of a linear function of a Dirichlet variable, (Σ w·q² / n - mean²) / (n + 1).
        """
        values = self._qualities(steps, rates)
        mean, square = self._mean(values), self._mean([v**2 for v in values])
        variance = max((square - mean * mean) / (self.n + 1.0), 1e-9)
        strength = max(mean * (1.0 - mean) / variance - 1.0, 1e-3)
        return Belief(max(mean * strength, 1e-6), max((1.0 - mean) * strength, 1e-6))

    def _qualities(self, steps: Sequence[str], rates: Rates) -> list[float]:
        places, free = [self.targets.index(step) for step in steps], (0.0,) * len(steps)
        return [expect([row.scores[j] for j in places], free, rates).quality for row in self.rows]

    def _mean(self, values: Sequence[float]) -> float:
        return math.fsum([row.weight * value for row, value in zip(self.rows, values, strict=True)]) / self.n


def common_tasks(joint: JointOutcomes, targets: Sequence[str]) -> CommonTasks:
    """Tasks on which all targets worth a place in a cascade are known."""
    wanted = [j for j, target in enumerate(joint.targets) if target in targets]
    n_known = {j: sum(p.n for p in joint.patterns if p.scores[j] is not None and p.costs_usd[j] is not None) for j in wanted}
    most = max(n_known.values(), default=0)
    wide = [j for j in wanted if most and n_known[j] >= _COVERAGE * most]
    whole = _whole(joint, wide)
    chosen = _worth_a_place(whole, len(wide))
    if not whole:
        return CommonTasks()
    weight = math.fsum([task.weight for task in whole])
    mean_usd = [math.fsum([task.weight * task.costs_usd[i] for task in whole]) / weight for i in chosen]
    rows = [
        _Row(
            task.weight,
            tuple(task.scores[i] for i in chosen),
            tuple(task.costs_usd[i] / usd if usd else 1.0 for i, usd in zip(chosen, mean_usd, strict=True)),
        )
        for task in whole
    ]
    return CommonTasks(tuple(joint.targets[wide[i]] for i in chosen), tuple(mean_usd), _merged(rows))


def _merged(rows: Sequence[_Row]) -> tuple[_Row, ...]:
    """One row for each pattern of outcomes, at mean costs: the same means, and at most 64 rows for six targets."""
    groups: dict[tuple[float, ...], list[_Row]] = {}
    for row in rows:
        groups.setdefault(row.scores, []).append(row)
    return tuple(_sum(scores, group) for scores, group in groups.items())


def _sum(scores: tuple[float, ...], rows: Sequence[_Row]) -> _Row:
    weight = math.fsum([row.weight for row in rows])
    return _Row(weight, scores, tuple(math.fsum([row.weight * row.dearness[j] for row in rows]) / weight for j in range(len(scores))))


class _Task(NamedTuple):
    weight: float
    scores: tuple[float, ...]
    costs_usd: tuple[float, ...]


def _whole(joint: JointOutcomes, places: Sequence[int]) -> list[_Task]:
    tasks = []
    for pattern in joint.patterns:
        scores = tuple(s for j in places if (s := pattern.scores[j]) is not None)
        costs = tuple(c for j in places if (c := pattern.costs_usd[j]) is not None)
        if len(scores) == len(costs) == len(places):
            tasks.append(_Task(pattern.n, scores, costs))
    return tasks


def _worth_a_place(tasks: Sequence[_Task], n_targets: int) -> list[int]:
    """The best half by quality, and the rest by quality for the money."""
    quality = [math.fsum([task.weight * task.scores[j] for task in tasks]) for j in range(n_targets)]
    usd = [math.fsum([task.weight * task.costs_usd[j] for task in tasks]) for j in range(n_targets)]
    by_quality = sorted(range(n_targets), key=lambda j: (-quality[j], usd[j]))
    by_money = sorted(range(n_targets), key=lambda j: -quality[j] / usd[j] if usd[j] else -math.inf)
    return sorted(list(dict.fromkeys([*by_quality[: _CANDIDATES // 2], *by_money]))[:_CANDIDATES])
