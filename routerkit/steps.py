"""How a planned cascade enters a decision: as a score column, so that the choice and its explanation cannot disagree."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter

from routerkit.case import Case, Column, Columns, known_usd
from routerkit.decision import Decision, format_usd
from routerkit.joint import verifier_name
from routerkit.planning import Aim, Plan, plan, prospects
from routerkit.scorecard import Scorecard
from routerkit.settings import PolicySettings


def plan_case(case: Case, dropped: Collection[int], ruled: Columns) -> Plan:
    """The cascade for this case, among the kept targets that rules like best: what people wrote down comes first."""
    places: Sequence[int] = case.panel.alphabetical
    if dropped:
        places = [i for i in places if i not in dropped]
    if ruled:
        liking = ruled[0].values
        most = max([liking[i] for i in places], default=0.0)
        places = [i for i in places if liking[i] == most]
    names = case.panel.names
    costs_usd = dict(zip(names, map(known_usd, case.costs_usd), strict=True))
    return _plan(case.snapshot.scorecard, case.features.kind, tuple([names[i] for i in places]), costs_usd, case.settings)


def plan_behind(decision: Decision, scorecard: Scorecard, settings: PolicySettings) -> Plan:
    """The plan that a decision on this scorecard followed or passed over; looked up, for it is kept."""
    liking = {c.target: sum(s.value for s in c.scores if s.by == "rule") for c in decision.candidates if c.drop is None}
    most = max(liking.values(), default=0.0)
    names = tuple(sorted(name for name, value in liking.items() if value == most))
    return _plan(scorecard, decision.features.kind, names, {c.target: c.cost_usd for c in decision.candidates}, settings)


def planned_steps(decision: Decision) -> tuple[str, ...]:
    """The cascade that begins wherever its first step is the pick; empty when there is none."""
    if not decision.steps:
        return ()
    kept = sorted((-c.total, c.target, sum(s.value for s in c.scores if s.by == "cascade")) for c in decision.candidates if c.drop is None)
    steps = sorted(((-value, name) for _, name, value in kept if value), key=itemgetter(0))
    names = tuple(name for _, name in steps)
    return names if len(names) > 1 and names == tuple(name for _, name, _ in kept[: len(names)]) else ()


def _plan(
    scorecard: Scorecard, kind: str | None, names: tuple[str, ...], costs_usd: Mapping[str, float | None], settings: PolicySettings
) -> Plan:
    aim = Aim(settings.quality_floor, settings.confidence, settings.max_steps)
    return plan(prospects(scorecard, kind, names, verifier_name(settings.verify), aim), costs_usd)


def step_column(case: Case, chosen: Plan) -> Columns:
    """The term that puts the steps first, in their order; none without a cascade. Between two steps lies more than adequacy can add."""
    n = len(chosen.steps)
    if not n:
        return ()
    values = [0.0] * len(case.panel.names)
    for place, name in enumerate(chosen.steps):
        values[case.panel.names.index(name)] = 1.0 - place / n
    return (Column("cascade", 2.0 * n, values),)


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
