"""A policy: filters, then scores, then a pick. Pure: the same request on the same snapshot gives the same decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from routerkit.candidate_rows import Rows
from routerkit.case import Case, Snapshot, open_case
from routerkit.catalog import Pool
from routerkit.decision import Decision, Drop
from routerkit.errors import ConfigError, nearest
from routerkit.experiment import Arm
from routerkit.exploring import NO_EXPLORATION, WEIGHS_QUALITY, Exploration, exploration
from routerkit.features import Features
from routerkit.filters import FILTERS, rule_only
from routerkit.health import Ailment
from routerkit.pickers import pick
from routerkit.planning import Plan
from routerkit.predictor import SILENT, Correction
from routerkit.rules import Applied, Rule, disputes, matching, reconciled
from routerkit.scorers import SCORERS, Columns, drift_column, pin_column, rule_column, totals
from routerkit.settings import PolicySettings
from routerkit.steps import cascade_notes, plan_case, step_column, steps_taken

POLICY_KINDS: Final = tuple(SCORERS)
_NO_RULES: Final = Applied()
_MOST_NAMED: Final = 3
"""Names listed in a note."""


class Ticket(NamedTuple):
    """What identifies one decision."""

    id: str
    at: datetime
    seed: int
    config_revision: str = ""
    arm: Arm | None = None
    """What the request was assigned in an experiment."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A named way of choosing.

    Raises:
        ConfigError: the kind is unknown, or does not go with the settings.
    """

    name: str
    kind: str = "cheapest_adequate"
    """One of `POLICY_KINDS`."""
    settings: PolicySettings = field(default_factory=PolicySettings)

    def __post_init__(self) -> None:
        if self.kind not in SCORERS:
            raise ConfigError(f"policy {self.name!r}: unknown kind {self.kind!r}; {nearest(self.kind, SCORERS)}")
        if self.settings.explore_by == "thompson" and self.kind not in WEIGHS_QUALITY:
            raise ConfigError(f"policy {self.name!r}: explore_by='thompson' needs one that weighs quality: {', '.join(WEIGHS_QUALITY)}")

    @property
    def is_random(self) -> bool:
        """Whether two equal requests may be routed differently."""
        return self.kind == "weighted" or self.settings.explore_share > 0

    def decide(self, features: Features, pool: Pool, snapshot: Snapshot, *, rules: Sequence[Rule] = (), ticket: Ticket) -> Decision:
        """Choose a target of the pool for a request with these features."""
        applied, complaints = _applied(rules, features, pool) if rules else _NO_RULES
        case = open_case(pool, features, snapshot, self.settings)
        drops, notes = _drops(case, applied)
        pinned = pin_column(case) if features.pin else ()
        ruled = rule_column(case, applied) if applied else ()
        plan = plan_case(case, drops, ruled) if self.kind == "cascade" else None
        # Weights are what people wrote down; a target that has drifted keeps its share.
        drifted = drift_column(case) if self.kind != "weighted" else ()
        columns = pinned + ruled + drifted + (step_column(case, plan) if plan else ()) + SCORERS[self.kind](case)
        drawn = self._draw(case, columns, drops, ticket, is_pinned=bool(pinned), is_planned=plan is not None and bool(plan.steps))
        return Decision(  # by place: nineteen keywords take as long again as all the rest
            ticket.id,
            ticket.at,
            pool.name,
            self.name,
            features,
            Rows((case, columns, drops, drawn.sums, drawn.ranking, drawn.explored.spread)),
            drawn.order,
            drawn.propensity,
            drawn.seed,
            drawn.picker,
            drawn.explored.share,
            drawn.is_exploring,
            ticket.config_revision,
            snapshot.scorecard.cited,
            ", ".join([r.name for r in applied]) or None if applied else None,
            notes
            + complaints
            + snapshot.scorecard.notes(ticket.at)
            + self._warning(case, drawn, plan)
            + (_pin_note(features.pin, drawn.order) if features.pin else ())
            + (() if snapshot.correction is SILENT else _silence(snapshot.correction, pool))
            + (() if drawn.explored is NO_EXPLORATION else drawn.explored.notes(drawn.best if drawn.is_exploring else "")),
            steps_taken(plan, drawn.order) if plan else (),
            arm=ticket.arm,
        )

    def _draw(
        self, case: Case, columns: Columns, drops: Mapping[int, Drop], ticket: Ticket, *, is_pinned: bool, is_planned: bool
    ) -> _Drawn:
        """Rank the kept targets, and draw where the policy randomises."""
        sums, names, places = totals(columns), case.panel.names, case.panel.alphabetical
        if drops:
            places = tuple([i for i in places if i not in drops])
        ranking = sorted(places, key=sums.__getitem__, reverse=True)
        explored = NO_EXPLORATION
        if self.settings.explore_share and not is_pinned:
            explored = exploration(case, self.kind, ranking, sums, is_planned=is_planned)
        picker = "weighted" if self.kind == "weighted" else "best"
        if is_pinned or not (picker == "weighted" or explored.share):
            order = tuple([names[i] for i in ranking])
            return _Drawn(sums, ranking, explored, picker, None, order, 1.0, order[0] if order else "")
        totalled = [(-sums[i], names[i]) for i in ranking]
        order, propensity = pick(totalled, picker=picker, explore_share=explored.share, seed=ticket.seed, spread=explored.spread)
        return _Drawn(sums, ranking, explored, picker, ticket.seed, order, propensity, names[ranking[0]] if ranking else "")

    def _warning(self, case: Case, drawn: _Drawn, plan: Plan | None) -> tuple[str, ...]:
        if not drawn.order:
            return ()
        taken = steps_taken(plan, drawn.order) if plan else ()
        noted = cascade_notes(plan, taken) if plan else ()
        return noted if len(taken) > 1 else noted + self._doubt(case, drawn.ranking[0])

    def _doubt(self, case: Case, best: int) -> tuple[str, ...]:
        if self.kind not in {"cheapest_adequate", "cascade"}:
            return ()
        if case.adequacy()[best] == 1.0:
            return ()
        floor, confidence = self.settings.quality_floor, self.settings.confidence
        return (f"no kept target is shown to reach quality {floor:.2f} with {confidence:.0%} confidence; the likeliest comes first",)


class _Drawn(NamedTuple):
    """A ranking, and what was picked of it."""

    sums: Sequence[float]
    """Weighted sums of the scores, in the order of the pool."""
    ranking: Sequence[int]
    """Places of the kept targets in the pool, best first."""
    explored: Exploration
    picker: str
    seed: int | None
    """None = the first of the ranking was taken."""
    order: tuple[str, ...]
    """Names, the pick first."""
    propensity: float
    best: str
    """Name of the best; empty without any."""

    @property
    def is_exploring(self) -> bool:
        """Whether an exploring draw put another target than the best one first."""
        return self.picker == "best" and bool(self.order) and self.order[0] != self.best


def _applied(rules: Sequence[Rule], features: Features, pool: Pool) -> Applied:
    applied = matching(rules, features)
    if len(applied.rules) < 2:
        return applied
    n_limits = sum([bool(rule.only) for rule in applied.rules])
    found = reconciled(applied, pool.by_name) if n_limits > 1 else applied
    return found._replace(notes=found.notes + disputes(found.rules, pool.by_name)) if any(rule.avoid for rule in found.rules) else found


def _pin_note(pin: str, order: Sequence[str]) -> tuple[str, ...]:
    kept = bool(order) and order[0] == pin
    return (f"stays with {pin}: its tool loop is open" if kept else f"{pin} cannot go on with its open tool loop",)


def _silence(correction: Correction, pool: Pool) -> tuple[str, ...]:
    """Why the words of the request add nothing, if they do."""
    why = correction.why_not
    if (
        not why
        and correction.by_target
        and not any(t.name in correction.by_target or t.model in correction.by_target for t in pool.targets)
    ):
        why = f"the predictor knows no target of {pool.name!r}, only {', '.join(sorted(correction.by_target)[:_MOST_NAMED])}"
    return (f"the words add nothing: {why}",) if why else ()


def _drops(case: Case, applied: Sequence[Rule]) -> tuple[dict[int, Drop], tuple[str, ...]]:
    """Dropped places of the pool with the first reason against each; health speaks last."""
    drops: dict[int, Drop] = {}
    checks = [("rule", check)] if applied and (check := rule_only(case, applied)) else []
    checks += [(name, check) for name, make in FILTERS if (check := make(case))]
    for name, check in checks:
        for i in range(len(case.panel.names)):
            if i not in drops and (why := check(i)):
                drops[i] = Drop(name, why)
    if not case.snapshot.ailments:
        return drops, ()
    return _drop_unfit(case.panel.names, case.snapshot.ailments, drops)


def _drop_unfit(names: Sequence[str], ailments: Mapping[str, Ailment], drops: dict[int, Drop]) -> tuple[dict[int, Drop], tuple[str, ...]]:
    """Drop what is unfit; but if that leaves nothing, readmit the target that recovers first (the panic rule)."""
    unfit = {i: ailments[name] for i, name in enumerate(names) if i not in drops and name in ailments}
    notes: tuple[str, ...] = ()
    if len(unfit) + len(drops) == len(names):
        curable = [i for i in unfit if unfit[i].state != "disabled"]
        if curable:
            first = min(curable, key=lambda i: (unfit[i].until, names[i]))
            notes = (f"panic: every target is unfit; {names[first]} readmitted although {unfit.pop(first).why}",)
    return {**drops, **{i: Drop(a.state, a.why) for i, a in unfit.items()}}, notes
