"""How a planned cascade enters a decision: as a score column, so that the choice and its explanation cannot disagree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter

from routerkit.cascade import Aim, Plan, planned
from routerkit.case import Case
from routerkit.decision import Decision, format_usd
from routerkit.joint import verifier_name
from routerkit.scorecard import Scorecard
from routerkit.scorers import Column, Columns
from routerkit.settings import PolicySettings


def plan_case(case: Case, dropped: Collection[int], ruled: Columns) -> Plan:
    """The cascade for this case, among the kept targets that rules like best: what people wrote down comes first."""
    liking = ruled[0].values if ruled else [0.0] * len(case.panel.names)
    kept = [i for i in range(len(liking)) if i not in dropped]
    most = max((liking[i] for i in kept), default=0.0)
    names = (case.panel.names[i] for i in kept if liking[i] == most)
    return _plan(case.snapshot.scorecard, case.features.kind, names, case.settings)


def plan_behind(decision: Decision, scorecard: Scorecard, settings: PolicySettings) -> Plan:
    """The plan that a decision on this scorecard followed or passed over; looked up, for it is kept."""
    liking = {c.target: sum(s.value for s in c.scores if s.by == "rule") for c in decision.candidates if c.drop is None}
    most = max(liking.values(), default=0.0)
    return _plan(scorecard, decision.features.kind, (name for name, value in liking.items() if value == most), settings)


def planned_steps(decision: Decision) -> tuple[str, ...]:
    """The cascade that begins wherever its first step is the pick; empty when there is none."""
    if not decision.steps:
        return ()
    kept = sorted((-c.total, c.target, sum(s.value for s in c.scores if s.by == "cascade")) for c in decision.candidates if c.drop is None)
    steps = sorted(((-value, name) for _, name, value in kept if value), key=itemgetter(0))
    names = tuple(name for _, name in steps)
    return names if len(names) > 1 and names == tuple(name for _, name, _ in kept[: len(names)]) else ()


def _plan(scorecard: Scorecard, kind: str | None, names: Iterable[str], settings: PolicySettings) -> Plan:
    aim = Aim(settings.quality_floor, settings.confidence, settings.max_steps)
    return planned(scorecard, kind, tuple(sorted(names)), verifier_name(settings.verify), aim)


def step_column(case: Case, plan: Plan) -> Columns:
    """The term that puts the steps first, in their order; none without a cascade. Between two steps lies more than adequacy can add."""
    n = len(plan.steps)
    if not n:
        return ()
    values = {name: 1.0 - place / n for place, name in enumerate(plan.steps)}
    return (Column("cascade", 2.0 * n, [values.get(name, 0.0) for name in case.panel.names]),)


def steps_taken(plan: Plan, order: Sequence[str]) -> tuple[str, ...]:
    """Targets whose answers are checked: the plan where the pick is its first step, else the pick alone."""
    return plan.steps if plan.steps and tuple(order[: len(plan.steps)]) == plan.steps else tuple(order[:1])


def cascade_notes(plan: Plan, taken: Sequence[str]) -> tuple[str, ...]:
    """What was planned and is expected of it, or why there is no cascade."""
    if not plan.steps:
        return (f"no cascade: {plan.why_not}",)
    if len(taken) < len(plan.steps):
        return (f"no cascade: the pick is not its first step {plan.steps[0]}",)
    planned = f"cascade {' → '.join(plan.steps)}: expected {format_usd(plan.cost_usd)} and quality {plan.quality:.2f}"
    return (
        f"{planned}, at least {plan.quality_low:.2f}; an accepted answer of {plan.steps[0]} is right with {plan.right_if_accepted:.2f}",
    )
