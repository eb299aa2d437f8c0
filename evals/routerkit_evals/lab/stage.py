"""What is compared on one benchmark: which arms, on which items, at which costs, and what the fit expects of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from routerkit.cascade import Rates
from routerkit_evals.errors import EvalError
from routerkit_evals.lab.costs import Priced, with_costs
from routerkit_evals.lab.facts import costs_for, list_prices, priors_for
from routerkit_evals.lab.paths import Forecast, hull_arms
from routerkit_evals.lab.pooled import text_expectations
from routerkit_evals.lab.recorded import Recorded
from routerkit_evals.lab.table import Table, fit_table, harness_weights

_COVERAGE: Final = 0.9
"""Share of the best-covered arm's test items that an arm must have to take part."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How one benchmark is compared; see `simulate.Experiment`."""

    benchmark: str
    pair: tuple[str, str] | None
    policies: tuple[str, ...]
    verifier: Rates | None
    floor_share: float
    seed: int
    n_resamples: int
    usd_per_mtok: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """What the policies of one comparison are made from."""

    setting: Setting
    fit: Recorded
    test: Recorded
    """Items on which every arm is known."""
    arms: tuple[str, ...]
    """Arms on the fitted hull (or the pair), cheapest first: what routing policies choose among."""
    best: str
    """Best single arm on the test items."""
    static: Forecast
    """Each arm's overall quality and cost."""
    table: Forecast
    """As measured by kind, language and repository."""
    is_cost_known: bool
    """False: costs are calls to the strong model, 0 or 1; nothing in dollars is said."""
    notes: tuple[str, ...]


def set_stage(fit: Recorded, test: Recorded, setting: Setting) -> Stage:
    """Choose the arms, bring both parts on one scale of costs, and forecast the test items.

    Raises:
        EvalError: nothing to fit, or no arm with outcomes and costs in both parts.
    """
    names = setting.pair or _covered(test)
    fitted, tested = (_with_known_costs(part.columns(names), setting) for part in (fit, test))
    if not len(fit) or not np.isfinite(fitted.recorded.score).any():
        raise EvalError(f"{setting.benchmark or 'test'}: --fit holds no outcomes of {', '.join(names[:5])}; nothing to learn from")
    fit, test, is_cost_known, cost_notes = _on_one_scale(fitted, tested, setting)
    table, static = _tables(fit, test)
    arms = setting.pair or _chosen(static)
    best = setting.pair[1] if setting.pair else _best(test)
    test = _complete(test, arms, best)
    forecasts = _forecast(static, test, arms), _forecast(table, test, arms)
    return Stage(setting, fit, test, arms, best, *forecasts, is_cost_known, (*_assumed(fit, arms), *cost_notes))


def _assumed(fit: Recorded, arms: Sequence[str]) -> tuple[str, ...]:
    strangers = [arm for arm in arms if np.isnan(fit.columns([arm]).score).all()]
    return (f"--fit holds no outcomes of {', '.join(strangers)}: what is expected there is assumed, not learned",) if strangers else ()


def _covered(test: Recorded) -> tuple[str, ...]:
    most = test.n_known.max(initial=0)
    return tuple(a for a, n in zip(test.arms, test.n_known, strict=True) if n >= _COVERAGE * most)


def _with_known_costs(part: Recorded, setting: Setting) -> Priced:
    prices = {**list_prices(), **setting.usd_per_mtok}
    return with_costs(part, prices, costs_for(part.arms, part.items)) if len(part) else Priced(part, (), (), ())


def _on_one_scale(fitted: Priced, tested: Priced, setting: Setting) -> tuple[Recorded, Recorded, bool, tuple[str, ...]]:
    """Both parts with costs in dollars; in calls for a pair of which one has no known cost, or when no arm has one in both parts."""
    notes = tuple(dict.fromkeys((*fitted.notes, *tested.notes)))
    unpriced = {*fitted.unpriced, *tested.unpriced}
    if unpriced and (setting.pair or unpriced >= set(fitted.recorded.arms)):
        return _calls(fitted.recorded, setting), _calls(tested.recorded, setting), False, notes
    return fitted.recorded, tested.recorded, True, notes


def _calls(part: Recorded, setting: Setting) -> Recorded:
    """Costs in calls to the strong model of a pair, or in calls to anything; nothing in dollars is made of them."""
    return replace(part, cost_usd=np.tile([0.0, 1.0] if setting.pair else np.ones(len(part.arms)), (len(part), 1)))


def _tables(fit: Recorded, test: Recorded) -> tuple[Table, Table]:
    priors, weights = priors_for(fit.arms, fit.items), harness_weights(fit, test)
    pooled = text_expectations(fit)
    return fit_table(fit, priors=priors, weights=weights, pooled=pooled), fit_table(fit, priors=priors, weights=weights, depth=1)


def _chosen(static: Table) -> tuple[str, ...]:
    quality, cost = static.quality[0][()], static.cost_usd[0][()]
    arms = hull_arms(static.arms, quality, cost) if np.isfinite(cost).any() else ()
    if not arms:
        raise EvalError("no model has both outcomes and a cost; give --price MODEL=USD_PER_MTOK or a pair")
    return arms


def _best(test: Recorded) -> str:
    rates = np.where(np.isfinite(test.cost_usd).any(axis=0), np.nanmean(test.score, axis=0), -1.0)
    return test.arms[int(np.argmax(rates))]


def _complete(test: Recorded, arms: Sequence[str], best: str) -> Recorded:
    """Test items on which every arm of the comparison is known; differences must be between arms, not between items."""
    part = test.columns(tuple(dict.fromkeys([*arms, best])))
    kept = test.rows(np.flatnonzero(part.is_complete & ~np.isnan(part.cost_usd).any(axis=1)))
    if not len(kept):
        raise EvalError(f"no test item has outcomes of all of {', '.join(part.arms)}")
    return kept


def _forecast(table: Table, test: Recorded, arms: Sequence[str]) -> Forecast:
    places = [table.arms.index(a) for a in arms]
    return Forecast(table.predict_quality(test.items)[:, places], table.predict_cost(test.items)[:, places])
