"""What deciding again has found, as tables and words. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import pandas as pd

from routerkit import format_usd
from routerkit.store import Counterfactual, Evaluation, Interval

Figure: TypeAlias = Callable[[float], str]
"""A value with its unit."""
SHOWN_MOVES: Final = 12
"""More are in the table."""


class Headline(NamedTuple):
    """One figure under the new settings."""

    value: str
    change: str | None
    """Against what was logged; None where no outcome says anything about it."""
    basis: str
    """What it rests on."""
    is_sure: bool = False
    """Whether the interval of the change leaves out zero."""


def headline(found: Evaluation, predicted: float | None, figure: Figure) -> Headline:
    """The doubly robust estimate, or else the prediction, and which of them it is."""
    if found.dr is not None and found.change is not None:
        low, high = _signed(found.change.low, figure), _signed(found.change.high, figure)
        basis = f"from {found.n:,} outcomes, worth {found.effective_n:,.0f} of its own; the change lies between {low} and {high} (95 %)"
        is_sure = found.change.low > 0 or found.change.high < 0
        return Headline(figure(found.dr.value), _signed(found.change.value, figure), basis, is_sure)
    if predicted is None:
        return Headline("unknown", None, "no outcomes, and no prediction: a price or a measurement is missing")
    return Headline(figure(predicted), None, "as the scorecard predicts; outcomes say too little about it")


def dollars(value: float) -> str:
    """Dollars per call."""
    return f"-{format_usd(-value)}" if value < 0 else format_usd(value)


def share(value: float) -> str:
    """Share of successes."""
    return f"{value:.1%}"


def estimates_frame(found: Counterfactual) -> pd.DataFrame:
    """Both means by every estimator, as `routerkit replay` prints them."""
    rows = (("cost per call", found.cost, found.predicted_usd, dollars), ("success", found.success, found.predicted_success, share))
    return pd.DataFrame([_row(*row) for row in rows])


def moves_frame(found: Counterfactual) -> pd.DataFrame:
    """One row per kind and pair of targets, most calls first."""
    rows = [{"move": f"{m.kind or 'unknown'}: {m.before} → {m.after}", "n": m.n, **m._asdict()} for m in found.moves]
    return pd.DataFrame(rows, columns=["move", "kind", "before", "after", "n"])


def refusals(found: Counterfactual) -> list[str]:
    """Why there is no estimate from outcomes, one sentence per figure."""
    return [
        f"No estimate of {name} from outcomes: {e.why_not}." for name, e in (("cost", found.cost), ("success", found.success)) if e.why_not
    ]


def _row(name: str, found: Evaluation, predicted: float | None, figure: Figure) -> dict[str, object]:
    return {
        "": name,
        "outcomes": found.n,
        "logged": _with_interval(found.logged, figure),
        "new, predicted": "unknown" if predicted is None else figure(predicted),
        "new, doubly robust": _with_interval(found.dr, figure),
        "IPS": _with_interval(found.ips, figure),
        "SNIPS": _with_interval(found.snips, figure),
        "change": _with_interval(found.change, figure),
        "worth outcomes": round(found.effective_n),
    }


def _with_interval(found: Interval | None, figure: Figure) -> str:
    return "-" if found is None else f"{figure(found.value)} [{figure(found.low)}, {figure(found.high)}]"


def _signed(value: float, figure: Figure) -> str:
    return f"+{figure(value)}" if value >= 0 else figure(value)
