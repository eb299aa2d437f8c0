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
    targets = tuple(predictor.heads)
    shift = np.zeros_like(table.quality)
    silent: Counter[str] = Counter()
    for i, item in enumerate(test.items):
        correction = predictor.correction(item.prompt, item.kind)
        if correction.why_not:
            silent[correction.why_not.split(":")[0].split(" (")[0]] += 1
        else:
            shift[i] = [correction.by_target[t] for t in targets]
    heard = len(test) - sum(n for n in silent.values())
    if silent["out of domain"] > _MOST_STRANGE * max(heard + silent["out of domain"], 1):
        return table, f"table only: {silent['out of domain']} of {heard + silent['out of domain']} texts are out of domain"
    if not heard:
        return table, "table only: " + "; ".join(f"{why} ({n})" for why, n in silent.most_common(2))
    note = f"corrected {heard} of {len(test)}" + "".join(f"; {why}: {n}" for why, n in silent.most_common(3))
    return replace(table, quality=sigmoid(logit(table.quality) + shift)), note
