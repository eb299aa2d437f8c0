"""How a planned cascade enters a decision: as a score column, so that the choice and its explanation cannot disagree."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from routerkit.cascade import Aim, Plan, planned
from routerkit.case import Case
from routerkit.decision import format_usd
from routerkit.joint import verifier_name
from routerkit.scorers import Column, Columns


def plan_case(case: Case, dropped: Collection[int], ruled: Columns) -> Plan:
    """The cascade for this case, among the kept targets that rules like best: what people wrote down comes first."""
    liking = ruled[0].values if ruled else [0.0] * len(case.panel.names)
    kept = [i for i in range(len(liking)) if i not in dropped]
    most = max((liking[i] for i in kept), default=0.0)
    names = tuple(sorted(case.panel.names[i] for i in kept if liking[i] == most))
    settings = case.settings
    aim = Aim(settings.quality_floor, settings.confidence, settings.max_steps)
    return planned(case.snapshot.scorecard, case.features.kind, names, verifier_name(settings.verify), aim)


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
