"""What production has taught since the scorecard was measured: reported outcomes, and cells that have drifted away from it. Immutable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

from routerkit.posterior import Estimate, beta_quantile
from routerkit.scorecard import PRIOR_N

CellKey: TypeAlias = tuple[str, str | None]
"""Target and task kind; None = a kind that nobody knew."""
OnDrift: TypeAlias = Literal["note", "widen", "demote"]
"""What an alarm about success does: only say so; forget most of what was measured; also try the target after all others."""
HALF_LIFE: Final = timedelta(days=14)
"""Age at which a report counts half: providers change models behind a name about every quarter, so most of what counts is of this one."""


class Outcome(NamedTuple):
    """What became of one answer."""

    target: str
    """Target that gave it."""
    kind: str | None
    reported_at: datetime
    """UTC."""
    success: bool


class Tally(NamedTuple):
    """Reported outcomes of one cell."""

    n: int
    """Reports."""
    weight: float
    """What they count, each by its age."""
    passed: float
    """What the successes among them count."""


class Alarm(NamedTuple):
    """A cell that does worse than it was measured to."""

    measure: str
    """`success`, `cost` or `latency`."""
    said: str
    """What was seen, in one line."""


@dataclass(frozen=True, slots=True, eq=False)
class Experience:
    """Compared by identity, so that what is computed with it can be kept."""

    tallies: Mapping[CellKey, Tally] = field(default_factory=dict)
    alarms: Mapping[CellKey, tuple[Alarm, ...]] = field(default_factory=dict)
    on_drift: OnDrift = "widen"

    def adjusted(self, target: str, kind: str | None, measured: Estimate) -> Estimate:
        """The estimate of a cell with its reports counted in; widened first where success has drifted and that is wanted."""
        tally, alarms = self.tallies.get((target, kind)), self.alarms.get((target, kind), ())
        if tally is None and not alarms:
            return measured
        alpha, beta = measured.alpha, measured.beta
        if self.on_drift != "note" and any(a.measure == "success" for a in alarms):
            # Cut to what an unmeasured target's assumption is worth; the mean stays, the certainty goes.
            strength = min(1.0, PRIOR_N / (alpha + beta))
            alpha, beta = alpha * strength, beta * strength
        if tally is not None:
            alpha, beta = alpha + tally.passed, beta + tally.weight - tally.passed
        notes = ([f"+{tally.n} reported"] if tally else []) + [f"drift of {a.measure}: {a.said}" for a in alarms]
        return measured._replace(
            alpha=alpha,
            beta=beta,
            low=beta_quantile(0.05, alpha, beta),
            high=beta_quantile(0.95, alpha, beta),
        ).noted("; ".join(notes))

    def is_demoted(self, target: str, kind: str | None) -> bool:
        """Whether the target is to come after all others that rules do not place otherwise."""
        return self.on_drift == "demote" and any(a.measure == "success" for a in self.alarms.get((target, kind), ()))


NO_EXPERIENCE: Final = Experience()


def tallied(outcomes: Iterable[Outcome], *, now: datetime, half_life: timedelta = HALF_LIFE) -> dict[CellKey, Tally]:
    """Count outcomes per cell, each worth half after every `half_life` of age."""
    tallies: dict[CellKey, Tally] = {}
    for outcome in outcomes:
        weight = 0.5 ** (max(now - outcome.reported_at, timedelta()) / half_life)
        n, total, passed = tallies.get((outcome.target, outcome.kind), (0, 0.0, 0.0))
        tallies[outcome.target, outcome.kind] = Tally(n + 1, total + weight, passed + weight * outcome.success)
    return tallies
