"""What an experiment has shown so far, and whether it may stop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from routerkit.confidence import Interval, mean_sequence
from routerkit.experiment import Ending

_LOOK_EVERY: Final = 10
"""The next look comes after a tenth more outcomes."""
ALPHA: Final = 0.05
"""Probability of ever being wrong about an experiment."""
MIN_UNITS: Final = 20
"""Units with an outcome per variant before anything is said: the intervals are exact for large samples only."""


class Call(NamedTuple):
    """One call within an experiment."""

    variant: str
    unit: str
    """Calls of one unit depend on each other, so they count as one."""
    success: bool | None
    """None = nobody reported what became of it, which is not a failure."""
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
    variant: str = ""
    """Which one to stop at, or to roll back."""


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
        if (other.success - first.success).high < 0 and min(other.n_judged, first.n_judged) >= MIN_UNITS:
            return Verdict("roll back", f"{other.variant} succeeds less often than {first.variant}", other.variant)
    if early := [r.variant for r in found if r.n_judged < MIN_UNITS]:
        return Verdict("go on", f"fewer than {MIN_UNITS} units with an outcome: {', '.join(early)}")
    good = [r for r in found if all((o.success - r.success).high <= epsilon for o in found if o is not r)]
    if not good:
        return Verdict("go on", f"none is certainly within {epsilon:g} of the best yet")
    chosen = min(good, key=lambda r: (math.inf if r.usd_per_call is None else r.usd_per_call, -r.success.mean))
    cheapest = ", and the cheapest that is" if len(good) > 1 else ""
    return Verdict("stop", f"{chosen.variant} is within {epsilon:g} of the best{cheapest}", chosen.variant)


def settled(calls: Iterable[Call], variants: Sequence[str], *, alpha: float, epsilon: float) -> Ending | None:
    """What an experiment that ends by itself has come to: variants rolled back on the way, and the one it stopped at.

    The verdict is taken at fixed numbers of outcomes, so that what was settled once stays settled when more come, even after a restart.

    Args:
        calls: In the order in which their outcomes became known.
        variants: The first is what the others are compared with.
        alpha: Probability of ever being wrong.
        epsilon: Difference in successes that does not matter.
    """
    judged, running = [call for call in calls if call.success is not None], list(variants)
    moves: dict[str, str] = {}
    why: list[str] = []
    for n in _looks(len(judged)):
        found = results(judged[:n], running, alpha=alpha * len(running) / len(variants))
        verdict = judge(found, epsilon=epsilon)
        if verdict.action == "go on":
            continue
        why.append(verdict.why)
        if verdict.action == "stop":
            return Ending(dict.fromkeys(variants, verdict.variant), "; ".join(why))
        running.remove(verdict.variant)
        moves[verdict.variant] = variants[0]
        if len(running) == 1:
            return Ending(dict.fromkeys(variants, variants[0]), "; ".join(why))
    return Ending(moves, "; ".join(why)) if why else None


def _looks(n: int) -> Iterator[int]:
    look = 2 * MIN_UNITS
    while look <= n:
        yield look
        look += max(1, look // _LOOK_EVERY)


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
