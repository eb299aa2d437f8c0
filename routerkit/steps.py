"""How a planned cascade enters a decision: as a score column, so that the choice and its explanation cannot disagree."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter

from routerkit.case import Case
from routerkit.decision import Decision, format_usd
from routerkit.joint import verifier_name
from routerkit.planning import Aim, Plan, plan, prospects
from routerkit.scorecard import Scorecard
from routerkit.scorers import Column, Columns
from routerkit.settings import PolicySettings


def plan_case(case: Case, dropped: Collection[int], ruled: Columns) -> Plan:
    """The cascade for this case, among the kept targets that rules like best: what people wrote down comes first."""
    liking = ruled[0].values if ruled else [0.0] * len(case.panel.names)
    kept = [i for i in range(len(liking)) if i not in dropped]
    most = max((liking[i] for i in kept), default=0.0)
    costs_usd = {case.panel.names[i]: case.costs_usd[i] for i in kept if liking[i] == most}
    return _plan(case.snapshot.scorecard, case.features.kind, costs_usd, case.settings)


def plan_behind(decision: Decision, scorecard: Scorecard, settings: PolicySettings) -> Plan:
    """The plan that a decision on this scorecard followed or passed over; looked up, for it is kept."""
    liking = {c: sum(s.value for s in c.scores if s.by == "rule") for c in decision.candidates if c.drop is None}
    most = max(liking.values(), default=0.0)
    costs_usd = {c.target: c.cost_usd for c, value in liking.items() if value == most}
    return _plan(scorecard, decision.features.kind, costs_usd, settings)


def planned_steps(decision: Decision) -> tuple[str, ...]:
    """The cascade that begins wherever its first step is the pick; empty when there is none."""
    if not decision.steps:
        return ()
    kept = sorted((-c.total, c.target, sum(s.value for s in c.scores if s.by == "cascade")) for c in decision.candidates if c.drop is None)
    steps = sorted(((-value, name) for _, name, value in kept if value), key=itemgetter(0))
    names = tuple(name for _, name in steps)
    return names if len(names) > 1 and names == tuple(name for _, name, _ in kept[: len(names)]) else ()


def _plan(scorecard: Scorecard, kind: str | None, costs_usd: Mapping[str, float | None], settings: PolicySettings) -> Plan:
    aim = Aim(settings.quality_floor, settings.confidence, settings.max_steps)
    return plan(prospects(scorecard, kind, tuple(sorted(costs_usd)), verifier_name(settings.verify), aim), costs_usd)


def step_column(case: Case, chosen: Plan) -> Columns:
    """The term that puts the steps first, in their order; none without a cascade. Between two steps lies more than adequacy can add."""
    n = len(chosen.steps)
    if not n:
        return ()
    values = {name: 1.0 - place / n for place, name in enumerate(chosen.steps)}
    return (Column("cascade", 2.0 * n, [values.get(name, 0.0) for name in case.panel.names]),)


def steps_taken(chosen: Plan, order: Sequence[str]) -> tuple[str, ...]:
    """Targets whose answers are checked: the plan where the pick is its first step, else the pick alone."""
    return chosen.steps if chosen.steps and tuple(order[: len(chosen.steps)]) == chosen.steps else tuple(order[:1])


def cascade_notes(chosen: Plan, taken: Sequence[str]) -> tuple[str, ...]:
    """What was planned and is expected of it, or why there is no cascade."""
    if not chosen.steps:
        return (f"no cascade: {chosen.why_not}",)
    if len(taken) < len(chosen.steps):
        return (f"no cascade: the pick is not its first step {chosen.steps[0]}",)
    whole = f"cascade {' → '.join(chosen.steps)}: expected {format_usd(chosen.cost_usd)} and quality {chosen.quality:.2f}"
    first = f"an accepted answer of {chosen.steps[0]} is right with {chosen.right_if_accepted:.2f}"
    return (f"{whole}, at least {chosen.quality_low:.2f}; {first}",)
