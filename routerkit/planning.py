"""Choosing a cascade: the cheapest sequence for this very request among those that were shown to reach the floor. Pure.

Whether a sequence reaches the floor depends on what was measured, and is worked out once. What it costs depends on the request too: on its
size, its warm caches, today's prices. So each sequence keeps how many answers every step is expected to give, and is priced per request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import le, mul
from typing import Final, NamedTuple

from routerkit.cascade import CommonTasks, Rates, cautious_rates, common_tasks, measured_rates, right_if_accepted, sequences
from routerkit.joint import JointOutcomes, VerifierCounts
from routerkit.scorecard import PRIOR_N, PRIOR_QUALITY, Scorecard

_NOTHING: Final[Mapping[str, float]] = {}


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
    """Predicted dollars for this request, checks included."""
    right_if_accepted: float = 0.0
    """P(right | accepted) of the first step."""


class _Option(NamedTuple):
    """One sequence."""

    steps: tuple[str, ...]
    answers: tuple[float, ...]
    """Answers of mean cost expected per request, by target, see `CommonTasks.answers`."""
    check_usd: float
    """Dollars for checking, per request."""
    right_if_accepted: float
    quality: float = 0.0
    quality_low: float = 0.0

    def usd(self, costs_usd: Sequence[float]) -> float:
        usd: float = sum(map(mul, self.answers, costs_usd))
        return usd + self.check_usd

    def is_never_cheaper(self, other: _Option) -> bool:
        """Whether the other costs at most as much whatever answers cost: it asks nobody more often."""
        return other.check_usd <= self.check_usd and all(map(le, other.answers, self.answers))


class Prospects(NamedTuple):
    """Everything about cascades among some targets that does not depend on the request."""

    options: tuple[_Option, ...] = ()
    """Sequences that reach the floor, without those that are never the cheapest."""
    why_not: str = ""
    """Why there are none."""
    targets: tuple[str, ...] = ()
    mean_usd: tuple[float, ...] = ()
    """Dollars per answer as measured, for targets without a price."""
    unsure: _Option | None = None
    """The cheapest cascade whose accepted answers are not right often enough."""
    quality_floor: float = 0.0


@lru_cache(maxsize=1024)
def prospects(card: Scorecard, kind: str | None, targets: tuple[str, ...], verifier: str, aim: Aim) -> Prospects:
    """What a scorecard knows of cascades among these targets on this kind of work; worked out once for each case."""
    if not verifier:
        return Prospects(why_not="the policy names no checks; set verify")
    joint = next((j for j in card.joint if j.kind == kind), None)
    if joint is None:
        return Prospects(why_not=f"no joint outcomes are measured for kind {kind or 'unknown'}; run evals and publish")
    counts = next((v for v in card.verifiers if v.verifier == verifier and v.kind == kind), None)
    if counts is None:
        return Prospects(why_not=f"{verifier} was never measured for kind {kind}; run `routerkit scores verifier`")
    if counts.cost_usd is None:
        return Prospects(why_not=f"what {verifier} costs is unknown")
    return weigh(joint, targets, counts, aim, prior_quality=card.prior_quality, prior_n=card.prior_n)


def weigh(
    joint: JointOutcomes,
    targets: Sequence[str],
    counts: VerifierCounts,
    aim: Aim,
    *,
    prior_quality: float = PRIOR_QUALITY,
    prior_n: float = PRIOR_N,
) -> Prospects:
    """Find the sequences whose quality reaches the floor with confidence.

    Before the evidence stand `prior_n` tasks of which all targets solve the share `prior_quality` and none solves the rest: nothing that
    escalating could mend is taken for granted.

    Args:
        joint: Outcomes on the same tasks.
        targets: Those that may take part.
        counts: What the verifier said about known answers.
        aim: Floor, confidence and the most steps.
        prior_quality: Share of tasks solved before any evidence, 0..1.
        prior_n: How many tasks that assumption is worth.
    """
    tasks = common_tasks(joint, targets)
    if len(tasks.targets) < 2:
        return Prospects(why_not=f"fewer than two targets were measured, with costs, on the same tasks of kind {joint.kind}")
    rates = measured_rates(counts)
    if rates.true_accept <= rates.false_accept:
        right, wrong = rates.true_accept, rates.false_accept
        return Prospects(why_not=f"the verifier tells nothing: it accepts right answers at {right:.2f}, wrong ones at {wrong:.2f}")
    tasks = tasks.with_prior(prior_quality, prior_n)
    cautious = cautious_rates(counts, aim.confidence)
    every = sorted(
        [_option(tasks, steps, rates) for steps in sequences(tasks.targets, aim.max_steps)], key=lambda o: (o.usd(tasks.mean_usd), o.steps)
    )
    unsure = next((o for o in every if _is_unsure(o, aim)), None)
    options: list[_Option] = []
    for option in every:
        if _is_unsure(option, aim) or any(option.is_never_cheaper(o) for o in options):
            continue
        belief = tasks.belief(option.steps, cautious)
        if belief.p_at_least(aim.quality_floor) >= aim.confidence:
            quality = tasks.quality(option.steps, rates)
            options.append(option._replace(quality=quality, quality_low=belief.low(aim.confidence)))
    why_not = "" if options else _unreachable(tasks, rates, cautious, aim) + _doubt(unsure)
    return Prospects(tuple(options), why_not, tasks.targets, tasks.mean_usd, unsure, aim.quality_floor)


def plan(found: Prospects, costs_usd: Mapping[str, float | None] = _NOTHING) -> Plan:
    """The sequence that costs least for one request. A single target that costs less than any cascade is not a cascade.

    Args:
        found: The sequences that reach the floor.
        costs_usd: Expected dollars of one answer to this request, by target; as measured where left out or unknown. That some tasks are
            dearer than others stays as it was measured: a step that is asked on the hard ones costs more than its price for the mean one.
    """
    if not found.options:
        return Plan(why_not=found.why_not)
    known = map(costs_usd.get, found.targets)
    usd = [mean if cost is None else cost for cost, mean in zip(known, found.mean_usd, strict=True)]
    cost_usd, steps, best = min([(sum(map(mul, o.answers, usd)) + o.check_usd, o.steps, o) for o in found.options])
    if len(steps) > 1:
        return Plan(steps, "", best.quality, best.quality_low, cost_usd, best.right_if_accepted)
    skipped = found.unsure if found.unsure and found.unsure.usd(usd) < cost_usd else None
    return Plan(
        why_not=f"{' → '.join(steps)} alone reaches quality {found.quality_floor:.2f}, and no cascade does for less{_doubt(skipped)}"
    )


def _option(tasks: CommonTasks, steps: tuple[str, ...], rates: Rates) -> _Option:
    *per_step, checked = tasks.answers(steps, rates)
    given = dict(zip(steps, per_step, strict=True))
    right = right_if_accepted(tasks.share_right(steps[0]), rates)
    return _Option(steps, tuple([given.get(target, 0.0) for target in tasks.targets]), rates.cost_usd * checked, right)


def _is_unsure(option: _Option, aim: Aim) -> bool:
    return len(option.steps) > 1 and option.right_if_accepted < aim.quality_floor


def _doubt(unsure: _Option | None) -> str:
    return f"; an accepted answer of {unsure.steps[0]} is right with {unsure.right_if_accepted:.2f} only" if unsure else ""


def _unreachable(tasks: CommonTasks, rates: Rates, cautious: Rates, aim: Aim) -> str:
    best = max(sequences(tasks.targets, aim.max_steps), key=lambda steps: tasks.quality(steps, rates))
    low = tasks.belief(best, cautious).low(aim.confidence)
    return (
        f"no sequence of up to {aim.max_steps} reaches quality {aim.quality_floor:.2f} with {aim.confidence:.0%} confidence; "
        f"the best, {' → '.join(best)}, reaches {low:.2f}"
    )
