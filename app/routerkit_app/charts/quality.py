"""Measured quality: against money and time, and by kind of work."""

from __future__ import annotations

from typing import Final

import altair as alt
import pandas as pd

from routerkit_app.charts.marks import Picture, legend_height
from routerkit_app.theme import FAINT, colour

_LOG_FROM: Final = 8.0
"""Ratio of the dearest to the cheapest from which a linear scale would squeeze the cheap ones together."""
_TILE_HEIGHT: Final = 52
_AXIS_HEIGHT: Final = 60
"""Streamlit squeezes axes and all into the height it is given."""


def pareto(frame: pd.DataFrame, *, title: str, unit: str, axis_format: str) -> Picture:
    """Solved share over what it takes, with intervals both ways and the frontier as a dashed line; up and left is better.

    Args:
        frame: `target`, `share`, `low`, `high`, `n_tasks`, `x`, `x_low`, `x_high`, `is_frontier`, `p_frontier`.
        title: What to see.
        unit: Title of the horizontal axis.
        axis_format: Of its numbers, in d3's language.
    """
    scale, note = _scale(frame)
    x = alt.X("x:Q", title=f"{unit}{note}", scale=scale, axis=alt.Axis(format=axis_format, grid=False, tickCount=4, labelOverlap=True))
    y = alt.Y("share:Q", title="solved", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5))
    base = alt.Chart(frame).encode(color=colour("target", sorted(frame["target"])))
    line = alt.Chart(frame[frame["is_frontier"]]).mark_line(interpolate="step-after", color=FAINT, strokeDash=[5, 4])
    tooltip = [
        "target:N",
        alt.Tooltip("share:Q", format=".1%", title="solved"),
        alt.Tooltip("low:Q", format=".1%"),
        alt.Tooltip("high:Q", format=".1%"),
        alt.Tooltip("n_tasks:Q", title="tasks"),
        alt.Tooltip("x:Q", format=axis_format, title=unit),
        alt.Tooltip("p_frontier:Q", format=".0%", title="on the frontier"),
    ]
    layers = (
        line.encode(x=x, y=y),
        base.mark_rule(strokeWidth=1.6, opacity=0.7).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_rule(strokeWidth=1.6, opacity=0.7).encode(x=alt.X("x_low:Q"), x2="x_high:Q", y=y),
        base.mark_point(filled=True, size=110, opacity=1).encode(x=x, y=y, tooltip=tooltip),
    )
    return alt.layer(*layers).properties(title=title, height=380 + legend_height(len(frame)))


def _scale(frame: pd.DataFrame) -> tuple[alt.Scale, str]:
    """A scale on which cheap and dear targets can both be told apart, and what to call it."""
    least, most = frame.loc[frame["x"] > 0, "x"].min(), frame["x_high"].max()
    if not most > _LOG_FROM * least:  # nor where nothing is above zero
        return alt.Scale(zero=True, padding=30), ""
    if frame["x_low"].min() > 0:
        return alt.Scale(type="log", padding=30), " (logarithmic)"
    return alt.Scale(type="sqrt", zero=True, padding=30), " (scale of square roots)"


def heat_map(cells: pd.DataFrame, *, title: str) -> Picture:
    """Share solved by target and kind, with the number of tasks; a tile nobody measured is pale and says so.

    Args:
        cells: Every `target` with every `kind`: `share`, `low`, `high` and `n_tasks`, all missing where unmeasured.
        title: What to see.
    """
    measured = cells["share"].notna()
    shown = cells.assign(
        text=cells["share"].map("{:.0%}".format).where(measured, "–"),
        under=cells["n_tasks"].map("n = {:.0f}".format).where(measured, "unmeasured"),
        is_dark=measured & (cells["share"] > 0.55),
    )
    base = alt.Chart(shown).encode(
        x=alt.X("target:N", title=None, axis=alt.Axis(orient="top", labelAngle=0, labelLimit=130, domain=False, ticks=False)),
        y=alt.Y("kind:N", title=None, axis=alt.Axis(domain=False, ticks=False, labelLimit=110)),
    )
    # One hue, light to dark: the order survives colour-blindness and grey print.
    shade = alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=["#DCE9F5", "#08407E"]), legend=None)
    ink = alt.condition("datum.is_dark", alt.value("white"), alt.value("#1F2933"))
    tooltip = [
        "target:N",
        "kind:N",
        alt.Tooltip("share:Q", format=".1%"),
        alt.Tooltip("low:Q", format=".1%"),
        alt.Tooltip("high:Q", format=".1%"),
    ]
    layers = (
        base.transform_filter("datum.share === null").mark_rect(cornerRadius=4, color=FAINT, opacity=0.15),
        base.transform_filter("datum.share !== null").mark_rect(cornerRadius=4).encode(color=shade, tooltip=tooltip),
        base.transform_filter("datum.share !== null").mark_text(dy=-6, fontSize=14, fontWeight="bold").encode(text="text:N", color=ink),
        base.transform_filter("datum.share !== null").mark_text(dy=11, fontSize=10).encode(text="under:N", color=ink),
        base.transform_filter("datum.share === null").mark_text(fontSize=10, color=FAINT).encode(text="under:N"),
    )
    return alt.layer(*layers).properties(title=title, height=_AXIS_HEIGHT + _TILE_HEIGHT * max(1, cells["kind"].nunique()))
