"""Pictures of how attempts end and how long they take."""

from __future__ import annotations

import altair as alt
import pandas as pd

from routerkit_app.charts.marks import INK, Picture, legend_height, outcome_colour, rows_height, titled
from routerkit_app.theme import GOOD


def endings(tried: pd.DataFrame) -> Picture:
    """Shares of attempts by how they ended, one bar per target.

    Args:
        tried: `target`, `outcome`, `attempts`.
    """
    colour = outcome_colour("outcome", tried["outcome"])
    return _shares(tried, "attempts", colour, "How attempts end: anything but blue is worth a look")


def failures_by_day(tried: pd.DataFrame) -> Picture:
    """Failed attempts by day and class.

    Args:
        tried: `day`, `outcome`, `attempts`, `share`; failures only.
    """
    bars = alt.Chart(tried).mark_bar(size=14)
    chart = bars.encode(
        x=alt.X("yearmonthdate(day):T", title=None, axis=alt.Axis(format="%d %b", labelOverlap=True)),
        y=alt.Y("share:Q", title="of all attempts", axis=alt.Axis(format="%", tickCount=4)),
        color=outcome_colour("outcome", tried["outcome"]),
        tooltip=["day", "outcome", "attempts", alt.Tooltip("share", format=".1%")],
    )
    return titled(chart, "Failed attempts by day: a tall day was an outage", 240 + legend_height(tried["outcome"].nunique()))


def latencies(targets: pd.DataFrame) -> Picture:
    """From the median to the slowest hundredth of each target's answers.

    Args:
        targets: `target`, `p50_s`, `p95_s`, `p99_s`.
    """
    base = alt.Chart(targets).encode(y=alt.Y("target:N", title=None, axis=alt.Axis(labelLimit=180)))
    x = alt.X("p50_s:Q", title="seconds to the whole answer", axis=alt.Axis(tickCount=6))
    tooltip = ["target", *(alt.Tooltip(name, format=".2f") for name in ("p50_s", "p95_s", "p99_s"))]
    layers = (
        base.mark_rule(color=GOOD, opacity=0.35, strokeWidth=2).encode(x=x, x2="p99_s:Q"),
        base.mark_rule(color=GOOD, strokeWidth=5).encode(x=x, x2="p95_s:Q"),
        base.mark_point(color=INK, filled=True, size=80, opacity=1).encode(x=x, tooltip=tooltip),
    )
    title = "How long answers take: dot = half are faster, thick to 95 %, thin to 99 %"
    return titled(alt.layer(*layers), title, rows_height(len(targets)))


def fitness(seen: pd.DataFrame) -> Picture:
    """How recent decisions saw each target: fit, or kept away from and why.

    Args:
        seen: `target`, `outcome` (`fit`, or the filter that dropped it), `decisions`.
    """
    colour = outcome_colour("outcome", seen["outcome"], good="fit")
    return _shares(seen, "decisions", colour, "How the newest decisions saw the targets: what is not blue was not asked")


def _shares(frame: pd.DataFrame, count: str, colour: alt.Color, title: str) -> Picture:
    chart = alt.Chart(frame).mark_bar()
    bars = chart.encode(
        x=alt.X(f"{count}:Q", stack="normalize", axis=alt.Axis(format="%", tickCount=5), title=f"share of {count}"),
        y=alt.Y("target:N", title=None, axis=alt.Axis(labelLimit=180)),
        color=colour,
        tooltip=["target", "outcome", count],
    )
    height = rows_height(frame["target"].nunique(), has_legend=True) + legend_height(frame["outcome"].nunique())
    return titled(bars, title, height)
