"""Deciding logged calls again under other settings: which calls would move where, and what that would cost and achieve. Pure.

What was a fact at the time stays one: the request's features, who was ill, limited or over budget, how fast each target was, which
target the caller asked for, and which conversations had an open tool loop. Prompts are not needed, and none are stored.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from zlib import crc32

from routerkit.case import Snapshot
from routerkit.catalog import Pool
from routerkit.decision import Candidate, Decision, Drop
from routerkit.experience import NO_EXPERIENCE, Experience
from routerkit.health import Ailment
from routerkit.offpolicy import Evaluation, Logged, evaluate
from routerkit.pickers import chances
from routerkit.policy import Policy, Ticket
from routerkit.rules import Rule, When
from routerkit.scorecard import Scorecard

_OF_THE_MOMENT: Final = frozenset({"health", "limited", "disabled", "budget"})
"""Reasons to drop a target that no policy could have changed."""


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """What the ledger knows of one call."""

    decision: Decision
    cost_usd: float | None
    """All attempts; None = unknown."""
    success: bool | None
    """As last reported; None = nobody said, which is not a failure."""
    session: str | None = None


class Setting(NamedTuple):
    """What a pool is routed by."""

    pool: Pool
    policy: Policy
    scorecard: Scorecard
    rules: tuple[Rule, ...] = ()
    experience: Experience = NO_EXPERIENCE


class Move(NamedTuple):
    """Calls of one kind that would go elsewhere."""

    kind: str | None
    before: str
    after: str
    """`nothing` where every target would be dropped."""
    n: int


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What would have been."""

    n_calls: int
    moves: tuple[Move, ...]
    """Most calls first. Compared are the likeliest picks, so that exploring draws are no moves."""
    cost: Evaluation
    """Dollars per call."""
    success: Evaluation
    """Share of successes among calls with a report."""
    predicted_usd: float | None
    """Dollars per call as the new decisions expect; None when a price is unknown."""
    predicted_success: float | None
    """Share of successes as the scorecard predicts; None without any call."""

    @property
    def n_moved(self) -> int:
        """Calls that would go elsewhere."""
        return sum(move.n for move in self.moves)


@dataclass(slots=True)
class _Sums:
    """What is collected call by call."""

    moves: Counter[tuple[str | None, str, str]] = field(default_factory=Counter)
    costs: list[Logged] = field(default_factory=list)
    successes: list[Logged] = field(default_factory=list)
    usd: list[float | None] = field(default_factory=list)
    success: list[float | None] = field(default_factory=list)


def redecide(decision: Decision, setting: Setting) -> Decision:
    """The decision that this setting would have made about the same request at the same moment."""
    ailments = {c.target: _ailment(c.drop) for c in decision.candidates if c.drop and c.drop.by in _OF_THE_MOMENT}
    latencies_s = {c.target: c.latency_s for c in decision.candidates if c.latency_s is not None}
    snapshot = Snapshot(setting.scorecard, ailments, latencies_s, experience=setting.experience)
    seed = crc32(decision.id.encode()) if decision.seed is None else decision.seed
    ticket = Ticket(decision.id, decision.at, seed, decision.config_revision)
    return setting.policy.decide(decision.features, setting.pool, snapshot, rules=(*setting.rules, *_asked_for(decision)), ticket=ticket)


def replay_calls(calls: Iterable[LoggedCall], settings: Mapping[str, Setting]) -> Counterfactual:
    """Decide every call again and estimate cost and success under the new settings.

    Takes some 50 µs a call; for many calls give a random sample of them.

    Args:
        calls: Calls that had a pick, through pools that `settings` has.
        settings: By name of the pool.
    """
    sums = _Sums()
    for call in calls:
        _add(sums, call, redecide(call.decision, settings[call.decision.pool]))
    moves = sorted((Move(*move, n) for move, n in sums.moves.items()), key=lambda m: (-m.n, m.kind or "", m.before, m.after))
    return Counterfactual(
        len(sums.usd), tuple(moves), evaluate(sums.costs), evaluate(sums.successes), _mean_or_none(sums.usd), _mean_or_none(sums.success)
    )


def _ailment(drop: Drop) -> Ailment:
    # The panic rule readmits the ill, but nobody whose call the budget cannot pay.
    return Ailment("disabled" if drop.by == "budget" else drop.by, math.inf, drop.why)


def _add(sums: _Sums, call: LoggedCall, new: Decision) -> None:
    old, picked = call.decision, call.decision.picked
    assert picked is not None
    before, after = chances(old), chances(new)
    rows = {c.target: c for c in new.candidates}
    usd, success = _expected(after, rows, _cost), _expected(after, rows, _quality)
    sums.usd.append(usd)
    sums.success.append(success)
    stays, goes = max(before, key=before.__getitem__), max(after, key=after.__getitem__, default="nothing")
    if stays != goes:
        sums.moves[old.features.kind, stays, goes] += 1
    weight, supported = after.get(picked, 0.0) / old.propensity, sum(p for name, p in after.items() if before.get(name))
    cluster = call.session or old.id
    known = rows.get(picked)
    if call.cost_usd is not None:
        sums.costs.append(Logged(weight, call.cost_usd, known and _cost(known), usd, supported, cluster))
    if call.success is not None:
        sums.successes.append(Logged(weight, float(call.success), known and _quality(known), success, supported, cluster))


def _expected(after: Mapping[str, float], rows: Mapping[str, Candidate], value: Callable[[Candidate], float | None]) -> float | None:
    """Mean over the picks; None when any that may be picked is unknown, or nothing can be."""
    parts = [(p, value(rows[name])) for name, p in after.items() if p]
    return None if not parts or any(v is None for _, v in parts) else sum(p * v for p, v in parts if v is not None)


def _cost(candidate: Candidate) -> float | None:
    return candidate.cost_usd


def _quality(candidate: Candidate) -> float | None:
    return candidate.quality


def _mean_or_none(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _asked_for(decision: Decision) -> tuple[Rule, ...]:
    """The caller named a target (`pool/target`): any other setting has to keep to it, too."""
    names = [c.target for c in decision.candidates if f"{c.target} was asked for" in (decision.rule or "").split(", ")]
    return tuple(Rule(f"{name} was asked for", When(), only=(name,)) for name in names)
