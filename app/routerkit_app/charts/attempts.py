"""Pictures of one call: who was considered, and what was tried when."""

from __future__ import annotations

import altair as alt
import pandas as pd

from routerkit_app.charts.marks import INK, Picture, outcome_colour, rows_height, titled
from routerkit_app.theme import BAD, GOOD


def time_line(tried: pd.DataFrame) -> Picture:
    """One bar per attempt, from its start to its end.

    Args:
        tried: `attempt`, `start_s`, `end_s`, `outcome`, `says` as `calls.attempts_frame` gives them.
    """
    y = alt.Y("attempt:N", title=None, sort=None, axis=alt.Axis(labelLimit=220))
    base = alt.Chart(tried).encode(y=y)
    bars = base.mark_bar(height=16, minBandSize=2).encode(
        x=alt.X("start_s:Q", title="seconds after the call began", axis=alt.Axis(tickCount=6)),
        x2="end_s:Q",
        color=outcome_colour("outcome", tried["outcome"]),
        tooltip=["attempt", "outcome", alt.Tooltip("start_s", format=".2f"), alt.Tooltip("end_s", format=".2f")],
    )
    words = base.mark_text(align="left", dx=6, color=INK).encode(x="end_s:Q", text="says:N")
    # Room on the right for the words behind the longest bar.
    last = max(float(tried["end_s"].max()), 1e-3)
    room = alt.Chart(pd.DataFrame({"x": [1.45 * last]})).mark_point(opacity=0).encode(x=alt.X("x:Q", title=None))
    return titled(bars + words + room, "Attempts on a time line: gaps are waits", rows_height(len(tried), has_legend=True))


def qualities(candidates: pd.DataFrame) -> Picture:
    """Expected quality of every kept candidate with its interval; the pick stands out.

    Args:
        candidates: `target`, `quality`, `quality_low`, `quality_high`, `is_picked`, `expected` as `calls.candidates_frame` gives them.
    """
    y = alt.Y("target:N", title=None, sort=None, axis=alt.Axis(labelLimit=220))
    colour = alt.condition("datum.is_picked", alt.value(BAD), alt.value(GOOD))
    base = alt.Chart(candidates).encode(y=y, color=colour)
    x = alt.X("quality:Q", title="expected share of successes", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5))
    layers = (
        base.mark_rule(strokeWidth=2).encode(x=alt.X("quality_low:Q"), x2="quality_high:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(x=x, tooltip=["target", "quality", "n_samples", "expected"]),
        base.mark_text(align="left", dx=8, dy=-9).encode(x=x, text="expected:N"),
    )
    title = "What was expected of each candidate: the orange one was picked"
    return titled(alt.layer(*layers), title, rows_height(len(candidates)))
