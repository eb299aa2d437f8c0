"""What an experiment has shown so far, and whether it may stop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from routerkit.confidence import Interval, mean_sequence

MIN_UNITS: Final = 20
"""Units with an outcome per variant before anything is said: the intervals are exact for large samples only."""


class Call(NamedTuple):
    """One call within an experiment."""

    variant: str
    unit: str
    """Calls of one unit depend on each other, so they count as one."""
    success: bool | None
    """None = nobody reported what became of it, which is no failure."""
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """One variant."""

    variant: str
    n_calls: int
    n_units: int
    n_judged: int
    """Units with an outcome."""
    success: Interval
    """Share of successes per unit; holds together with those of the other variants."""
    usd_per_call: float | None
    """None when the price of any call is unknown."""


class Verdict(NamedTuple):
    """Whether to go on."""

    action: str
    """`go on`, `stop` or `roll back`."""
    why: str


def results(calls: Iterable[Call], variants: Sequence[str], *, alpha: float) -> tuple[Result, ...]:
    """What each variant has shown; the intervals of all hold at once, at every look, with probability 1 - alpha."""
    by_variant: Mapping[str, list[Call]] = {variant: [] for variant in variants}
    for call in calls:
        if call.variant in by_variant:
            by_variant[call.variant].append(call)
    return tuple(_result(variant, found, alpha / len(variants)) for variant, found in by_variant.items())


def judge(found: Sequence[Result], *, epsilon: float) -> Verdict:
    """Stop once a variant is certainly within epsilon of the best, cheapest first; roll back what is certainly worse than the first.

    Source of the rule: TensorZero, `track_and_stop/check_stopping.rs` ("an arm within ε of the best is good enough"); here with the
    confidence sequences of `results` instead of a likelihood ratio.
    """
    first, *others = found
    for other in others:
        if (other.success - first.success).high < 0:
            return Verdict("roll back", f"{other.variant} succeeds less often than {first.variant}")
    if early := [r.variant for r in found if r.n_judged < MIN_UNITS]:
        return Verdict("go on", f"fewer than {MIN_UNITS} units with an outcome: {', '.join(early)}")
    good = [r for r in found if all((o.success - r.success).high <= epsilon for o in found if o is not r)]
    if not good:
        return Verdict("go on", f"none is certainly within {epsilon:g} of the best yet")
    chosen = min(good, key=lambda r: (math.inf if r.usd_per_call is None else r.usd_per_call, -r.success.mean))
    return Verdict("stop", f"{chosen.variant} is within {epsilon:g} of the best" + (", and the cheapest that is" if len(good) > 1 else ""))


def _result(variant: str, calls: Sequence[Call], alpha: float) -> Result:
    outcomes: dict[str, list[bool]] = {}
    for call in calls:
        if call.success is not None:
            outcomes.setdefault(call.unit, []).append(call.success)
    shares = [sum(judged) / len(judged) for judged in outcomes.values()]
    costs = [call.cost_usd for call in calls]
    known = [cost for cost in costs if cost is not None]
    return Result(
        variant,
        len(calls),
        len({call.unit for call in calls}),
        len(shares),
        mean_sequence(shares, alpha=alpha),
        sum(known) / len(known) if known and len(known) == len(costs) else None,
    )
