"""A policy: filters, then scores, then a pick. Pure: the same request on the same snapshot gives the same decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from routerkit.catalog import Pool, Target
from routerkit.decision import Candidate, Decision, Drop, Score
from routerkit.facts import Facts, Snapshot, facts
from routerkit.features import Features
from routerkit.filters import FILTERS, Check, rule_only
from routerkit.pickers import pick
from routerkit.rules import Rule, matching
from routerkit.scorers import SCORERS, rule_score
from routerkit.settings import PolicySettings

POLICY_KINDS: Final = tuple(SCORERS)


class Ticket(NamedTuple):
    """What identifies one decision."""

    id: str
    at: datetime
    seed: int
    config_revision: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A named way of choosing."""

    name: str
    kind: str = "cheapest_adequate"
    """One of `POLICY_KINDS`."""
    settings: PolicySettings = field(default_factory=PolicySettings)

    @property
    def is_random(self) -> bool:
        """Whether two equal requests may be routed differently."""
        return self.kind == "weighted" or self.settings.explore_share > 0

    def decide(self, features: Features, pool: Pool, snapshot: Snapshot, *, rules: Sequence[Rule] = (), ticket: Ticket) -> Decision:
        """Choose a target of the pool for a request with these features."""
        applied = matching(rules, features)
        kept, dropped = _split(pool.targets, self._checks(features, snapshot, applied))
        notes: tuple[str, ...] = ()
        if snapshot.ailments and kept:
            kept, ill = _split_unfit(kept, snapshot)
            if not kept:
                kept, ill, notes = _readmit_least_bad(pool.targets, ill, snapshot)
            dropped = dropped + ill
        ranked = self._rank(kept, features, snapshot, applied)
        weights = self.kind == "weighted"
        seed = ticket.seed if self.is_random else None
        order, propensity = pick(ranked, picker="weighted" if weights else "best", explore_share=self.settings.explore_share, seed=seed)
        return Decision(
            id=ticket.id,
            at=ticket.at,
            pool=pool.name,
            policy=self.name,
            features=features,
            candidates=(*ranked, *sorted(dropped)),
            ranked=order,
            propensity=propensity,
            seed=seed,
            picker="weighted" if weights else "best",
            explore_share=self.settings.explore_share,
            config_revision=ticket.config_revision,
            scorecard_revision=snapshot.scorecard.revision,
            rule=", ".join(r.name for r in applied) or None,
            notes=notes + self._notes(ranked),
        )

    def _checks(self, features: Features, snapshot: Snapshot, applied: Sequence[Rule]) -> list[tuple[str, Check | None]]:
        checks = [(name, make(features, snapshot, self.settings)) for name, make in FILTERS]
        return [("rule", rule_only(applied)), *checks]

    def _rank(self, kept: Sequence[Target], features: Features, snapshot: Snapshot, applied: Sequence[Rule]) -> list[Candidate]:
        all_facts = [facts(target, features, snapshot) for target in kept]
        terms = SCORERS[self.kind](all_facts, features, snapshot.scorecard, self.settings)
        if any(rule.prefer or rule.avoid for rule in applied):
            terms = [_with_rule(f.target.name, t, applied) for f, t in zip(all_facts, terms, strict=True)]
        candidates = [_candidate(f, t) for f, t in zip(all_facts, terms, strict=True)]
        return [c for _, _, c in sorted((-c.total, c.target, c) for c in candidates)]

    def _notes(self, ranked: Sequence[Candidate]) -> tuple[str, ...]:
        if self.kind != "cheapest_adequate" or not ranked or _is_adequate(ranked[0]):
            return ()
        floor = self.settings.quality_floor
        return (f"no kept target reaches quality {floor:.2f} with {self.settings.confidence:.0%} confidence; the likeliest was picked",)


def _split(targets: Sequence[Target], checks: Sequence[tuple[str, Check | None]]) -> tuple[list[Target], list[Candidate]]:
    active = [(name, check) for name, check in checks if check is not None]
    if not active:
        return list(targets), []
    kept: list[Target] = []
    dropped: list[Candidate] = []
    for target in targets:
        for name, check in active:
            if why := check(target):
                dropped.append(Candidate(target.name, Drop(name, why)))
                break
        else:
            kept.append(target)
    return kept, dropped


def _split_unfit(targets: Sequence[Target], snapshot: Snapshot) -> tuple[list[Target], list[Candidate]]:
    ailments = snapshot.ailments
    kept = [t for t in targets if t.name not in ailments]
    return kept, [Candidate(t.name, Drop(ailments[t.name].state, ailments[t.name].why)) for t in targets if t.name in ailments]


def _readmit_least_bad(
    targets: Sequence[Target], ill: list[Candidate], snapshot: Snapshot
) -> tuple[list[Target], list[Candidate], tuple[str, ...]]:
    """Panic rule: when only their state speaks against all of them, try the one that recovers first instead of failing at once."""
    usable = [c for c in ill if snapshot.ailments[c.target].state != "disabled"]
    if not usable:
        return [], ill, ()
    first = min(usable, key=lambda c: (snapshot.ailments[c.target].until, c.target))
    kept = [t for t in targets if t.name == first.target]
    why = first.drop.why if first.drop else ""
    return kept, [c for c in ill if c is not first], (f"panic: every target is unfit, {first.target} readmitted although {why}",)


def _candidate(f: Facts, scores: tuple[Score, ...]) -> Candidate:
    e = f.estimate
    note = "" if e.n_samples else f"unmeasured, quality from {e.source}"
    if f.cost_usd is None:
        note = f"{note}; price unknown" if note else "price unknown"
    return Candidate(f.target.name, None, scores, f.cost_usd, e.mean, e.low, e.high, e.n_samples, f.latency_s, note)


def _is_adequate(candidate: Candidate) -> bool:
    return any(s.by == "adequate" and s.value for s in candidate.scores)


def _with_rule(name: str, terms: tuple[Score, ...], applied: Sequence[Rule]) -> tuple[Score, ...]:
    term = rule_score(name, applied)
    return (term, *terms) if term else terms
