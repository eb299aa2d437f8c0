"""The table corrected per request by a fitted predictor, with its gates and its guard."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

import numpy as np

from routerkit.predictor import Predictor
from routerkit_evals.lab.fit import fit_predictor
from routerkit_evals.lab.paths import Forecast
from routerkit_evals.lab.recorded import Recorded
from routerkit_evals.lab.sparse import logit, sigmoid

_MOST_STRANGE: Final = 0.25
"""Share of out-of-domain texts above which the whole stream is: one in twenty is expected, five times that is a shift."""


def corrected_forecast(fit: Recorded, test: Recorded, table: Forecast, *, seed: int) -> tuple[Forecast, str]:
    """The table's forecast with the predictor's corrections where it may speak, and what it said about where it did not.

    Args:
        fit: Outcomes of the arms of the forecast, in its order.
        test: Items to forecast.
        table: The table's forecast.
        seed: Of the fit.
    """
    known = fit.rows(fit.is_complete)
    if len(known) < 2:
        return table, f"table only: {len(known)} fitted items have outcomes of all of {', '.join(fit.arms)}"
    if not any(known.texts):
        return table, "table only: no prompts to learn from"
    return apply_predictor(fit_predictor(known, seed=seed).predictor, test, table)


def apply_predictor(predictor: Predictor, test: Recorded, table: Forecast) -> tuple[Forecast, str]:
    """Add a predictor's corrections to a forecast over its targets, in their order."""
    corrections = [predictor.correction(item.prompt, item.kind) for item in test.items]
    strange = sum(c.is_strange for c in corrections)
    asked = strange + sum(bool(c.by_target) for c in corrections)
    if strange > _MOST_STRANGE * asked:
        return table, f"table only: {strange} of {asked} texts are out of domain"
    shift = np.array([[c.by_target.get(target, 0.0) for target in predictor.heads] for c in corrections])
    silent = Counter(c.why_not.split(":")[0].split(" (")[0] for c in corrections if c.why_not)
    note = f"words heard for {len(test) - silent.total()} of {len(test)}" + "".join(f"; {w}: {n}" for w, n in silent.most_common(3))
    return replace(table, quality=sigmoid(logit(table.quality) + shift)), note
