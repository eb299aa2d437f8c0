"""What was spent, and how calls ended, over time."""

from __future__ import annotations

from typing import Final, Literal

import altair as alt
import pandas as pd

from routerkit_app.charts.marks import legend_height
from routerkit_app.theme import BAD, FAINT, GOOD, PALETTE, colour

Step = Literal["hour", "day"]
_UNITS: Final = {"hour": "yearmonthdatehours", "day": "yearmonthdate"}
_ENDS: Final = {"ok": GOOD, "error": BAD, "cancelled": FAINT, "lost": PALETTE[3]}
_HEIGHT: Final = 280


def spend_over_time(frame: pd.DataFrame, step: Step) -> alt.Chart:
    """Stacked bars of dollars by target.

    Args:
        frame: `since` (instant), `target`, `usd`, `n`.
        step: Width of a bar.
    """
    names = sorted(frame["target"].unique())
    chart: alt.Chart = alt.Chart(
        frame, title=f"Spend by {step}: which target the money goes to", height=_HEIGHT + legend_height(len(names))
    )
    bars: alt.Chart = chart.mark_bar().encode(
        x=_time(step),
        y=alt.Y("usd:Q", title="US dollars", axis=alt.Axis(format="$~f", tickCount=5)),
        color=colour("target", names),
        tooltip=["since:T", "target:N", alt.Tooltip("usd:Q", format="$,.4f"), alt.Tooltip("n:Q", format=",", title="calls")],
    )
    return bars


def ends_over_time(frame: pd.DataFrame, step: Step) -> alt.Chart:
    """Stacked bars of calls by how they ended.

    Args:
        frame: `since` (instant), `status`, `n`.
        step: Width of a bar.
    """
    chart: alt.Chart = alt.Chart(frame, title=f"Calls by {step}: anything but blue is a call without an answer", height=_HEIGHT)
    scale = alt.Scale(domain=list(_ENDS), range=list(_ENDS.values()))
    bars: alt.Chart = chart.mark_bar().encode(
        x=_time(step),
        y=alt.Y("n:Q", title="calls", axis=alt.Axis(format="~s", tickCount=5, tickMinStep=1)),
        color=alt.Color("status:N", scale=scale, legend=alt.Legend(orient="top", title=None)),
        tooltip=["since:T", "status:N", alt.Tooltip("n:Q", format=",", title="calls")],
    )
    return bars


def _time(step: Step) -> alt.X:
    return alt.X(f"{_UNITS[step]}(since):T", title=None, axis=alt.Axis(grid=False, tickCount=8, labelOverlap=True))
