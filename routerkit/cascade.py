"""Planning a cascade: which targets to ask one after the other, each only when the check rejects the answer before. Pure.

The plan rests on *joint* outcomes: a target that comes second is judged on what the first got wrong, which is harder than the average task.
The laboratory plans with the same formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import permutations
from typing import Final, NamedTuple

from routerkit.joint import JointOutcomes, VerifierCounts
from routerkit.posterior import beta_cdf, beta_quantile
from routerkit.scorecard import PRIOR_N, PRIOR_QUALITY, Scorecard

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


class Aim(NamedTuple):
    """What a plan must reach."""

    quality_floor: float = 0.80
    """Share of right answers, 0..1."""
    confidence: float = 0.80
    """How probable it must be that the floor is reached, 0..1."""
    max_steps: int = 3


class Plan(NamedTuple):
    """What the planner decided."""

    steps: tuple[str, ...] = ()
    """Targets in the order they are asked; empty = no cascade."""
    why_not: str = ""
    """Why there is no cascade; empty when there is one."""
    quality: float = 0.0
    """Predicted share of right answers."""
    quality_low: float = 0.0
    """Share that is reached with the confidence asked for, with the verifier as bad as its counts allow."""
    cost_usd: float = 0.0
    """Predicted dollars per request, checks included."""
    right_if_accepted: float = 0.0
    """P(right | accepted) of the first step."""


def expect(scores: Sequence[float], costs_usd: Sequence[float], rates: Rates) -> Expected:
    """What a sequence achieves and costs on one task.

    The last answer is returned whatever the check says, so only answers before it need to be accepted. Every answer is checked.

    Args:
        scores: Share of right answers per step, 0..1.
        costs_usd: Dollars per answer and step.
        rates: Of the check.

    Source: E[cost] = c1 + v + (1 - a1)·(c2 + v + …), a = p·TPR + (1 - p)·FPR (FrugalGPT's cascade with a verifier that errs).
    """
    quality = cost_usd = 0.0
    reached, last = 1.0, len(scores) - 1
    for place, (score, usd) in enumerate(zip(scores, costs_usd, strict=True)):
        cost_usd += reached * (usd + rates.cost_usd)
        quality += reached * (score if place == last else score * rates.true_accept)
        reached *= 1.0 - score * rates.true_accept - (1.0 - score) * rates.false_accept
    return Expected(quality, cost_usd)


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


@lru_cache(maxsize=1024)
def planned(card: Scorecard, kind: str | None, targets: tuple[str, ...], verifier: str, aim: Aim) -> Plan:
    """Plan among these targets from what a scorecard knows of this kind of work; worked out once for each case."""
    if not verifier:
        return Plan(why_not="the policy names no checks; set verify")
    joint = next((j for j in card.joint if j.kind == kind), None)
    if joint is None:
        return Plan(why_not=f"no joint outcomes are measured for kind {kind or 'unknown'}; run evals and publish")
    counts = next((v for v in card.verifiers if v.verifier == verifier and v.kind == kind), None)
    if counts is None:
        return Plan(why_not=f"{verifier} was never measured for kind {kind}; run `routerkit scores verifier`")
    if counts.cost_usd is None:
        return Plan(why_not=f"what {verifier} costs is unknown")
    return plan(joint, targets, counts, aim, prior_quality=card.prior_quality, prior_n=card.prior_n)


def plan(
    joint: JointOutcomes,
    targets: Sequence[str],
    counts: VerifierCounts,
    aim: Aim,
    *,
    prior_quality: float = PRIOR_QUALITY,
    prior_n: float = PRIOR_N,
) -> Plan:
    """Least expected cost among sequences whose quality reaches the floor with confidence.

    A single target that does so for less than any cascade is no cascade. Before the evidence stand `prior_n` tasks of which all targets
    solve the share `prior_quality` and none solves the rest: nothing that escalating could mend is taken for granted.

    Args:
        joint: Outcomes on the same tasks.
        targets: Those that may take part.
        counts: What the verifier said about known answers.
        aim: Floor, confidence and the most steps.
        prior_quality: Share of tasks solved before any evidence, 0..1.
        prior_n: How many tasks that assumption is worth.
    """
    table = _table(joint, targets)
    if len(table.targets) < 2:
        return Plan(why_not=f"fewer than two targets were measured, with costs, on the same tasks of kind {joint.kind}")
    rates = measured_rates(counts)
    if rates.true_accept <= rates.false_accept:
        right, wrong = rates.true_accept, rates.false_accept
        return Plan(why_not=f"the verifier tells nothing: it accepts right answers at {right:.2f}, wrong ones at {wrong:.2f}")
    table = table.with_prior(prior_quality, prior_n)
    cautious, skipped = cautious_rates(counts, aim.confidence), ""
    options = [(table.expect(steps, rates), steps) for steps in sequences(table.targets, aim.max_steps)]
    for expected, steps in sorted(options, key=lambda o: (o[0].cost_usd, o[1])):
        right = right_if_accepted(table.share_right(steps[0]), rates)
        if len(steps) > 1 and right < aim.quality_floor:
            skipped = skipped or f"; an accepted answer of {steps[0]} is right with {right:.2f} only"
            continue
        belief = table.belief(steps, cautious)
        if belief.p_at_least(aim.quality_floor) < aim.confidence:
            continue
        if len(steps) == 1:
            return Plan(why_not=f"{steps[0]} alone reaches quality {aim.quality_floor:.2f}, and no cascade does for less{skipped}")
        return Plan(steps, "", expected.quality, belief.low(aim.confidence), expected.cost_usd, right)
    return Plan(why_not=_unreachable(table, rates, cautious, aim) + skipped)


class _Belief(NamedTuple):
    """Beta distribution of a mean share of right answers."""

    alpha: float
    beta: float

    def p_at_least(self, floor: float) -> float:
        return 1.0 - beta_cdf(floor, self.alpha, self.beta)

    def low(self, confidence: float) -> float:
        return beta_quantile(1.0 - confidence, self.alpha, self.beta)


class _Row(NamedTuple):
    weight: float
    scores: tuple[float, ...]
    costs_usd: tuple[float, ...]


class _Table(NamedTuple):
    """Outcomes with nothing unknown in them."""

    targets: tuple[str, ...]
    rows: tuple[_Row, ...]

    @property
    def n(self) -> float:
        return math.fsum(row.weight for row in self.rows)

    def with_prior(self, quality: float, n: float) -> _Table:
        """Tasks assumed before any evidence, at each target's mean cost."""
        costs = tuple(math.fsum(row.weight * row.costs_usd[j] for row in self.rows) / self.n for j in range(len(self.targets)))
        assumed = [_Row(n * w, (score,) * len(costs), costs) for w, score in ((quality, 1.0), (1.0 - quality, 0.0))]
        return _Table(self.targets, (*self.rows, *assumed))

    def share_right(self, target: str) -> float:
        place = self.targets.index(target)
        return math.fsum(row.weight * row.scores[place] for row in self.rows) / self.n

    def expect(self, steps: Sequence[str], rates: Rates) -> Expected:
        """Means over the tasks."""
        values = self._values(steps, rates)
        quality, usd = (math.fsum(row.weight * v[i] for row, v in zip(self.rows, values, strict=True)) / self.n for i in (0, 1))
        return Expected(quality, usd)

    def belief(self, steps: Sequence[str], rates: Rates) -> _Belief:
        """How sure the mean quality is: a Dirichlet posterior over the kinds of tasks, summed up by the Beta of its mean and variance.

        Source: mean and variance of a linear function of a Dirichlet variable, (Σ w·q² / n - mean²) / (n + 1).
        """
        values = self._values(steps, rates)
        mean = math.fsum(row.weight * v.quality for row, v in zip(self.rows, values, strict=True)) / self.n
        square = math.fsum(row.weight * v.quality**2 for row, v in zip(self.rows, values, strict=True)) / self.n
        variance = max((square - mean * mean) / (self.n + 1.0), 1e-9)
        strength = max(mean * (1.0 - mean) / variance - 1.0, 1e-3)
        return _Belief(max(mean * strength, 1e-6), max((1.0 - mean) * strength, 1e-6))

    def _values(self, steps: Sequence[str], rates: Rates) -> list[Expected]:
        places = [self.targets.index(step) for step in steps]
        return [expect([row.scores[j] for j in places], [row.costs_usd[j] for j in places], rates) for row in self.rows]


def _table(joint: JointOutcomes, targets: Sequence[str]) -> _Table:
    """Tasks on which all targets worth a place in a cascade are known."""
    wanted = [j for j, target in enumerate(joint.targets) if target in targets]
    n_known = {j: sum(p.n for p in joint.patterns if p.scores[j] is not None and p.costs_usd[j] is not None) for j in wanted}
    most = max(n_known.values(), default=0)
    wide = [j for j in wanted if most and n_known[j] >= _COVERAGE * most]
    whole = _whole(joint, wide)
    chosen = _worth_a_place(whole, len(wide))
    rows = [_Row(row.weight, tuple(row.scores[i] for i in chosen), tuple(row.costs_usd[i] for i in chosen)) for row in whole]
    return _Table(tuple(joint.targets[wide[i]] for i in chosen) if rows else (), _merged(rows))


def _merged(rows: Sequence[_Row]) -> tuple[_Row, ...]:
    """One row for each pattern of outcomes, at mean costs: the same means, and at most 64 rows for six targets."""
    groups: dict[tuple[float, ...], list[_Row]] = {}
    for row in rows:
        groups.setdefault(row.scores, []).append(row)
    return tuple(_sum(scores, group) for scores, group in groups.items())


def _sum(scores: tuple[float, ...], rows: Sequence[_Row]) -> _Row:
    weight = math.fsum(row.weight for row in rows)
    return _Row(weight, scores, tuple(math.fsum(row.weight * row.costs_usd[j] for row in rows) / weight for j in range(len(scores))))


def _whole(joint: JointOutcomes, places: Sequence[int]) -> list[_Row]:
    rows = []
    for pattern in joint.patterns:
        scores = tuple(s for j in places if (s := pattern.scores[j]) is not None)
        costs = tuple(c for j in places if (c := pattern.costs_usd[j]) is not None)
        if len(scores) == len(costs) == len(places):
            rows.append(_Row(pattern.n, scores, costs))
    return rows


def _worth_a_place(rows: Sequence[_Row], n_targets: int) -> list[int]:
    """The best half by quality, and the rest by quality for the money."""
    quality = [math.fsum(row.weight * row.scores[j] for row in rows) for j in range(n_targets)]
    usd = [math.fsum(row.weight * row.costs_usd[j] for row in rows) for j in range(n_targets)]
    by_quality = sorted(range(n_targets), key=lambda j: (-quality[j], usd[j]))
    by_money = sorted(range(n_targets), key=lambda j: -quality[j] / usd[j] if usd[j] else -math.inf)
    return sorted(list(dict.fromkeys([*by_quality[: _CANDIDATES // 2], *by_money]))[:_CANDIDATES])


def _unreachable(table: _Table, rates: Rates, cautious: Rates, aim: Aim) -> str:
    best = max(sequences(table.targets, aim.max_steps), key=lambda steps: table.expect(steps, rates).quality)
    low = table.belief(best, cautious).low(aim.confidence)
    return (
        f"no sequence of up to {aim.max_steps} reaches quality {aim.quality_floor:.2f} with {aim.confidence:.0%} confidence; "
        f"the best, {' → '.join(best)}, reaches {low:.2f}"
    )
