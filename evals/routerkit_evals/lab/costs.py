"""What an arm costs where the recording does not say: never nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from routerkit_evals.lab.recorded import Floats, Recorded

_LEAST_KNOWN: Final = 0.5
"""Share of an arm's costs that must be recorded before its mean stands in for the missing ones."""
_CHARS_PER_TOKEN: Final = 4.0


@dataclass(frozen=True, slots=True)
class Priced:
    """Outcomes with complete costs for every priced arm."""

    recorded: Recorded
    unpriced: tuple[str, ...]
    """Arms whose cost is unknown; they take no part in anything that weighs costs."""
    estimated: tuple[str, ...]
    """Arms whose cost is a list price times an estimated length, the same for every item."""
    notes: tuple[str, ...]


def with_costs(recorded: Recorded, usd_per_mtok: Mapping[str, float], usd_per_task: Mapping[str, float] | None = None) -> Priced:
    """Complete the cost matrix.

    A cost of exactly zero counts as not recorded. Gaps in an arm with mostly known costs get its mean. An arm without costs gets its price
    times the mean length of a call, or a published cost per task, if one is known; otherwise it stays unpriced.

    Args:
        recorded: Outcomes.
        usd_per_mtok: Dollars per million tokens, by model.
        usd_per_task: Published dollars per task of the same kind, by arm.
    """
    cost = np.where(recorded.cost_usd > 0.0, recorded.cost_usd, np.nan)
    ran = ~np.isnan(recorded.score)
    gaps: list[str] = []
    unpriced: list[str] = []
    estimated: list[str] = []
    for j, arm in enumerate(recorded.arms):
        known = ran[:, j] & ~np.isnan(cost[:, j])
        n_ran, n_known = int(ran[:, j].sum()), int(known.sum())
        price = _list_cost(arm, recorded, usd_per_mtok, usd_per_task or {})
        if n_known and n_known >= _LEAST_KNOWN * n_ran:
            cost[ran[:, j] & ~known, j] = cost[known, j].mean()
            if n_known < n_ran:
                gaps.append(f"{arm} {n_ran - n_known}")
        elif price is not None and price > 0.0:
            cost[:, j] = np.where(ran[:, j], price, np.nan)
            estimated.append(arm)
        else:
            cost[:, j] = np.nan
            unpriced.append(arm)
    return Priced(replace(recorded, cost_usd=cost), tuple(unpriced), tuple(estimated), _remarks(gaps, unpriced, estimated))


def _list_cost(arm: str, recorded: Recorded, usd_per_mtok: Mapping[str, float], usd_per_task: Mapping[str, float]) -> float | None:
    price = usd_per_mtok.get(arm, usd_per_mtok.get(arm.split("@", maxsplit=1)[0]))
    return usd_per_task.get(arm) if price is None else price * _tokens_per_call(recorded) / 1e6


def _remarks(gaps: list[str], unpriced: list[str], estimated: list[str]) -> tuple[str, ...]:
    filled = f"costs not recorded, the mean of the model stands in: {', '.join(gaps)}"
    missing = f"no cost is known for {', '.join(unpriced)}: left out wherever cost counts (give --price MODEL=USD_PER_MTOK)"
    guessed = f"cost of {', '.join(estimated)} is a list price times the mean length, or a published cost per task: the same for every item"
    return (*([filled] if gaps else []), *([missing] if unpriced else []), *([guessed] if estimated else []))


def _tokens_per_call(recorded: Recorded) -> float:
    """Mean prompt plus mean answer, one number for all arms: a price ratio must not be blurred by lengths that nobody recorded."""
    prompt = float(np.mean([len(item.prompt) for item in recorded.items])) / _CHARS_PER_TOKEN
    return max(prompt + _mean_known(recorded.output_tokens), 1.0)


def _mean_known(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else 0.0
