"""Pictures of cells over days and nights."""

from __future__ import annotations

import altair as alt
import pandas as pd

from routerkit_app.charts.marks import INK, Picture, legend_height, titled
from routerkit_app.theme import BAD, GOOD, colour

_SHARE = alt.Axis(format="%", tickCount=5)


def days(frame: pd.DataFrame, *, measure: str, normal: float | None, since: pd.Timestamp | None, title: str) -> Picture:
    """One measure of one cell, day by day, against what counts as normal.

    Args:
        frame: `day`, `value`, `low`, `high`, `n`.
        measure: `success`, `cost` or `latency`.
        normal: What the alarm compares with; None = nothing to compare with.
        since: Likeliest moment of a change; None without an alarm.
        title: What to see.
    """
    unit = {"success": "reported successes", "cost": "cost, times expected", "latency": "seconds"}[measure]
    scale, axis = (alt.Scale(domain=[0, 1]), _SHARE) if measure == "success" else (alt.Scale(zero=True), alt.Axis(tickCount=5))
    x = alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", labelOverlap=True))
    base = alt.Chart(frame).encode(x=x)
    layers = [
        base.mark_rule(color=GOOD, strokeWidth=2, opacity=0.6).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(color=GOOD, opacity=0.35).encode(y="value:Q"),
        base.mark_point(color=GOOD, filled=True, size=80, opacity=1).encode(
            y=alt.Y("value:Q", title=unit, scale=scale, axis=axis), tooltip=["day", "value", "low", "high", "n"]
        ),
    ]
    if normal is not None:
        layers.append(alt.Chart(pd.DataFrame({"y": [normal]})).mark_rule(color=INK, strokeDash=[6, 4]).encode(y="y:Q"))
    if since is not None:
        layers.append(alt.Chart(pd.DataFrame({"x": [since]})).mark_rule(color=BAD, strokeWidth=2).encode(x="x:T"))
    return titled(alt.layer(*layers), title, 260)


def nights(frame: pd.DataFrame) -> Picture:
    """Solved share of every target, night by night.

    Args:
        frame: `night` (ISO date), `target`, `share`, `low`, `high`, `n`.
    """
    targets = sorted(set(frame["target"]))
    x = alt.X("night:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True))
    base = alt.Chart(frame).encode(x=x, color=colour("target", targets), xOffset=alt.XOffset("target:N", sort=targets))
    y = alt.Y("share:Q", title="tasks solved", scale=alt.Scale(domain=[0, 1]), axis=_SHARE)
    layers = (
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_point(filled=True, size=80, opacity=1).encode(y=y, tooltip=["target", "night", "share", "n"]),
    )
    return titled(
        alt.layer(*layers), "Measured at night: a target whose intervals leave each other has changed", 260 + legend_height(len(targets))
    )
