"""Pictures of what another policy would have done."""

from __future__ import annotations

import altair as alt
import pandas as pd

from routerkit_app.charts.marks import INK, Picture, rows_height, titled
from routerkit_app.theme import BAD, GOOD

_APART = 0.07
"""Distance between points whose names do not cover each other, as a share of the picture."""


def moves(frame: pd.DataFrame) -> Picture:
    """Calls that would go elsewhere, most first.

    Args:
        frame: `move` (one phrase), `n`.
    """
    y = alt.Y("move:N", title=None, sort="-x", axis=alt.Axis(labelLimit=320))
    x = alt.X("n:Q", title="calls", scale=alt.Scale(domain=[0, 1.15 * float(frame["n"].max())]))
    base = alt.Chart(frame).encode(x=x, y=y)
    chart = base.mark_bar(color=GOOD) + base.mark_text(align="left", dx=5, color=INK).encode(text=alt.Text("n:Q", format=","))
    return titled(chart, "Calls that would go elsewhere: by kind, most first", rows_height(len(frame), 26))


def curve(frame: pd.DataFrame, *, knob: str) -> Picture:
    """What the scorecard predicts along one slider: dollars against success.

    Args:
        frame: `place` on the slider, `setting` (text), `usd`, `success`, `is_chosen`.
        knob: Name of the slider.
    """
    x = alt.X(
        "usd:Q", title="predicted dollars per call", scale=alt.Scale(zero=False, padding=24), axis=alt.Axis(format="$~r", tickCount=5)
    )
    y = alt.Y("success:Q", title="predicted successes", scale=alt.Scale(zero=False, padding=18), axis=alt.Axis(format=".0%", tickCount=5))
    base = alt.Chart(frame).encode(x=x, y=y)
    chosen = alt.condition("datum.is_chosen", alt.value(BAD), alt.value(GOOD))
    layers = (
        base.mark_line(color=GOOD, opacity=0.35).encode(order="place:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(color=chosen, tooltip=["setting", "usd", "success"]),
        alt.Chart(_without_overlap(frame)).encode(x=x, y=y).mark_text(dy=-12, color=INK).encode(text="setting:N"),
    )
    return titled(alt.layer(*layers), f"Along the slider “{knob}”: up and left is better, orange is chosen", 280)


def _without_overlap(points: pd.DataFrame) -> pd.DataFrame:
    """Points that can be named without their names covering each other, the chosen one first.

    Args:
        points: `usd`, `success`, `is_chosen`.
    """
    x, y = _spread(points["usd"]), _spread(points["success"])
    named: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: not points["is_chosen"].iloc[i]):
        if all(abs(x[i] - x[j]) > _APART or abs(y[i] - y[j]) > _APART for j in named):
            named.append(i)
    return points.iloc[named]


def _spread(values: pd.Series) -> list[float]:
    low, high = float(values.min()), float(values.max())
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]
