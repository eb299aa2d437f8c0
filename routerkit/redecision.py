"""Deciding a logged request again under other settings, as far as what was stored allows. Pure.

What was a fact at the time stays one: the request's features, who was ill, limited or over budget, how fast each target was, which
target the caller asked for, and which conversations had an open tool loop. Prompts are not needed, and none are stored; so the routes
that were found stay found, and act as they now would.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from zlib import crc32

from routerkit.case import Snapshot
from routerkit.catalog import Pool
from routerkit.decision import Decision, Drop
from routerkit.experience import NO_EXPERIENCE, Experience
from routerkit.experiment import Arm, Experiment, session_unit
from routerkit.health import Ailment
from routerkit.policy import Policy, Ticket
from routerkit.routes import Match, RouteBook
from routerkit.rules import Rule, When
from routerkit.scorecard import Scorecard
from routerkit.semantic import Reading, applied, met

_OF_THE_MOMENT: Final = frozenset({"health", "limited", "disabled", "budget"})
"""Reasons to drop a target that no policy could have changed."""
_NO_ROUTES: Final = RouteBook()


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """What the ledger knows of one call."""

    decision: Decision
    cost_usd: float | None
    """All attempts; None = unknown."""
    success: bool | None
    """As last reported; None = nobody said, which is not a failure."""
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What a pool is routed by."""

    pool: Pool
    policy: Policy
    scorecard: Scorecard
    rules: tuple[Rule, ...] = ()
    experience: Experience = NO_EXPERIENCE
    routes: RouteBook = _NO_ROUTES
    experiment: Experiment | None = None
    variants: Mapping[str, Policy] = field(default_factory=dict)
    """Policies of the experiment, by variant."""
    checks_alike: bool = True
    """Whether answers are checked as they were when calls were logged; else no logged cascade speaks for a new one."""


class Untold(NamedTuple):
    """Why a call cannot be decided again."""

    why: str


def redecide(call: LoggedCall, setting: Setting) -> Decision | Untold:
    """The decision that this setting would have made about the same request at the same moment, or why nobody can say."""
    old = call.decision
    asked = _asked_for(old)
    arm = None if asked else _arm(call, setting.experiment)
    reading = _reread(old, setting.routes)
    if isinstance(arm, Untold):
        return arm
    if isinstance(reading, Untold):
        return reading
    policy = setting.policy if arm is None else setting.variants[arm.variant]
    rules = (*setting.rules, *reading.rules, *asked)
    new = policy.decide(reading.features, setting.pool, _snapshot(old, setting), rules=rules, ticket=_ticket(old, arm))
    return reading.sign(new) if reading.matches else new


def _snapshot(old: Decision, setting: Setting) -> Snapshot:
    ailments = {c.target: _ailment(c.drop) for c in old.candidates if c.drop and c.drop.by in _OF_THE_MOMENT}
    latencies_s = {c.target: c.latency_s for c in old.candidates if c.latency_s is not None}
    return Snapshot(setting.scorecard, ailments, latencies_s, experience=setting.experience)


def _ailment(drop: Drop) -> Ailment:
    # The panic rule readmits the ill, but nobody whose call the budget cannot pay.
    return Ailment("disabled" if drop.by == "budget" else drop.by, math.inf, drop.why)


def _ticket(old: Decision, arm: Arm | None) -> Ticket:
    seed = crc32(old.id.encode()) if old.seed is None else old.seed
    return Ticket(old.id, old.at, seed, old.config_revision, arm)


def _asked_for(old: Decision) -> tuple[Rule, ...]:
    """The caller named a target (`pool/target`): any other setting has to keep to it, too."""
    names = [c.target for c in old.candidates if f"{c.target} was asked for" in (old.rule or "").split(", ")]
    return tuple(Rule(f"{name} was asked for", When(), only=(name,)) for name in names)


def _arm(call: LoggedCall, experiment: Experiment | None) -> Arm | Untold | None:
    """The variant that a session gets, or that a conversation got in the same experiment."""
    if experiment is None:
        return None
    if call.session is not None:
        return experiment.assign(session_unit(call.session), call.decision.at)
    arm = call.decision.arm
    if arm is not None and arm.experiment == experiment.name and arm.variant in experiment.policies:
        return arm
    return Untold(f"without a session, nobody can say which variant of {experiment.name!r} they get")


def _reread(old: Decision, book: RouteBook) -> Reading | Untold:
    """What the routes that were found make of the request now."""
    found = sorted((now for m in old.matches if (now := _rematched(m, book))), key=lambda m: not m.is_met)
    route, source = met(book, found), old.features.kind_source
    if source.startswith("route ") and not (route and route.kind):
        return Untold(f"their kind came from {source}, which no longer gives one, and what else it would be is not stored")
    return applied(book, tuple(found), old.features)


def _rematched(match: Match, book: RouteBook) -> Match | None:
    """A match by the threshold that the route has now; None where the route is gone."""
    route = book.route(match.route)
    if route is None or match.by != "utterances":
        return match if route else None
    return match._replace(threshold=route.threshold)
