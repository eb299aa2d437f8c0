"""What several charts draw alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, TypeAlias

import altair as alt

from routerkit_app.theme import BAD, GOOD, LEGEND_COLUMNS, PALETTE

Picture: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart
INK: Final = "#7A7F85"
"""Words and rules inside a picture; readable on the light page and on the dark one."""
_OTHERS: Final = (BAD, *(shade for shade in PALETTE if shade not in {GOOD, BAD}))


def outcome_colour(field: str, values: Iterable[str], *, good: str = "ok") -> alt.Color:
    """The good outcome in the good colour, whichever others there are."""
    others = sorted(set(values) - {good})
    shades = [GOOD, *(_OTHERS[i % len(_OTHERS)] for i in range(len(others)))]
    legend = alt.Legend(
        orient="top", title=None, columns=LEGEND_COLUMNS, labelLimit=150, values=[v for v in (good, *others) if v in set(values)]
    )
    scale = alt.Scale(domain=[good, *others], range=shades)
    return alt.Color(f"{field}:N", scale=scale, legend=legend)


def rows_height(n: int, row: int = 36, *, has_legend: bool = False) -> int:
    """Height of a chart with a line per row, in pixels; title, axis and legend included, as Streamlit squeezes all into it."""
    return row * n + (180 if has_legend else 130)


def titled(chart: Picture, title: str, height: int) -> Picture:
    """The finished picture.

    Args:
        chart: What is drawn.
        title: What is shown, a colon, what to see.
        height: In pixels, legend included.
    """
    finished: Picture = chart.properties(title=title, height=height)
    return finished


def legend_height(n: int) -> int:
    """Pixels that a legend of so many names takes beyond its first line."""
    return 20 * (math.ceil(n / LEGEND_COLUMNS) - 1)
