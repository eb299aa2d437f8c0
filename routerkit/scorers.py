"""Preferences among targets: each policy kind turns a case into score columns, one value between 0 and 1 per target."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from routerkit.case import Case
from routerkit.decision import RULE_WEIGHT
from routerkit.rules import Rule

_HALF_USD: Final = 0.01
"""Cost at which the cost score is one half: a typical call."""
_HALF_S: Final = 10.0
"""Latency at which the latency score is one half."""
_TIE: Final = 1e-6
"""Weight of a term that only decides between equals."""
_PIN_WEIGHT: Final = 1_000_000.0
"""Outweighs even rules: a tool loop that changes its model halfway loses its reasoning, and often fails."""

_DRIFT_WEIGHT: Final = RULE_WEIGHT / 10
"""Outweighs the policies' own terms, but never what rules say."""


class Column(NamedTuple):
    """One score term for all targets of the pool."""

    by: str
    weight: float
    values: Sequence[float]
    """0 worst … 1 best, in the order of the pool."""


Columns: TypeAlias = tuple[Column, ...]
Scorer: TypeAlias = Callable[[Case], Columns]


def cheapest(case: Case) -> Columns:
    """Least expected cost; unknown prices last."""
    return (_cost(case, 1.0),)


def fastest(case: Case) -> Columns:
    """Shortest expected latency, live if known, else measured in evals; the cheaper one first among equals.

    What is unknown comes first and so becomes known: last, it would stay unknown while the others slow down.
    """
    speeds = [1.0 if s is None else _HALF_S / (_HALF_S + s) for s in case.latencies_s()]
    return (Column("latency", 1.0, speeds), _cost(case, _TIE))


def best(case: Case) -> Columns:
    """Highest expected quality, the cheaper one among equals."""
    return (_quality(case, 1.0), _cost(case, _TIE))


def in_order(case: Case) -> Columns:
    """The pool's own order; `rules` and `fallback` use it."""
    n = len(case.panel.names)
    return (Column("order", 1.0, [1.0 - i / n for i in range(n)]),)


def weighted(case: Case) -> Columns:
    """Each target's share of the traffic."""
    given = case.settings.weights
    weights = [max(given.get(name, 1.0), 0.0) for name in case.panel.names] if given else [1.0] * len(case.panel.names)
    total = math.fsum(weights) or 1.0  # fsum: the order of the pool must not show in the last digit
    return (Column("share", 1.0, [w / total for w in weights]),)


def cheapest_adequate(case: Case) -> Columns:
    """Least expected cost among the targets that probably reach the quality floor; the others after them, likeliest first."""
    return (Column("adequate", 1.0, case.adequacy()), _cost(case, _TIE))


def bang_for_buck(case: Case) -> Columns:
    """Highest utility `V·p - cost - λ·latency` in dollars; an unknown cost counts as the whole value of a success.

    Source: willingness-to-pay rule of RouterBench, with a price for waiting. The terms are shifted into 0..1 by constants common to all
    targets, which leaves the order untouched.
    """
    value, latencies = case.settings.value_usd, case.latencies_s()
    most_usd = max([_TIE, value, *[c for c in case.costs_usd if c is not None]])
    most_s = max([_TIE, *[s for s in latencies if s is not None]])
    return (
        _quality(case, value),
        Column("cost", most_usd, [0.0 if c is None else 1.0 - c / most_usd for c in case.costs_usd]),
        Column("latency", case.settings.usd_per_second * most_s, [0.0 if s is None else 1.0 - s / most_s for s in latencies]),
    )


SCORERS: Final[Mapping[str, Scorer]] = {
    "cheapest": cheapest,
    "fastest": fastest,
    "best": best,
    "weighted": weighted,
    "rules": in_order,
    "cheapest_adequate": cheapest_adequate,
    "bang_for_buck": bang_for_buck,
    "cascade": cheapest_adequate,  # under the planned steps, see `steps`
    "fallback": in_order,
}


def rule_column(case: Case, rules: Sequence[Rule]) -> Columns:
    """The term by which `prefer` and `avoid` of matching rules act; none when they say nothing."""
    bounded = {name for rule in rules if rule.is_firm for name in rule.avoid}
    preferred = {name for rule in rules for name in rule.prefer} - bounded
    avoided = {name for rule in rules for name in rule.avoid} - preferred
    if not preferred and not avoided:
        return ()
    return (Column("rule", RULE_WEIGHT, [1.0 if n in preferred else 0.0 if n in avoided else 0.5 for n in case.panel.names]),)


def drift_column(case: Case) -> Columns:
    """The term by which targets whose success has drifted come last, where that is wanted; none when all is well."""
    experience, kind = case.snapshot.experience, case.features.kind
    if not experience.alarms or not any(experience.is_demoted(name, kind) for name in case.panel.names):
        return ()
    return (Column("drift", _DRIFT_WEIGHT, [0.0 if experience.is_demoted(name, kind) else 1.0 for name in case.panel.names]),)


def pin_column(case: Case) -> Columns:
    """The term that keeps an open tool loop on the target that opened it; none when the pool does not hold it."""
    pin = case.features.pin
    if pin is None or pin not in case.panel.names:
        return ()
    return (Column("pin", _PIN_WEIGHT, [1.0 if name == pin else 0.0 for name in case.panel.names]),)


def totals(columns: Columns) -> list[float]:
    """Weighted sum of the columns per target."""
    first, *others = columns
    sums = list(first.values) if first.weight == 1.0 else [first.weight * v for v in first.values]
    for column in others:
        weight = column.weight
        sums = [s + weight * v for s, v in zip(sums, column.values, strict=True)]
    return sums


def _cost(case: Case, weight: float) -> Column:
    return Column("cost", weight, [0.0 if c is None else _HALF_USD / (_HALF_USD + c) for c in case.costs_usd])


def _quality(case: Case, weight: float) -> Column:
    return Column("quality", weight, case.panel.qualities)
