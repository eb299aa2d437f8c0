"""Preferences among targets: each policy kind turns a pool and a case into score columns, one value between 0 and 1 per target."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from routerkit.case import UNKNOWN_USD, Case, Column, Columns, Panel, adequacy
from routerkit.decision import RULE_WEIGHT
from routerkit.experience import Experience
from routerkit.quick import tupler
from routerkit.rules import Rule
from routerkit.settings import PolicySettings

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


class Terms(NamedTuple):
    """How a policy kind scores the targets of a pool."""

    fixed: Columns = ()
    """What is the same for every request."""
    live: Callable[[Case], Columns] = lambda _: ()
    """What depends on the request or on the moment; added after the others."""


_column: Final = tupler(Column)
Scorer: TypeAlias = Callable[[Panel, PolicySettings], Terms]


def cheapest(_panel: Panel, _settings: PolicySettings) -> Terms:
    """Least expected cost; unknown prices last."""
    return Terms(live=lambda case: tuple([column._replace(weight=1.0) for column in _cheaper_first(case)]))


def fastest(_panel: Panel, _settings: PolicySettings) -> Terms:
    """Shortest expected latency, live if known, else measured in evals; the cheaper one first among equals.

    What is unknown comes first and so becomes known: last, it would stay unknown while the others slow down.
    """

    def live(case: Case) -> Columns:
        speeds = [1.0 if s is None else _HALF_S / (_HALF_S + s) for s in case.latencies_s()]
        return (Column("latency", 1.0, speeds), *_cheaper_first(case))

    return Terms(live=live)


def best(panel: Panel, _settings: PolicySettings) -> Terms:
    """Highest expected quality, the cheaper one among equals."""
    return Terms((_quality(panel, 1.0),), _cheaper_first)


def in_order(panel: Panel, _settings: PolicySettings) -> Terms:
    """The pool's own order; `rules` and `fallback` use it."""
    n = len(panel.names)
    return Terms((Column("order", 1.0, [1.0 - i / n for i in range(n)]),))


def weighted(panel: Panel, settings: PolicySettings) -> Terms:
    """Each target's share of the traffic."""
    given = settings.weights
    weights = [max(given.get(name, 1.0), 0.0) for name in panel.names] if given else [1.0] * len(panel.names)
    total = math.fsum(weights) or 1.0  # fsum: the order of the pool must not show in the last digit
    return Terms((Column("share", 1.0, [w / total for w in weights]),))


def cheapest_adequate(panel: Panel, settings: PolicySettings) -> Terms:
    """Least expected cost among the targets that probably reach the quality floor; the others after them, likeliest first."""
    return Terms((Column("adequate", 1.0, adequacy(panel, settings.quality_floor, settings.confidence)),), _cheaper_first)


def bang_for_buck(panel: Panel, settings: PolicySettings) -> Terms:
    """Highest utility `V·p - cost - λ·latency` in dollars; an unknown cost counts as the whole value of a success.

    Source: willingness-to-pay rule of RouterBench, with a price for waiting. The terms are shifted into 0..1 by constants common to all
    targets, which leaves the order untouched.
    """
    value, usd_per_second = settings.value_usd, settings.usd_per_second

    def live(case: Case) -> Columns:
        costs, latencies = case.costs_usd, case.latencies_s()
        most_usd = max([_TIE, value, *[c for c in costs if c != UNKNOWN_USD]])
        most_s = max([_TIE, *[s for s in latencies if s is not None]])
        return (
            Column("cost", most_usd, [0.0 if c == UNKNOWN_USD else 1.0 - c / most_usd for c in costs]),
            Column("latency", usd_per_second * most_s, [0.0 if s is None else 1.0 - s / most_s for s in latencies]),
        )

    return Terms((_quality(panel, value),), live)


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


def drift_column(panel: Panel, experience: Experience, kind: str | None) -> Columns:
    """The term by which targets whose success has drifted come last, where that is wanted; none when all is well."""
    if not experience.alarms or not any(experience.is_demoted(name, kind) for name in panel.names):
        return ()
    return (Column("drift", _DRIFT_WEIGHT, [0.0 if experience.is_demoted(name, kind) else 1.0 for name in panel.names]),)


def pin_column(case: Case) -> Columns:
    """The term that keeps an open tool loop on the target that opened it; none when the pool does not hold it."""
    pin = case.features.pin
    if pin is None or pin not in case.panel.names:
        return ()
    return (Column("pin", _PIN_WEIGHT, [1.0 if name == pin else 0.0 for name in case.panel.names]),)


def totals(columns: Columns, sums: Sequence[float] | None = None) -> Sequence[float]:
    """Weighted sum of the columns per target, on top of those of earlier columns."""
    for _, weight, values in columns:
        if sums is None:
            sums = values if weight == 1.0 else [weight * value for value in values]
        else:
            sums = [total + weight * value for total, value in zip(sums, values, strict=True)]
    assert sums is not None, "a policy without any term"
    return sums


def _cheaper_first(case: Case) -> Columns:
    """The term that decides between equals."""
    return (_column(("cost", _TIE, [_HALF_USD / (_HALF_USD + usd) for usd in case.costs_usd])),)


def _quality(panel: Panel, weight: float) -> Column:
    return Column("quality", weight, panel.qualities)
