"""A policy: filters, then scores, then a pick. Pure: the same request on the same snapshot gives the same decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from routerkit.candidate_rows import Rows
from routerkit.case import Case, Columns, Outlook, Panel, Snapshot, adequacy, open_case, panel_of, shifts_of, work_of
from routerkit.catalog import Pool
from routerkit.decision import Decision, Drop, known_beforehand, made_of
from routerkit.errors import ConfigError, nearest
from routerkit.experience import Experience
from routerkit.experiment import Arm
from routerkit.exploring import NO_EXPLORATION, WEIGHS_QUALITY, Exploration, exploration
from routerkit.features import Features
from routerkit.filters import NOTHING_DROPPED, checks_of, dropped
from routerkit.pickers import pick
from routerkit.planning import Plan
from routerkit.predictor import SILENT, Correction
from routerkit.rules import Applied, Rule, disputes, matching, reconciled
from routerkit.scorecard import Scorecard
from routerkit.scorers import SCORERS, drift_column, pin_column, rule_column, totals
from routerkit.settings import PolicySettings
from routerkit.steps import cascade_notes, plan_case, step_column, steps_taken
from routerkit.table import Work

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

    def __hash__(self) -> int:
        return hash(self.name)  # of its settings, which are no part of the hash, some are mappings

    def decide(self, features: Features, pool: Pool, snapshot: Snapshot, *, rules: Sequence[Rule] = (), ticket: Ticket) -> Decision:
        """Choose a target of the pool for a request with these features."""
        applied, notes = _applied(rules, features, pool) if rules else _NO_RULES
        outlook = _outlook(self, pool, features, snapshot)
        case = open_case(outlook, features, snapshot)
        checks, live = checks_of(case, applied), outlook.live(case)
        drops, panic = dropped(case, checks) if checks or snapshot.ailments else NOTHING_DROPPED
        notes = panic + notes + snapshot.scorecard.notes(ticket.at)
        is_special = outlook.is_special or applied or features.pin or snapshot.correction is not SILENT
        weighed = self._weighed(case, live, drops, applied) if is_special else None
        if weighed:
            columns, sums, *_ = weighed
        else:
            columns, sums = outlook.columns + live, totals(live, outlook.sums)
        places, names = outlook.panel.alphabetical, outlook.panel.names
        ranking = sorted([i for i in places if i not in drops] if drops else places, key=sums.__getitem__, reverse=True)
        rows = Rows((case, columns, drops, sums, ranking, ()))
        facts = {
            **outlook.known,
            "id": ticket.id,
            "at": ticket.at,
            "features": features,
            "rows": rows,
            "ranked": tuple([names[i] for i in ranking]),
            "config_revision": ticket.config_revision,
            "notes": notes + outlook.doubts[ranking[0]] if ranking else notes,
            "arm": ticket.arm,
        }
        if weighed:
            facts |= self._further(rows, weighed, applied, notes, ticket)
        return made_of(facts)

    def _weighed(self, case: Case, live: Columns, drops: Mapping[int, Drop], applied: Sequence[Rule]) -> _Weighed:
        """All targets with their scores, where more than the policy has a say in them."""
        outlook = case.outlook
        pinned = pin_column(case) if case.features.pin else ()
        ruled = rule_column(case, applied) if applied else ()
        plan = plan_case(case, drops, ruled) if self.kind == "cascade" else None
        planned = step_column(case, plan) if plan else ()
        columns = pinned + ruled + outlook.drifted + planned + outlook.fixed + live
        return _Weighed(columns, totals(columns), is_pinned=bool(pinned), plan=plan)

    def _further(self, rows: Rows, weighed: _Weighed, applied: Sequence[Rule], notes: tuple[str, ...], ticket: Ticket) -> dict[str, object]:
        """What else there is to say where rules, an open tool loop, a cascade, dice or the words of the request have a say."""
        case, *_, ranking, _ = rows
        plan = weighed.plan
        features, correction, pool = case.features, case.snapshot.correction, case.outlook.pool
        drawn = self._drawn(case, weighed, ranking, ticket)
        order, taken = drawn.order, steps_taken(plan, drawn.order) if plan else ()
        doubt = case.outlook.doubts[ranking[0]] if ranking and len(taken) < 2 else ()
        return {
            "rows": Rows((*rows[:-1], drawn.explored.spread)),
            "ranked": order,
            "propensity": drawn.propensity,
            "seed": drawn.seed,
            "explore_share": drawn.explored.share,
            "is_exploring": bool(drawn.passed_over),
            "rule": ", ".join([r.name for r in applied]) or None,
            "notes": notes
            + (cascade_notes(plan, taken) if plan and order else ())
            + doubt
            + (_pin_note(features.pin, order) if features.pin else ())
            + (() if correction is SILENT else _silence(correction, pool))
            + drawn.explored.notes(drawn.passed_over),
            "steps": taken,
        }

    def _drawn(self, case: Case, weighed: _Weighed, ranking: Sequence[int], ticket: Ticket) -> _Drawn:
        """One of the ranked targets, by the dice where the policy throws them."""
        names, sums, explored = case.panel.names, weighed.sums, NO_EXPLORATION
        if self.settings.explore_share and not weighed.is_pinned:
            is_planned = weighed.plan is not None and bool(weighed.plan.steps)
            explored = exploration(case, self.kind, ranking, sums, is_planned=is_planned)
        picker = "weighted" if self.kind == "weighted" else "best"
        if weighed.is_pinned or not (picker == "weighted" or explored.share):
            return _Drawn(explored, tuple([names[i] for i in ranking]))
        ranked = [(-sums[i], names[i]) for i in ranking]
        order, propensity = pick(ranked, picker=picker, explore_share=explored.share, seed=ticket.seed, spread=explored.spread)
        best = ranked[0][1] if ranked else ""
        return _Drawn(explored, order, propensity, ticket.seed, best if picker == "best" and order[:1] != (best,) else "")


class _Weighed(NamedTuple):
    """All targets of a pool with their scores."""

    columns: Columns
    sums: Sequence[float]
    """Their weighted sums."""
    is_pinned: bool = False
    plan: Plan | None = None


class _Drawn(NamedTuple):
    """What was drawn of a ranking."""

    explored: Exploration
    order: tuple[str, ...]
    """Names, the pick first."""
    propensity: float = 1.0
    seed: int | None = None
    """None = the first of the ranking was taken."""
    passed_over: str = ""
    """Name of the best, if an exploring draw put another target first."""


def _outlook(policy: Policy, pool: Pool, features: Features, snapshot: Snapshot) -> Outlook:
    """What the policy thinks of the pool as far as it is known what kind of work is asked for."""
    by_target = snapshot.correction.by_target
    shifts = shifts_of(pool, by_target) if by_target else ()
    return _outlook_on(policy, pool, work_of(features, snapshot.scorecard), snapshot.scorecard, snapshot.experience, shifts)


@lru_cache(maxsize=1024)
def _outlook_on(policy: Policy, pool: Pool, work: Work, scorecard: Scorecard, experience: Experience, shifts: tuple[float, ...]) -> Outlook:
    kind, settings, panel = policy.kind, policy.settings, panel_of(pool, work, scorecard, experience, shifts)
    fixed, live = SCORERS[kind](panel, settings)
    # Weights are what people wrote down; a target that has drifted keeps its share.
    drifted = drift_column(panel, experience, work.kind) if kind != "weighted" else ()
    columns = drifted + fixed
    picker = "weighted" if kind == "weighted" else "best"
    return Outlook(
        pool,
        panel,
        settings,
        drifted,
        fixed,
        columns,
        totals(columns) if columns else None,
        live,
        _doubts(panel, settings) if kind in {"cheapest_adequate", "cascade"} else ((),) * len(panel.names),
        policy.is_random or kind == "cascade",
        known_beforehand(pool=pool.name, policy=policy.name, propensity=1.0, picker=picker, scorecard_revision=scorecard.cited),
    )


def _doubts(panel: Panel, settings: PolicySettings) -> tuple[tuple[str, ...], ...]:
    floor, confidence = settings.quality_floor, settings.confidence
    doubt = f"no kept target is shown to reach quality {floor:.2f} with {confidence:.0%} confidence; the likeliest comes first"
    return tuple([() if chance == 1.0 else (doubt,) for chance in adequacy(panel, floor, confidence)])


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
